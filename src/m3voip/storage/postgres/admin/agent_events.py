"""What happened to an agent."""

from __future__ import annotations

from datetime import datetime
from uuid import UUID

from msgspec import Struct

from m3voip.storage.postgres.admin.table import Db


class AgentEventRow(Struct, frozen=True, kw_only=True):
    """One change; see migrations/0006_agents_at_work.sql."""

    seq: int
    at: datetime
    kind: str
    state: str
    via: str
    by: UUID | None
    reason: str
    call_id: UUID | None
    until: datetime | None


async def page(db: Db, tenant_id: UUID, agent_id: UUID, before: int | None, limit: int) -> list[AgentEventRow]:
    """Up to ``limit + 1`` events of an agent before this seq, newest first."""
    rows = await db.fetch(
        f"SELECT {', '.join(AgentEventRow.__struct_fields__)} FROM agent_event"  # noqa: S608
        " WHERE tenant_id = $1 AND agent_id = $2 AND ($3::integer IS NULL OR seq < $3) ORDER BY seq DESC LIMIT $4",
        tenant_id,
        agent_id,
        before,
        limit + 1,
    )
    return [AgentEventRow(**row) for row in rows]
