"""Which phones' offers of audio Asterisk refused (488): the one thing about phones that neither ARI nor AMI tells.

It is decided before there is a channel, and all that Asterisk says is an error in messages.log (res_pjsip_session.c: the
endpoint "couldn't negotiate stream"), so this file is followed from its end on, through rotations.
"""

from __future__ import annotations

import asyncio
import os
import re
from collections.abc import Callable, Iterator
from datetime import datetime
from io import BufferedReader
from pathlib import Path

from m3voip.core.device import AudioRefused

LOOK_S = 0.25
MOST = 256 * 1024
"""Bytes taken at once; what a flood of errors has more than that is skipped."""

_REFUSED = re.compile(
    rb"^\[[^\]]*\] ERROR\[\d+\](?:\[C-[0-9a-f]+\])? res_pjsip_session\.c: +(?:PJSIP/)?(e[0-9a-f]{10})(?:-[0-9a-f]+)?: "
    rb"Couldn't negotiate stream \d+:"
)


def refused_endpoint(line: bytes) -> str | None:
    """The phone that a line of the log is about."""
    found = _REFUSED.match(line)
    return found[1].decode() if found else None


class RefusalLog:
    """Follows the log; ``tell`` hears of each refusal within a quarter of a second."""

    def __init__(self, log_folder: Path, *, tell: Callable[[AudioRefused], None], now: Callable[[], datetime]) -> None:
        self._path = log_folder / "messages.log"
        self._tell = tell
        self._now = now
        self._file: BufferedReader | None = None
        self._rest = b""

    async def run(self) -> None:
        """Until cancelled. What is in the log already is old."""
        if (file := self._open()) is not None:
            file.seek(0, os.SEEK_END)
        try:
            while True:
                await asyncio.sleep(LOOK_S)
                for line in self._new_lines():
                    endpoint = refused_endpoint(line)
                    if endpoint is not None:
                        self._tell(AudioRefused(endpoint=endpoint, at=self._now()))
        finally:
            self._close()

    def _open(self) -> BufferedReader | None:
        try:
            self._file = self._path.open("rb")
        except FileNotFoundError:
            self._file = None
        return self._file

    def _close(self) -> None:
        if self._file is not None:
            self._file.close()
        self._file, self._rest = None, b""

    def _new_lines(self) -> Iterator[bytes]:
        file = self._file or self._open()
        if file is None:
            return
        size = os.fstat(file.fileno()).st_size
        if size - file.tell() > MOST:
            file.seek(size - MOST)
            self._rest = b""
        *lines, self._rest = (self._rest + file.read(MOST)).split(b"\n")
        yield from lines
        if self._rotated(file):  # after the rest of the old one
            self._close()

    def _rotated(self, file: BufferedReader) -> bool:
        try:
            there = self._path.stat()
        except FileNotFoundError:
            return True
        mine = os.fstat(file.fileno())
        return there.st_ino != mine.st_ino or mine.st_size < file.tell()
