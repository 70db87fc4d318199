"""Facts that Postgres does not have yet, in order: the newest few in memory too, all of them in the journal.

What a row is does not matter here: a ``Spelling`` turns rows into bytes and back.

Law: what is added is in the journal before ``add`` returns; memory holds ``most_rows`` rows or so, what is beyond is read
back from the journal, a little at a time, when its turn comes. A journal that cannot be written (disk full) degrades to
memory alone and says so: losing a call is worse than losing the guarantee against a kill.
"""

from __future__ import annotations

import time
from collections import deque
from collections.abc import Sequence
from typing import Any, Protocol

import msgspec
import structlog
from msgspec import Struct

from m3voip.storage import codec
from m3voip.storage.journal import Journal, Position
from m3voip.storage.metrics import JOURNAL_BEHIND, JOURNAL_FAILURES

log = structlog.get_logger()

_READ_BYTES = 64 << 10


class Spelling(Protocol):
    """Rows as bytes that can be joined by commas."""

    def encode(self, rows: Sequence[Any]) -> bytes:
        """A body."""
        ...

    def decode(self, body: bytes) -> list[Any]:
        """The rows of a body. Raises msgspec.DecodeError."""
        ...


class CallFacts:
    """The spelling of facts about calls."""

    encode = staticmethod(codec.encode_rows)
    decode = staticmethod(codec.decode_rows)


class Waiting(Struct):
    """One ``add``. ``end`` is its place in the journal, None if the journal failed. ``inherited``: an earlier process added
    it and may have saved it."""

    rows: Sequence[Any]
    body: bytes
    end: Position | None
    inherited: bool = False


class Backlog:
    """First in, first out. ``take`` does not remove from the journal; ``done`` does."""

    def __init__(self, journal: Journal, *, most_rows: int, spelling: Spelling | None = None) -> None:
        self._journal = journal
        self._spelling = spelling or CallFacts()
        self._most_rows = most_rows
        self._memory: deque[Waiting] = deque()
        self._unwritten: deque[Waiting] = deque()  # later than what is behind; the journal refused them
        self._inherited_to = journal.end.segment if journal.left_behind else -1
        self._read_to = journal.start
        self._behind = journal.left_behind
        self._taken = 0
        self.rows = 0
        self.loose = 0  # entries that the journal does not hold
        self.since: float | None = time.monotonic() if self._behind else None
        self.saved = journal.start
        JOURNAL_BEHIND.set(self._behind)

    @property
    def empty(self) -> bool:
        """Whether everything added has been reported done."""
        return not (self._memory or self._behind or self._unwritten or self._taken)

    @property
    def behind(self) -> bool:
        """Whether some of it is only in the journal."""
        return self._behind

    def add(self, rows: Sequence[Any]) -> None:
        """Write rows to the journal and remember them. Never blocks for long, never raises OSError."""
        body = self._spelling.encode(rows)
        waiting = Waiting(rows, body, None)
        self._write_unwritten()
        if not self._unwritten:
            waiting.end = self._write(body)
        self.loose += waiting.end is None
        if self.since is None:
            self.since = time.monotonic()
        if self._behind:
            if waiting.end is None:
                self._unwritten.append(waiting)
            return
        if self.rows >= self._most_rows and waiting.end is not None:
            self._fall_behind()
            return
        self._memory.append(waiting)
        self.rows += len(rows)
        if waiting.end is not None:
            self._read_to = waiting.end

    def take(self, most_rows: int) -> list[Waiting]:
        """The oldest entries, about ``most_rows`` rows of them; [] when there are none. To be reported by ``done``."""
        if not self._memory:
            self._refill()
        taken: list[Waiting] = []
        count = 0
        while self._memory and count < most_rows:
            if taken and taken[-1].inherited != self._memory[0].inherited:
                break
            taken.append(self._memory.popleft())
            count += len(taken[-1].rows)
        self._taken += len(taken)
        return taken

    def done(self, entries: Sequence[Waiting]) -> None:
        """Postgres has these; they were the oldest."""
        self._taken -= len(entries)
        self.rows -= sum(len(entry.rows) for entry in entries)
        self.loose -= sum(entry.end is None for entry in entries)
        last = next((entry.end for entry in reversed(entries) if entry.end is not None), None)
        if last is not None:
            self.saved = last
            self._journal.forget(last, nothing_waits=self.empty)
        self.since = None if self.empty else time.monotonic() if not self._behind else self.since

    def _write(self, body: bytes) -> Position | None:
        try:
            return self._journal.append(body)
        except OSError as error:
            JOURNAL_FAILURES.inc()
            log.error(
                "journal.failed", why=str(error), action="free disk space; until then a kill of m3voip loses facts"
            )
            return None

    def _write_unwritten(self) -> None:
        while self._unwritten:
            end = self._write(self._unwritten[0].body)
            if end is None:
                return
            self._unwritten.popleft()
            self.loose -= 1

    def _fall_behind(self) -> None:
        self._behind = True
        JOURNAL_BEHIND.set(1)
        log.warning("facts.behind", rows_in_memory=self.rows, action="is Postgres away or slow? nothing is lost")

    def _refill(self) -> None:
        if self._behind:
            entries = self._journal.read(self._read_to, _READ_BYTES)
            for entry in entries:
                self._memory.append(self._reread(entry.end, entry.body))
                self.rows += len(self._memory[-1].rows)
            if entries:
                self._read_to = entries[-1].end
                if self._read_to < self._journal.end or self._unwritten:
                    return
            self._behind = False
            self._read_to = self._journal.end
            JOURNAL_BEHIND.set(0)
        self.rows += sum(len(waiting.rows) for waiting in self._unwritten)
        self._memory.extend(self._unwritten)
        self._unwritten.clear()

    def _reread(self, end: Position, body: bytes) -> Waiting:
        try:
            rows = self._spelling.decode(body)
        except msgspec.DecodeError as error:  # written by a version that knows other facts
            log.error("journal.unreadable", why=str(error), segment=end.segment, offset=end.offset)
            rows = []
        return Waiting(rows, body, end, end.segment <= self._inherited_to)
