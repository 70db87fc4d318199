"""Committing facts: one statement a batch, one batch at a time. Law: whoever commits facts does it here, so the order of ids
is the order of commits and of ``on_committed``, and a stream that resumes "after id N" misses nothing.

Ids are drawn one after the other, so a gap before a batch means either a commit that failed or one whose success we did not
hear of (the connection broke); what lies in the gap is then told first.
"""

from __future__ import annotations

import asyncio
import time
from collections.abc import AsyncIterator, Callable, Iterable, Sequence
from contextlib import asynccontextmanager
from uuid import UUID

import asyncpg
from asyncpg.pool import PoolConnectionProxy
from msgspec import Raw

from m3voip.core.facts import Recorded
from m3voip.storage.codec import StoredEvent, decode_rows, encode_json, encode_rows, stored_events
from m3voip.storage.metrics import BATCHES, COMMIT_SECONDS, ROWS
from m3voip.storage.postgres.projection import project
from m3voip.storage.postgres.queries import load

Db = asyncpg.Connection | PoolConnectionProxy
OnCommitted = Callable[[Iterable[StoredEvent]], None]
"""Told of every batch after its commit, in order. Called in the event loop; must not block or raise."""

_SQL = load("commit")


class OutOfStepError(asyncpg.PostgresError):
    """A call's facts do not follow what is stored of it. Also raised by record_facts_v1: asyncpg goes by the SQLSTATE."""

    sqlstate = "M3001"


def _nobody(_: Iterable[StoredEvent]) -> None:
    return None


class Commits:
    """The one door for facts into Postgres. ``turn()`` first, then ``commit`` on a connection of the caller's."""

    def __init__(self, on_committed: OnCommitted = _nobody) -> None:
        self._on_committed = on_committed
        self._told_to: int | None = None
        self._turn = asyncio.Lock()

    @asynccontextmanager
    async def turn(self) -> AsyncIterator[None]:
        """Wait for one's turn; hold it while committing, never while waiting for Postgres to come back."""
        async with self._turn:
            yield

    async def commit(self, db: Db, rows: Sequence[Recorded], *, body: bytes | None = None, strict: bool = True) -> None:
        """Write rows and their projections: one statement, which is one transaction.

        Raises OutOfStepError when ``strict`` and the rows do not follow what is stored; asyncpg's errors.
        """
        began = time.perf_counter()
        (await self.write(db, rows, body=body, strict=strict))()
        COMMIT_SECONDS.observe(time.perf_counter() - began)

    async def write(
        self, db: Db, rows: Sequence[Recorded], *, body: bytes | None = None, strict: bool = True
    ) -> Callable[[], None]:
        """The same inside a transaction of the caller's, who calls the answer once that has been committed."""
        assert self._turn.locked()
        if self._told_to is None:
            self._told_to = await db.fetchval(_SQL["last_id"])
        batch = project(rows)
        if strict and not batch.gapless:
            raise OutOfStepError("a fact is missing inside a batch")
        first_id: int = await db.fetchval(
            _SQL["record"],
            strict,
            len(rows),
            f"[{(body if body is not None else encode_rows(rows)).decode()}]",
            *(
                encode_json(part).decode() if part else None
                for part in (
                    batch.started, batch.moved, batch.legs, batch.talks, batch.ended, batch.visits, batch.visited,
                    batch.stored, batch.outbox, batch.surveys, batch.answers,
                )
            ),
        )  # fmt: skip
        missed = await self._between(db, first_id)

        def committed() -> None:
            BATCHES.inc()
            ROWS.inc(len(rows))
            self._tell(missed)
            self._on_committed(stored_events(first_id, rows))
            self._told_to = first_id + len(rows) - 1

        return committed

    async def not_yet_stored(self, db: Db, rows: Sequence[Recorded]) -> list[Recorded]:
        """Those rows that Postgres does not have."""
        return await not_yet_stored(db, rows)

    encode = staticmethod(encode_rows)
    decode = staticmethod(decode_rows)

    async def catch_up(self, db: Db) -> None:
        """Tell of what was committed without our hearing of it, after an attempt whose outcome is unknown."""
        assert self._turn.locked()
        self._tell(await self._between(db, 1 << 62))

    async def _between(self, db: Db, end: int) -> list[StoredEvent]:
        """What is stored after the last we told of and before ``end``; nothing before our own first commit."""
        if self._told_to is None or self._told_to + 1 == end:
            return []
        return [
            StoredEvent(**{**row, "payload": Raw(row["payload"].encode())})
            for row in await db.fetch(_SQL["between"], self._told_to, end)
        ]

    def _tell(self, events: list[StoredEvent]) -> None:
        if events:
            self._on_committed(events)
            self._told_to = events[-1].id


async def not_yet_stored(db: Db, rows: Sequence[Recorded]) -> list[Recorded]:
    """Those rows that Postgres does not have. Facts of a call are committed in order, so its last seq tells."""
    calls: list[UUID] = list({row.call_id for row in rows})
    last = {record["id"]: record["last_seq"] for record in await db.fetch(_SQL["last_seq"], calls)}
    return [row for row in rows if row.seq > last.get(row.call_id, 0)]
