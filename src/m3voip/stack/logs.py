"""The parts' log files: read their end, follow them, and cut them before they fill the disk.

Law: a part writes to its file itself, so its words are kept while no supervisor lives; that is why a file is rotated
by copying and truncating it, never by renaming it under the writer.
"""

from __future__ import annotations

import asyncio
import os
import shutil
from collections.abc import AsyncIterator, Sequence
from pathlib import Path

MAX_BYTES = 10 * 2**20
KEPT = 4
"""Older copies a log has beside it: NAME.log.1 is the newest."""


def tail(path: Path, lines: int = 20) -> str:
    """The last lines of a log, or what is wrong with it."""
    try:
        with path.open("rb") as file:
            file.seek(max(0, os.fstat(file.fileno()).st_size - 200 * lines))
            return "\n".join(file.read().decode(errors="replace").splitlines()[-lines:])
    except OSError as error:
        return f"(no log: {error})"


def rotate(path: Path, *, max_bytes: int = MAX_BYTES) -> bool:
    """Move the content aside if the file is too long. Lines written in between the two steps are lost: a few per
    10 MB, of a log that is for people. What must not be lost goes into Postgres."""
    if not path.exists() or path.stat().st_size < max_bytes:
        return False
    for number in range(KEPT - 1, 0, -1):
        older = path.with_name(f"{path.name}.{number}")
        if older.exists():
            older.replace(path.with_name(f"{path.name}.{number + 1}"))
    copy = path.with_name(f"{path.name}.1")
    shutil.copyfile(path, copy)
    copy.chmod(0o600)
    os.truncate(path, 0)
    return True


async def follow(paths: Sequence[Path], *, lines: int) -> AsyncIterator[tuple[str, str]]:
    """(part, line) from the end of each log, then as they come; never ends by itself."""
    places: dict[Path, int] = {}
    for path in paths:
        for line in tail(path, lines).splitlines() if path.exists() else ():
            yield path.stem, line
        places[path] = path.stat().st_size if path.exists() else 0
    while True:
        for path in paths:
            for line in _since(path, places):
                yield path.stem, line
        await asyncio.sleep(0.3)


def _since(path: Path, places: dict[Path, int]) -> list[str]:
    if not path.exists():
        return []
    size = path.stat().st_size
    if size < places[path]:
        places[path] = 0  # it was rotated
    with path.open("rb") as file:
        file.seek(places[path])
        text = file.read(size - places[path])
    whole = text.rfind(b"\n") + 1
    places[path] += whole
    return text[:whole].decode(errors="replace").splitlines()
