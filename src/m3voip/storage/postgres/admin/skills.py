"""What agents can."""

from __future__ import annotations

from collections.abc import Mapping
from uuid import UUID

from m3voip.storage.postgres.admin.agents import TABLE
from m3voip.storage.postgres.admin.table import Db


async def of_agent(db: Db, tenant_id: UUID, agent_id: UUID) -> dict[str, int]:
    """Skill → level. Raises Missing."""
    await TABLE.get(db, tenant_id, agent_id)
    rows = await db.fetch(
        "SELECT skill, level FROM agent_skill WHERE tenant_id = $1 AND agent_id = $2 ORDER BY skill",
        tenant_id,
        agent_id,
    )
    return {row["skill"]: row["level"] for row in rows}


async def put(db: Db, tenant_id: UUID, agent_id: UUID, skills: Mapping[str, int]) -> dict[str, int]:
    """Give an agent exactly these skills. Raises Missing."""
    await TABLE.get(db, tenant_id, agent_id, lock=True)
    await db.execute(
        "DELETE FROM agent_skill WHERE tenant_id = $1 AND agent_id = $2 AND skill <> ALL ($3::text[])",
        tenant_id,
        agent_id,
        list(skills),
    )
    await db.execute(
        """INSERT INTO agent_skill (tenant_id, agent_id, skill, level)
           SELECT $1, $2, given.skill, given.level FROM unnest($3::text[], $4::integer[]) AS given (skill, level)
           ON CONFLICT (agent_id, skill) DO UPDATE SET level = excluded.level""",
        tenant_id,
        agent_id,
        list(skills),
        list(skills.values()),
    )
    return await of_agent(db, tenant_id, agent_id)
