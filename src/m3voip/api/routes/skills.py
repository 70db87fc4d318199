"""Skills: what agents can, for the skill rules of queues."""

from __future__ import annotations

from fastapi import APIRouter

from m3voip.api.auth import Guarded, allowed
from m3voip.api.context import Ctx
from m3voip.api.crud import note
from m3voip.api.errors import Code, invalid
from m3voip.api.ids import AgentId
from m3voip.api.permissions import READ_SETUP, Permission
from m3voip.api.schemas.error import guarded
from m3voip.api.schemas.skill import AgentSkills, AgentSkillsNow
from m3voip.core.skills import SKILL_NAME
from m3voip.storage.postgres.admin import skills

router = APIRouter(prefix="/v1/tm/agents/{agentId}/skills", tags=["Agents"], route_class=Guarded)


@router.get("", **allowed(*READ_SETUP), responses=guarded(Code.NOT_FOUND))
async def get_agent_skills(ctx: Ctx, agent_id: AgentId) -> AgentSkillsNow:
    """What an agent can."""
    async with ctx.work() as db:
        return AgentSkillsNow(skills=await skills.of_agent(db, ctx.tenant_id, agent_id))


@router.put("", **allowed(Permission.MANAGE_AGENTS), responses=guarded(Code.NOT_FOUND))
async def put_agent_skills(ctx: Ctx, agent_id: AgentId, body: AgentSkills) -> AgentSkillsNow:
    """Say all that an agent can. Queues with a skill rule go by it within a second."""
    for skill in body.skills:
        if not SKILL_NAME.fullmatch(skill):  # `and` and `or` join what a rule demands
            raise invalid(f"skills.{skill}", "is a word of skill rules; choose another name.")
    async with ctx.work() as db:
        now = await skills.put(db, ctx.tenant_id, agent_id, body.skills)
        await note(ctx, db, "agent.skills", agent_id)
    return AgentSkillsNow(skills=now)
