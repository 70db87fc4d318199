"""Committing facts: one statement a batch, one batch at a time. Law: whoever commits facts does it here, so the order of ids
is the order of commits and of ``on_committed``, and a stream that resumes "after id N" misses nothing.
"""

from __future__ import annotations

import asyncio
import time
from collections.abc import AsyncIterator, Callable, Iterable, Sequence
from contextlib import asynccontextmanager
from uuid import UUID

import asyncpg
from asyncpg.pool import PoolConnectionProxy

from m3voip.core.facts import Recorded
from m3voip.storage.codec import StoredEvent, encode_json, encode_rows, stored_events
from m3voip.storage.metrics import BATCHES, COMMIT_SECONDS, ROWS
from m3voip.storage.postgres.projection import project

Db = asyncpg.Connection | PoolConnectionProxy
OnCommitted = Callable[[Iterable[StoredEvent]], None]
"""Told of every batch after its commit, in order. Called in the event loop; must not block or raise."""

_RECORD = "select record_facts_v1($1, $2, $3, $4, $5, $6, $7, $8, $9, $10, $11, $12)"
_LAST = "select id, last_seq from call where id = any($1)"


def _nobody(_: Iterable[StoredEvent]) -> None:
    return None


class Commits:
    """The one door for facts into Postgres. ``turn()`` first, then ``commit`` on a connection of the caller's."""

    def __init__(self, on_committed: OnCommitted = _nobody) -> None:
        self._on_committed = on_committed
        self._turn = asyncio.Lock()

    @asynccontextmanager
    async def turn(self) -> AsyncIterator[None]:
        """Wait for one's turn; hold it while committing, never while waiting for Postgres to come back."""
        async with self._turn:
            yield

    async def commit(self, db: Db, rows: Sequence[Recorded], *, body: bytes | None = None, strict: bool = True) -> int:
        """Write rows and their projections in one transaction; answers the id of the first.

        Raises asyncpg.PostgresError with SQLSTATE M3001 when ``strict`` and the rows do not follow what is stored.
        """
        assert self._turn.locked()
        began = time.perf_counter()
        batch = project(rows)
        first_id: int = await db.fetchval(
            _RECORD,
            strict,
            len(rows),
            f"[{(body if body is not None else encode_rows(rows)).decode()}]",
            *(
                encode_json(part).decode() if part else None
                for part in (
                    batch.started, batch.moved, batch.legs, batch.talks, batch.ended, batch.visits, batch.visited,
                    batch.stored, batch.outbox,
                )
            ),
        )  # fmt: skip
        COMMIT_SECONDS.observe(time.perf_counter() - began)
        BATCHES.inc()
        ROWS.inc(len(rows))
        self._on_committed(stored_events(first_id, rows))
        return first_id


async def not_yet_stored(db: Db, rows: Sequence[Recorded]) -> list[Recorded]:
    """Those rows that Postgres does not have. Facts of a call are committed in order, so its last seq tells."""
    calls: list[UUID] = list({row.call_id for row in rows})
    last = {record["id"]: record["last_seq"] for record in await db.fetch(_LAST, calls)}
    return [row for row in rows if row.seq > last.get(row.call_id, 0)]
