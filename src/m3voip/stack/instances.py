"""Instances that live only as long as one process: their names, and clearing up after one that was killed.

Law: only an instance with a temporary name, whose lock nobody holds, is ever cleared up.
"""

from __future__ import annotations

import secrets
import shutil
import time
from pathlib import Path

from m3voip.stack import lock, paths, strays

_PREFIX = "t-"
_YOUNG_SECONDS = 30.0


def fresh_name() -> str:
    """A name for a temporary instance that no other has."""
    return _PREFIX + secrets.token_hex(4)


async def sweep(home: Path) -> None:
    """End and delete what killed processes left of their temporary instances in this home folder."""
    for name in _abandoned(home):
        folders = paths.locate(name)
        await strays.end_all(folders)
        shutil.rmtree(folders.base, ignore_errors=True)


def _abandoned(home: Path) -> list[str]:
    young = time.time() - _YOUNG_SECONDS  # a folder this new may be about to be locked
    return [
        folder.name
        for folder in home.glob(f"{_PREFIX}*")
        if folder.stat().st_mtime < young and lock.holder(folder / "supervisor.lock") is None
    ]
