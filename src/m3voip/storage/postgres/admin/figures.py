"""Counts of queue visits: as many as a report needs, in one reading."""

from __future__ import annotations

from datetime import datetime
from uuid import UUID

from m3voip.reporting.measures import QueueCounts
from m3voip.storage.postgres.admin.table import Db

_COUNTS = """
SELECT count(*) FILTER (WHERE outcome = 'answered') AS answered,
       count(*) FILTER (WHERE outcome = 'answered' AND waited_s <= $5) AS answered_in_time,
       count(*) FILTER (WHERE outcome = 'abandoned') AS abandoned,
       count(*) FILTER (WHERE short_abandoned) AS short_abandoned,
       count(*) FILTER (WHERE outcome NOT IN ('answered', 'abandoned')) AS left,
       count(*) FILTER (WHERE outcome IS NULL) AS undecided,
       coalesce(sum(waited_s) FILTER (WHERE outcome = 'answered'), 0) AS answered_wait_s,
       coalesce(max(waited_s), 0) AS longest_wait_s
FROM queue_visit WHERE tenant_id = $1 AND queue = $2 AND entered_at >= $3 AND entered_at < $4
"""


async def of_queue(
    db: Db, tenant_id: UUID, queue: str, *, since: datetime, until: datetime, service_level_s: int
) -> QueueCounts:
    """The visits that began in this time."""
    row = await db.fetchrow(_COUNTS, tenant_id, queue, since, until, service_level_s)
    assert row is not None
    return QueueCounts(**row)


async def midnight(db: Db, tenant_id: UUID, now: datetime) -> datetime:
    """When this day began where the tenant is."""
    began: datetime = await db.fetchval(
        "SELECT date_trunc('day', $2::timestamptz, time_zone) FROM tenant WHERE tenant_id = $1", tenant_id, now
    )
    return began
