"""IVR trees as files: a file saved in the trees folder is what the next call gets.

Law: only a tree that passes the check is taken; a broken file is reported with every finding and the version before it
stays. The file's name (without ``.yaml``) is the tree's name.
"""

from __future__ import annotations

import asyncio
import re
from collections.abc import Awaitable, Callable
from pathlib import Path
from typing import Protocol
from uuid import UUID

import structlog
from watchfiles import awatch

from m3voip.core.errors import M3voipError
from m3voip.ivr.compile import compile_text
from m3voip.ivr.finding import TreeError
from m3voip.ivr.known import Known
from m3voip.ports import Speech

log = structlog.get_logger()

_NAME = re.compile(r"[a-z0-9][a-z0-9_-]{0,31}")
CALM_MS = 100
"""Changes within this time are one: editors write a file in several steps."""


class TreeStore(Protocol):
    """Where versions of trees are kept."""

    async def put_tree(self, tenant_id: UUID, name: str, source: str, *, again: bool) -> int | None:
        """Make it what new calls get; None if nothing changed."""
        ...


class TreeFiles:
    """The folder's watcher. ``changed`` is awaited after a version was taken, so that calls get it at once."""

    def __init__(
        self,
        *,
        folder: Path,
        store: TreeStore,
        speech: Speech,
        tenant_id: UUID,
        changed: Callable[[], Awaitable[None]],
    ) -> None:
        self._folder = folder
        self._speech = speech
        self._store = store
        self._tenant_id = tenant_id
        self._changed = changed

    async def load_all(self) -> None:
        """Take every file whose text has never been a version."""
        for path in sorted(self._folder.glob("*.yaml")):
            await self._take(path, again=False)

    async def run(self) -> None:
        """Watch until cancelled."""
        async for changes in awatch(self._folder, step=CALM_MS, recursive=False):
            taken = False
            for name in sorted({path for _, path in changes if path.endswith(".yaml")}):
                try:
                    taken = await self._take(Path(name), again=True) or taken
                except M3voipError as error:
                    log.warning("tree.not_stored", tree=Path(name).stem, why=str(error), action="save the file again")
            if taken:
                await self._changed()

    async def _take(self, path: Path, *, again: bool) -> bool:
        if not _NAME.fullmatch(path.stem):
            log.warning("tree.bad_name", file=path.name, action="use lower-case letters, digits, - and _")
            return False
        try:
            source = await asyncio.to_thread(path.read_text, encoding="utf-8")
            known = Known(files=self._speech.files(), voices=self._speech.voices)
            compile_text(source, name=path.stem, version=0, known=known)
        except (OSError, UnicodeDecodeError) as error:
            log.warning("tree.unreadable", file=path.name, why=str(error))
            return False
        except TreeError as error:
            log.error("tree.refused", tree=path.stem, why=str(error), action=f"m3voip ivr check {path.name}")
            return False
        version = await self._store.put_tree(self._tenant_id, path.stem, source, again=again)
        if version is not None:
            log.info("tree.taken", tree=path.stem, version=version)
        return version is not None
