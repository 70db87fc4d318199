"""Queues and their members."""

from __future__ import annotations

from datetime import datetime
from uuid import UUID

import asyncpg
from msgspec import Struct

from m3voip.storage.postgres.admin.refusals import Duplicate, Missing, Unknown
from m3voip.storage.postgres.admin.table import Db, Table


class QueueRow(Struct, frozen=True, kw_only=True):
    """A queue. Durations are seconds; 0 = none / no limit. Rule and announcements are JSON."""

    id: UUID
    name: str
    strategy: str
    ring_timeout_s: int
    retry_s: int
    wrapup_s: int
    max_wait_s: int
    maxlen: int
    weight: int
    announce_interval_s: int
    announce_position: bool
    announce_holdtime: str
    music: str
    join_empty: list[str]
    leave_empty: list[str]
    overflow_queue_id: UUID | None
    mailbox_id: UUID | None
    record: bool
    pause_on_no_answer: bool
    service_level_s: int
    short_abandon_s: int
    skill_rule: str
    join_announcement: str | None
    agent_announcement: str | None
    periodic_announcements: str
    periodic_interval_s: int
    survey_tree_id: UUID | None
    active: bool
    created_at: datetime
    updated_at: datetime


class MemberRow(Struct, frozen=True, kw_only=True):
    """An agent in a queue. ``paused`` is how the member starts when the telephony node does. ``skills`` are the agent's,
    ``skill_rule`` is the queue's; both are JSON."""

    queue_id: UUID
    agent_id: UUID
    extension: str
    display_name: str
    penalty: int
    paused: bool
    reason: str
    skills: str
    skill_rule: str
    created_at: datetime
    updated_at: datetime


TABLE = Table(
    name="queue",
    what="queue",
    row=QueueRow,
    called={"overflow_queue_id": "overflowQueueId", "mailbox_id": "mailboxId", "survey_tree_id": "surveyTreeId"},
)

_MEMBERS = """
SELECT m.queue_id, m.agent_id, a.extension, a.display_name, m.penalty, m.paused, m.reason,
       coalesce((SELECT jsonb_object_agg(s.skill, s.level) FROM agent_skill s WHERE s.agent_id = a.id), '{}') AS skills,
       q.skill_rule, m.created_at, m.updated_at
FROM queue_member m
JOIN agent a ON a.tenant_id = m.tenant_id AND a.id = m.agent_id
JOIN queue q ON q.tenant_id = m.tenant_id AND q.id = m.queue_id
WHERE m.tenant_id = $1 AND m.queue_id = ANY ($2::uuid[])
"""


async def every(db: Db, tenant_id: UUID) -> list[QueueRow]:
    """All queues of a tenant, by name."""
    columns = ", ".join(QueueRow.__struct_fields__)
    rows = await db.fetch(f"SELECT {columns} FROM queue WHERE tenant_id = $1 ORDER BY name", tenant_id)  # noqa: S608
    return [QueueRow(**row) for row in rows]


async def overflow_path(db: Db, tenant_id: UUID, queue_id: UUID, target: UUID) -> list[str]:
    """The names of the queues on the way from ``target`` by overflow to ``queue_id``; [] where it leads elsewhere. Others
    may change no overflow until the transaction ends, so that two changes cannot close a circle together."""
    await db.execute("SELECT pg_advisory_xact_lock(hashtext('m3voip.overflow'), hashtext($1::text))", str(tenant_id))
    path: list[str] | None = await db.fetchval(
        """WITH RECURSIVE way AS (
             SELECT id, overflow_queue_id, ARRAY[name] AS names FROM queue WHERE tenant_id = $1 AND id = $3
             UNION ALL
             SELECT q.id, q.overflow_queue_id, way.names || q.name FROM queue q JOIN way ON q.id = way.overflow_queue_id
             WHERE q.tenant_id = $1 AND way.id <> $2 AND q.name <> ALL (way.names)
           ) SELECT names FROM way WHERE id = $2""",
        tenant_id,
        queue_id,
        target,
    )
    return path or []


async def members(db: Db, tenant_id: UUID, queue_ids: list[UUID]) -> dict[UUID, list[MemberRow]]:
    """The members of each of these queues, by penalty and extension."""
    found: dict[UUID, list[MemberRow]] = {queue_id: [] for queue_id in queue_ids}
    for row in await db.fetch(f"{_MEMBERS} ORDER BY m.penalty, a.extension", tenant_id, queue_ids):
        found[row["queue_id"]].append(MemberRow(**row))
    return found


async def member(db: Db, tenant_id: UUID, queue_id: UUID, agent_id: UUID) -> MemberRow:
    """One member. Raises Missing."""
    row = await db.fetchrow(f"{_MEMBERS} AND m.agent_id = $3", tenant_id, [queue_id], agent_id)
    if row is None:
        raise Missing("queue member")
    return MemberRow(**row)


async def add_member(
    db: Db, tenant_id: UUID, queue_id: UUID, agent_id: UUID, *, penalty: int, paused: bool
) -> MemberRow:
    """Put an agent into a queue. Raises Missing (the queue), Unknown (the agent) or Duplicate."""
    await TABLE.get(db, tenant_id, queue_id)
    try:
        await db.execute(
            "INSERT INTO queue_member (tenant_id, queue_id, agent_id, penalty, paused) VALUES ($1, $2, $3, $4, $5)",
            tenant_id,
            queue_id,
            agent_id,
            penalty,
            paused,
        )
    except asyncpg.ForeignKeyViolationError as error:
        raise Unknown("agent", "agentId") from error
    except asyncpg.UniqueViolationError as error:
        raise Duplicate("member of this queue", "agentId") from error
    return await member(db, tenant_id, queue_id, agent_id)


async def change_member(
    db: Db, tenant_id: UUID, queue_id: UUID, agent_id: UUID, *, penalty: int | None, paused: bool | None
) -> MemberRow:
    """Change how an agent is in a queue; None keeps what is there. Raises Missing."""
    await db.execute(
        """UPDATE queue_member SET penalty = coalesce($4::integer, penalty), paused = coalesce($5::boolean, paused)
           WHERE tenant_id = $1 AND queue_id = $2 AND agent_id = $3""",
        tenant_id,
        queue_id,
        agent_id,
        penalty,
        paused,
    )
    return await member(db, tenant_id, queue_id, agent_id)


async def remove_member(db: Db, tenant_id: UUID, queue_id: UUID, agent_id: UUID) -> None:
    """Take an agent out of a queue. Raises Missing."""
    done = await db.fetchval(
        "DELETE FROM queue_member WHERE tenant_id = $1 AND queue_id = $2 AND agent_id = $3 RETURNING true",
        tenant_id,
        queue_id,
        agent_id,
    )
    if not done:
        raise Missing("queue member")
