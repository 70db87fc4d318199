"""Facts on their way into Postgres: append-only files that a killed process leaves behind for the next one.

Law: an entry is whole or it is not there (length and CRC before it); what has been appended survives a kill of this process
at any instant, because the kernel has it when ``append`` returns. Power loss is Postgres' business while Postgres answers;
while it does not, ``sync`` puts the files on the disk. Entries are read in the order in which they were appended.

Frame: length (u32, little endian), CRC-32 of the body (u32), body. A file that ends in the middle of a frame was being
written by a process that died; everything before that frame counts, and no later process writes to that file.
"""

from __future__ import annotations

import fcntl
import os
import re
import struct
from collections.abc import Iterator
from pathlib import Path
from typing import NamedTuple
from zlib import crc32

import structlog

from m3voip.core.errors import M3voipError

log = structlog.get_logger()

_HEAD = struct.Struct("<II")
_NAME = re.compile(r"(\d{12})\.facts")
SEGMENT_BYTES = 2 << 20
"""A file this long is followed by a new one; also the most that is read again for nothing after a crash."""
IDLE_BYTES = 64 << 10
"""A file this long is dropped as soon as nothing in it is needed."""


class JournalBusyError(M3voipError):
    """Another process writes this journal."""


class Position(NamedTuple):
    """The end of an entry: file number and offset. Positions grow with time."""

    segment: int
    offset: int


class Entry(NamedTuple):
    """One ``append``, as read back."""

    end: Position
    body: bytes


class Journal:
    """One folder of files, one writing process. Not for use by several threads, except ``sync``."""

    def __init__(self, folder: Path, *, segment_bytes: int = SEGMENT_BYTES) -> None:
        """Opens the folder, making it if need be. Raises JournalBusyError, OSError."""
        folder.mkdir(mode=0o700, parents=True, exist_ok=True)
        self._folder = folder
        self._segment_bytes = segment_bytes
        self._lock = os.open(folder / "lock", os.O_RDWR | os.O_CREAT, 0o600)
        try:
            fcntl.flock(self._lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except OSError as error:
            os.close(self._lock)
            raise JournalBusyError(f"{folder} is written by another process; stop it first") from error
        self._segments = sorted(int(m[1]) for p in folder.iterdir() if (m := _NAME.fullmatch(p.name)))
        self._unsynced = set(self._segments)
        self._fd = -1
        last = self._segments[-1] if self._segments else 0
        self._end = Position(last, self._path(last).stat().st_size if last else 0)
        self.left_behind = bool(self._segments)

    @property
    def start(self) -> Position:
        """Before the first entry there is."""
        return Position(self._segments[0] if self._segments else self._end.segment, 0)

    @property
    def end(self) -> Position:
        """After the last entry there is (or after the torn one that an earlier process left)."""
        return self._end

    def append(self, body: bytes) -> Position:
        """Add an entry by one write. Raises OSError (disk full); then nothing was added."""
        if self._fd < 0 or self._end.offset >= self._segment_bytes:
            self._next_segment()
        frame = _HEAD.pack(len(body), crc32(body)) + body
        written = os.write(self._fd, frame)
        if written != len(frame):
            os.ftruncate(self._fd, self._end.offset)
            raise OSError(f"only {written} of {len(frame)} bytes fitted into the journal")
        self._end = Position(self._end.segment, self._end.offset + written)
        return self._end

    def read(self, after: Position, most_bytes: int) -> list[Entry]:
        """The entries that follow, about ``most_bytes`` of them; [] when there are none."""
        entries: list[Entry] = []
        for number in self._segments:
            if number < after.segment:
                continue
            for entry in self._read_segment(number, after.offset if number == after.segment else 0):
                entries.append(entry)
                most_bytes -= len(entry.body)
                if most_bytes <= 0:
                    return entries
        return entries

    def forget(self, upto: Position, *, nothing_waits: bool) -> None:
        """Everything up to and including this entry is safe elsewhere: drop the files that hold nothing else.
        ``nothing_waits``: there is no later entry."""
        current = self._end.segment if self._fd >= 0 else -1
        for number in list(self._segments):
            if number < upto.segment or (nothing_waits and number != current):
                self._drop(number)
        if nothing_waits and current >= 0 and self._end.offset >= IDLE_BYTES:
            self._close_segment()
            self._drop(current)

    def forget_all(self) -> None:
        """Nothing here is needed any more."""
        self._close_segment()
        for number in list(self._segments):
            self._drop(number)

    def sync(self) -> None:
        """Put what has been appended so far on the disk. Blocks; may run in another thread."""
        for number in sorted(self._unsynced):
            try:
                fd = os.open(self._path(number), os.O_RDONLY)
            except FileNotFoundError:
                self._unsynced.discard(number)
                continue
            try:
                os.fsync(fd)
            finally:
                os.close(fd)
            if number != self._end.segment:
                self._unsynced.discard(number)
        folder = os.open(self._folder, os.O_RDONLY)
        try:
            os.fsync(folder)
        finally:
            os.close(folder)

    def close(self) -> None:
        """Let go of the folder; the entries stay."""
        self._close_segment()
        if self._lock >= 0:
            os.close(self._lock)
            self._lock = -1

    def _path(self, number: int) -> Path:
        return self._folder / f"{number:012d}.facts"

    def _next_segment(self) -> None:
        number = self._end.segment + 1
        fd = os.open(self._path(number), os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_APPEND, 0o600)
        self._close_segment()
        self._fd = fd
        self._segments.append(number)
        self._unsynced.add(number)
        self._end = Position(number, 0)

    def _close_segment(self) -> None:
        if self._fd >= 0:
            os.close(self._fd)
            self._fd = -1

    def _drop(self, number: int) -> None:
        self._path(number).unlink(missing_ok=True)
        self._segments.remove(number)
        self._unsynced.discard(number)

    def _read_segment(self, number: int, offset: int) -> Iterator[Entry]:
        with self._path(number).open("rb") as file:
            size = os.fstat(file.fileno()).st_size
            file.seek(offset)
            while offset < size:
                head = file.read(_HEAD.size)
                length, crc = _HEAD.unpack(head) if len(head) == _HEAD.size else (-1, 0)
                body = file.read(length) if 0 <= length <= size - offset - _HEAD.size else b""
                if len(body) != length or crc32(body) != crc:
                    log.warning("journal.torn", segment=number, offset=offset, bytes_ignored=size - offset)
                    return
                offset += _HEAD.size + length
                yield Entry(Position(number, offset), body)
