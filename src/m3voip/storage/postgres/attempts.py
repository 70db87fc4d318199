"""What the engine reads and writes of attempts (port AttemptStore), as the engine's role. Raises StorageUnavailable."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime
from uuid import UUID

from m3voip.ports import AttemptEnd
from m3voip.storage.postgres.pool import Pool

_ENDED = """
with over as (delete from attempt_live where attempt_id = $1)
insert into attempt_end (attempt_id, tenant_id, result, cause, trunk, answered_at, ended_at)
select id, tenant_id, $2, $3, $4, $5, $6 from attempt where id = $1
    on conflict (attempt_id) do nothing"""
_FORGOTTEN = "select attempt_id, tenant_id from attempt_live where at < $1 order by at limit 1000"


class PostgresAttempts:
    """Over the engine's pool."""

    def __init__(self, pool: Pool) -> None:
        self._pool = pool

    async def ended(self, end: AttemptEnd) -> None:
        """It is over; once."""
        async with self._pool.connection() as db:
            await db.execute(
                _ENDED, end.attempt_id, end.result.value, end.cause, end.trunk, end.answered_at, end.ended_at
            )

    async def forgotten(self, before: datetime) -> Sequence[tuple[UUID, UUID]]:
        """(attempt, tenant) of those that were cleared before this and have no end."""
        async with self._pool.connection() as db:
            return [(row["attempt_id"], row["tenant_id"]) for row in await db.fetch(_FORGOTTEN, before)]
