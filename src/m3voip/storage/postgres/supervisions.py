"""What the engine reads and writes of supervisions (port SupervisionStore), as the engine's role.

Everything here raises StorageUnavailable within a few seconds when Postgres is away.
"""

from __future__ import annotations

from datetime import datetime
from uuid import UUID

import asyncpg

from m3voip.core.modes import Mode
from m3voip.core.supervision import Parting, Supervision
from m3voip.core.watched import Watched
from m3voip.storage.postgres.admin import audit
from m3voip.storage.postgres.pool import Pool

_OPEN = """
select id, tenant_id, subject, extension, call_id, agent, agent_leg, mode, started_at, answered_at
  from supervision where ended_at is null order by id"""
_ANSWERED = "update supervision set answered_at = $2 where id = $1 and answered_at is null and ended_at is null"
_ENDED = """
update supervision set ended_at = greatest($2, started_at), end_reason = $3
 where id = $1 and ended_at is null
returning tenant_id, subject, extension, call_id, agent, mode, reason,
          coalesce(extract(epoch from ended_at - answered_at), 0)::integer as seconds"""


class PostgresSupervisions:
    """Over the engine's pool."""

    def __init__(self, pool: Pool) -> None:
        self._pool = pool

    async def open(self) -> list[Supervision]:
        """Those that an earlier process left."""
        async with self._pool.connection() as db:
            return [_supervision(row) for row in await db.fetch(_OPEN)]

    async def answered(self, supervision_id: UUID, at: datetime) -> None:
        """The supervisor's phone was picked up."""
        async with self._pool.connection() as db:
            await db.execute(_ANSWERED, supervision_id, at)

    async def ended(self, supervision_id: UUID, at: datetime, why: Parting, by: UUID | None) -> None:
        """Close the row and note who heard whom, and how long, in one transaction; once."""
        async with self._pool.transaction() as db:
            row = await db.fetchrow(_ENDED, supervision_id, at, why.value)
            if row is None:
                return
            names = ("extension", "agent", "mode", "reason", "seconds")
            details = {"call": str(row["call_id"]), **{name: row[name] for name in names}, "endReason": why.value}
            await audit.note(
                db, row["tenant_id"], by or row["subject"], "supervision.end", supervision_id, details=details
            )


def _supervision(row: asyncpg.Record) -> Supervision:
    return Supervision(
        id=row["id"],
        tenant_id=row["tenant_id"],
        subject=row["subject"],
        extension=row["extension"],
        watched=Watched(call_id=row["call_id"], agent=row["agent"], leg=row["agent_leg"]),
        mode=Mode(row["mode"]),
        started_at=row["started_at"],
        answered_at=row["answered_at"],
    )
