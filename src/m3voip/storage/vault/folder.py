"""The vault as a folder. Law: a key is made of whitelisted parts and never leaves the folder; an object appears whole or not
at all, and is never changed: it is written beside its place, put on the disk, linked there, and read back.
"""

from __future__ import annotations

import asyncio
import errno
import os
import re
import shutil
import tempfile
from hashlib import file_digest
from pathlib import Path

from m3voip.ports import StoredFile
from m3voip.storage.errors import VaultConflictError

_KEY = re.compile(
    r"(?P<tenant>[0-9a-f-]{36})/(?P<year>[0-9]{4})/(?P<month>0[1-9]|1[0-2])/(?P<call>[0-9a-f-]{36})"
    r"/(?P<name>[A-Za-z0-9][A-Za-z0-9_-]{0,63}\.[a-z0-9]{1,8})"
)


class FolderVault:
    """Port RecordingVault. Keys: ``<tenant>/<yyyy>/<mm>/<call>/<name>.<extension>``."""

    def __init__(self, folder: Path) -> None:
        self._folder = folder

    async def put(self, key: str, source: Path) -> StoredFile:
        """Store a copy; the answer is what was read back from its place. Raises ValueError for a key that is none,
        VaultConflictError when other content is there, OSError."""
        return await asyncio.to_thread(self._put, key, source)

    async def open(self, key: str) -> Path:
        """A local path to read from. Raises KeyError when there is no such object (or the key is none)."""
        try:
            place = self._place(key)
        except ValueError:
            raise KeyError(key) from None
        if not await asyncio.to_thread(place.is_file):
            raise KeyError(key)
        return place

    async def delete(self, key: str) -> None:
        """Remove an object and the folders it leaves empty; not an error when it is gone."""
        await asyncio.to_thread(self._delete, key)

    def _place(self, key: str) -> Path:
        if _KEY.fullmatch(key) is None:
            raise ValueError("not a key of this vault: <tenant>/<yyyy>/<mm>/<call>/<name>.<extension>")
        return self._folder / key

    def _put(self, key: str, source: Path) -> StoredFile:
        place = self._place(key)
        wanted = _sha256(source)
        self._folder.mkdir(mode=0o700, parents=True, exist_ok=True)
        place.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
        if not place.exists():
            self._write(source, place)
        stored = StoredFile(key=key, sha256=_sha256(place), size=place.stat().st_size)
        if stored.sha256 != wanted:
            raise VaultConflictError(f"{key}: other content is stored there")
        return stored

    def _write(self, source: Path, place: Path) -> None:
        handle, beside = tempfile.mkstemp(dir=place.parent, prefix=".", suffix=".part")
        try:
            with os.fdopen(handle, "wb") as target, source.open("rb") as origin:
                shutil.copyfileobj(origin, target, 1 << 20)
                target.flush()
                os.fsync(target.fileno())
            _appear(Path(beside), place)
        finally:
            Path(beside).unlink(missing_ok=True)
        for folder in (place.parent, *list(place.parents)[1:5]):
            _sync_folder(folder)

    def _delete(self, key: str) -> None:
        place = self._place(key)
        place.unlink(missing_ok=True)
        for folder in list(place.parents)[:4]:
            try:
                folder.rmdir()
            except OSError:  # not empty, or never there
                return


def _appear(beside: Path, place: Path) -> None:
    """Give the finished file its name. A link, unlike a rename, never replaces anything."""
    try:
        place.hardlink_to(beside)
    except FileExistsError:
        return  # somebody was faster; the comparison follows
    except OSError as error:
        if error.errno not in (errno.EPERM, errno.ENOTSUP) or place.exists():
            raise
        beside.rename(place)  # a file system without links


def _sha256(path: Path) -> str:
    with path.open("rb") as file:
        return file_digest(file, "sha256").hexdigest()


def _sync_folder(folder: Path) -> None:
    handle = os.open(folder, os.O_RDONLY | os.O_DIRECTORY)
    try:
        os.fsync(handle)
    finally:
        os.close(handle)
