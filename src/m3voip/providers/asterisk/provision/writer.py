"""Bring Asterisk to a configuration: write the generated files that changed, reload the modules that read them.

Law: a file is replaced whole or not at all; a module whose reload failed is reloaded again by the next ``apply``, even
if nothing changed since. The first ``apply`` reloads everything, because what Asterisk has read is not known.
"""

from __future__ import annotations

import asyncio
import os
from pathlib import Path
from typing import Protocol

from m3voip.providers.asterisk.provision.model import Provisioning
from m3voip.providers.asterisk.provision.render import GeneratedFile, render


class Reloader(Protocol):
    """Makes Asterisk read one module's configuration again, e.g. ``PUT /ari/asterisk/modules/{module}``."""

    async def reload(self, module: str) -> None:
        """Returns when it has been read. Raises when Asterisk could not be asked."""
        ...


class Provisioner:
    """One for a node; ``apply`` is called by one task at a time."""

    def __init__(self, folder: Path, reloader: Reloader) -> None:
        self._folder = folder
        self._reloader = reloader
        self._effects: dict[str, str] = {}
        """per file what Asterisk has read"""

    def forget(self) -> None:
        """What Asterisk has read is not known any more (it was out of reach): the next ``apply`` reloads all."""
        self._effects.clear()

    async def apply(self, config: Provisioning) -> list[str]:
        """Write and reload. Returns the reloaded modules, in order. Raises what the reloader raises; the files are
        written by then, so Asterisk finds them at its next start in any case."""
        files = render(config)
        await asyncio.to_thread(_write, self._folder, files)
        stale = [file for file in files if self._effects.get(file.name) != file.effect]
        modules = list(dict.fromkeys(file.module for file in stale))
        for module in modules:
            await self._reloader.reload(module)
            self._effects.update((file.name, file.effect) for file in stale if file.module == module)
        return modules


def _write(folder: Path, files: tuple[GeneratedFile, ...]) -> None:
    """Each by a synced temporary file and a rename, readable by the owner only: they hold secrets."""
    folder.mkdir(parents=True, exist_ok=True)
    for file in files:
        target, data = folder / file.name, file.text.encode()
        if target.exists() and target.read_bytes() == data:
            continue
        temporary = folder / f".{file.name}.new"
        descriptor = os.open(temporary, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o600)
        with os.fdopen(descriptor, "wb") as stream:
            stream.write(data)
            stream.flush()
            os.fsync(stream.fileno())
        temporary.replace(target)
