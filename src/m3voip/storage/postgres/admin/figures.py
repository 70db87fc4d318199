"""Counts of queue visits: as many as a report needs, in one reading."""

from __future__ import annotations

from datetime import datetime
from uuid import UUID

from m3voip.reporting.measures import QueueCounts
from m3voip.storage.postgres.admin.table import Db

_COUNTS = """
SELECT q.id,
       count(*) FILTER (WHERE v.outcome = 'answered') AS answered,
       count(*) FILTER (WHERE v.outcome = 'answered' AND v.waited_s <= coalesce($5, q.service_level_s)) AS answered_in_time,
       count(*) FILTER (WHERE v.outcome = 'abandoned') AS abandoned,
       count(*) FILTER (WHERE v.short_abandoned) AS short_abandoned,
       count(*) FILTER (WHERE v.outcome NOT IN ('answered', 'abandoned')) AS left,
       count(v.call_id) FILTER (WHERE v.outcome IS NULL) AS undecided,
       coalesce(sum(v.waited_s) FILTER (WHERE v.outcome = 'answered'), 0) AS answered_wait_s,
       coalesce(max(v.waited_s), 0) AS longest_wait_s
FROM queue q LEFT JOIN queue_visit v
  ON v.tenant_id = q.tenant_id AND v.queue = q.name AND v.entered_at >= $3 AND v.entered_at < $4
WHERE q.tenant_id = $1 AND ($2::uuid IS NULL OR q.id = $2)
GROUP BY q.id
"""


async def of_queues(
    db: Db,
    tenant_id: UUID,
    *,
    since: datetime,
    until: datetime,
    queue_id: UUID | None = None,
    service_level_s: int | None = None,
) -> dict[UUID, QueueCounts]:
    """The visits that began in this time, by queue: all of the tenant's, or this one. In time is what was answered within
    the queue's own service level, or this one."""
    rows = await db.fetch(_COUNTS, tenant_id, queue_id, since, until, service_level_s)
    return {row["id"]: QueueCounts(**{name: row[name] for name in QueueCounts.__struct_fields__}) for row in rows}


async def midnight(db: Db, tenant_id: UUID, now: datetime) -> datetime:
    """When this day began where the tenant is."""
    began: datetime = await db.fetchval(
        "SELECT date_trunc('day', $2::timestamptz, time_zone) FROM tenant WHERE tenant_id = $1", tenant_id, now
    )
    return began
