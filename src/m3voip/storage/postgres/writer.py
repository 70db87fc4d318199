"""The writer of live facts (port EventLog): journal first, then Postgres in batches, in order, whatever happens there.
One for the facts of calls, one for agents' events; what tells them apart is the door that they go through.

Theory of operation: ``append`` puts rows into the backlog (journal and memory) and wakes the task ``run``. At most one batch
is committed every ``WINDOW_S`` (under load ``BUSY_WINDOW_S``); a batch is one statement. When an attempt fails with its
outcome unknown, the rows that are stored already are left out of the next attempt (``not_yet_stored``), so nothing is lost
and nothing comes twice. While Postgres is away the writer retries for ever, keeps the journal on the disk, and everything
else goes on.
What Postgres refuses for good, which only a bug can cause, must not hold up the rest: it is tried row by row, and a row that
is refused by itself is put into a file beside the journal and reported.
"""

from __future__ import annotations

import asyncio
import random
import time
from collections.abc import Awaitable, Callable, Sequence
from contextlib import AbstractAsyncContextManager
from enum import IntEnum
from pathlib import Path
from typing import Any, Protocol

import asyncpg
import structlog

from m3voip.storage.backlog import Backlog, Spelling, Waiting
from m3voip.storage.journal import Journal
from m3voip.storage.metrics import COMMIT_FAILURES, OUT_OF_STEP, REFUSED
from m3voip.storage.postgres.commit import OutOfStepError
from m3voip.storage.postgres.pool import ANY_FAILURE

log = structlog.get_logger()

WINDOW_S = 0.02
"""Batches begin at least this far apart."""
BUSY_WINDOW_S = 0.05
"""The same once batches hold ``BUSY_ROWS``: a commit costs client and server together more than a millisecond of CPU whatever
it holds, which at 50 a second is work for some dozen calls."""
BUSY_ROWS = 16
BATCH_ROWS = 500
MOST_ROWS = 20_000
"""Rows in memory (about 20 MB); beyond, the journal alone has them."""
RETRY_S = (0.1, 2.0)
_REFUSALS = ("22", "23", "54", "M3")  # SQLSTATE classes: data, integrity, too long, ours

Connect = Callable[[], Awaitable[asyncpg.Connection]]


class Door(Spelling, Protocol):
    """The way of one kind of rows into Postgres (``commit.Commits``, ``agents.AgentCommits``)."""

    def turn(self) -> AbstractAsyncContextManager[None]:
        """Hold it while committing."""
        ...

    async def commit(
        self, db: asyncpg.Connection, rows: Sequence[Any], *, body: bytes | None = None, strict: bool = True
    ) -> None:
        """Write rows: one statement. Raises OutOfStepError when ``strict`` and they do not follow what is stored."""
        ...

    async def catch_up(self, db: asyncpg.Connection) -> None:
        """Tell of what was committed without our hearing of it."""
        ...

    async def not_yet_stored(self, db: asyncpg.Connection, rows: Sequence[Any]) -> list[Any]:
        """Those rows that Postgres does not have."""
        ...


class Trust(IntEnum):
    """How sure we are that a batch follows what is stored."""

    FULL = 0  # nothing of it can be there yet
    DOUBT = 1  # some of it may be: look first
    ACCEPT = 2  # something is wrong: what is missing before it is missing
    NONE = 3  # it cannot be taken as a whole


class EventWriter:
    """Port EventLog. ``run`` is its task; ``flush`` waits until what was appended so far is in Postgres."""

    def __init__(
        self, *, journal_dir: Path, connect: Connect, commits: Door, most_rows: int = MOST_ROWS,
        window_s: float = WINDOW_S, jitter: Callable[[], float] = random.random,
    ) -> None:  # fmt: skip
        """Takes the journal, with what an earlier process left in it. Raises JournalBusyError, OSError."""
        self._folder = journal_dir
        self._journal = Journal(journal_dir)
        self._backlog = Backlog(self._journal, most_rows=most_rows, spelling=commits)
        self._window_s = window_s
        self._connect = connect
        self._commits = commits
        self._jitter = jitter
        self._connection: asyncpg.Connection | None = None
        self._wake = asyncio.Event()
        self._progress = asyncio.Event()
        if not self._backlog.empty:
            self._wake.set()

    def append(self, rows: Sequence[Any]) -> None:
        """Write facts down, in this order; they survive a kill of this process from here on. Never blocks on Postgres."""
        if rows:
            self._backlog.add(rows)
            self._wake.set()

    def unsaved_age(self) -> float:
        """Seconds since the oldest fact that Postgres does not have was appended; 0 when it has all."""
        return time.monotonic() - self._backlog.since if self._backlog.since is not None else 0.0

    def unsaved_rows(self) -> int:
        """Facts in memory that Postgres does not have."""
        return self._backlog.rows

    async def flush(self) -> None:
        """Returns when everything appended before this call is in Postgres; that may be never, so give it a timeout."""
        target = self._journal.end
        while not (self._backlog.empty or (self._backlog.saved >= target and not self._backlog.loose)):
            self._progress.clear()
            await self._progress.wait()

    async def run(self) -> None:
        """Until cancelled. What is not saved then stays in the journal for the next process."""
        loop = asyncio.get_running_loop()
        try:
            while True:
                await self._wake.wait()
                self._wake.clear()
                began, rows = loop.time(), 0
                while entries := self._backlog.take(BATCH_ROWS):
                    await self._save(entries)
                    self._backlog.done(entries)
                    self._progress.set()
                    rows = sum(len(entry.rows) for entry in entries)
                    if rows < BATCH_ROWS and not self._backlog.behind:
                        break
                if not self._backlog.empty:
                    self._wake.set()
                window = max(BUSY_WINDOW_S if rows >= BUSY_ROWS else WINDOW_S, self._window_s)
                await asyncio.sleep(began + window - loop.time())
        finally:
            self._disconnect()

    def close(self) -> None:
        """Let go of the journal, after ``run`` has ended."""
        if self._backlog.empty:
            self._journal.forget_all()
        self._journal.close()

    async def _save(self, entries: Sequence[Waiting]) -> None:
        """Returns when Postgres has these rows."""
        rows = [row for entry in entries for row in entry.rows]
        body: bytes | None = b",".join(entry.body for entry in entries)
        for entry in entries:
            if not entry.rows:
                body = None
                await self._put_aside(entry.body, "not readable by this version")
        trust = Trust.DOUBT if entries[0].inherited else Trust.FULL
        away_s = RETRY_S[0]
        while trust is not Trust.NONE:
            try:
                await self._attempt(rows, body, trust)
            except ANY_FAILURE as error:
                COMMIT_FAILURES.labels(type(error).__name__).inc()
                if _refused(error):
                    trust = Trust(trust + 1)
                    _report(error, trust)
                else:
                    trust = max(trust, Trust.DOUBT)
                    await self._wait_for_postgres(error, away_s)
                    away_s = min(away_s * 2, RETRY_S[1])
            else:
                return
        for row in rows:
            await self._save_alone(row)

    async def _attempt(self, rows: Sequence[Any], body: bytes | None, trust: Trust) -> None:
        connection = await self._connected()
        async with self._commits.turn():
            if trust is not Trust.FULL:
                rows, body = await self._commits.not_yet_stored(connection, rows), None
                await self._commits.catch_up(connection)
            if rows:
                await self._commits.commit(connection, rows, body=body, strict=trust is not Trust.ACCEPT)

    async def _save_alone(self, row: object) -> None:
        """One row of a batch that was refused: stored, or put aside."""
        away_s = RETRY_S[0]
        while True:
            try:
                await self._attempt([row], None, Trust.ACCEPT)
            except ANY_FAILURE as error:
                if _refused(error):
                    await self._put_aside(self._commits.encode([row]), type(error).__name__)
                    return
                await self._wait_for_postgres(error, away_s)
                away_s = min(away_s * 2, RETRY_S[1])
            else:
                return

    async def _put_aside(self, body: bytes, why: str) -> None:
        REFUSED.inc()
        path = self._folder / "refused.jsonl"
        log.error("facts.put_aside", why=why, file=path.name, action="a bug; keep the file, it holds what is missing")

        def write() -> None:
            with path.open("ab") as file:
                file.write(b"[" + body + b"]\n")

        await asyncio.to_thread(write)

    async def _wait_for_postgres(self, error: BaseException, seconds: float) -> None:
        self._disconnect()
        state = getattr(error, "sqlstate", None)
        log.warning("facts.postgres_away", why=type(error).__name__, sqlstate=state, rows=self._backlog.rows)
        try:
            await asyncio.to_thread(self._journal.sync)
        except OSError as failure:
            log.error("journal.sync_failed", why=str(failure), action="look at the disk")
        await asyncio.sleep(seconds * (0.5 + self._jitter() / 2))

    async def _connected(self) -> asyncpg.Connection:
        if self._connection is None or self._connection.is_closed():
            self._connection = await self._connect()
        return self._connection

    def _disconnect(self) -> None:
        if self._connection is not None:
            self._connection.terminate()
            self._connection = None


def _refused(error: BaseException) -> bool:
    """Whether Postgres said no to these very rows; then asking again is of no use."""
    return (getattr(error, "sqlstate", None) or "").startswith(_REFUSALS)


def _report(error: BaseException, trust: Trust) -> None:
    if isinstance(error, OutOfStepError) and trust is Trust.ACCEPT:
        OUT_OF_STEP.inc()
        log.error("facts.out_of_step", action="a bug: two writers, or a fact is missing; taken as they are")
    else:
        log.warning("facts.refused", why=type(error).__name__)
