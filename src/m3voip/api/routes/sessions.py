"""Sessions: an agent's line is kept up, by order of themselves (``me``) or of a supervisor. From the phone it is *56."""

from __future__ import annotations

from collections.abc import Callable

from fastapi import APIRouter

from m3voip.api.auth import Guarded
from m3voip.api.context import Context, Ctx
from m3voip.api.crud import note
from m3voip.api.errors import ApiError, Code
from m3voip.api.ids import AgentId
from m3voip.api.routes.agent_states import OTHERS, OWN, me, tried
from m3voip.api.schemas.agent_state import AgentAtWork
from m3voip.api.schemas.error import guarded
from m3voip.storage.postgres.admin.agents import TABLE

router = APIRouter(prefix="/v1/tm/agents", tags=["Agents at work"], route_class=Guarded)

_ANSWERS = guarded(Code.NOT_FOUND, Code.AGENT_UNAVAILABLE)


@router.post("/me/session", status_code=202, **OWN, responses=_ANSWERS)
async def start_my_session(ctx: Ctx) -> AgentAtWork:
    """Call the phone of this key's agent; when it is picked up its line is kept up, and the agent is signed in."""
    return await _start(ctx, me(ctx))


@router.delete("/me/session", status_code=202, **OWN, responses=_ANSWERS)
async def end_my_session(ctx: Ctx) -> AgentAtWork:
    """Hang up the line and sign out. Not in a call."""
    return await _end(ctx, me(ctx))


@router.post("/{agentId}/session", status_code=202, **OTHERS, responses=_ANSWERS)
async def start_session(ctx: Ctx, agent_id: AgentId) -> AgentAtWork:
    """Call an agent's phone; when it is picked up its line is kept up, and the agent is signed in. `session` of the state says
    whether it is."""
    return await _start(ctx, agent_id)


@router.delete("/{agentId}/session", status_code=202, **OTHERS, responses=_ANSWERS)
async def end_session(ctx: Ctx, agent_id: AgentId) -> AgentAtWork:
    """Hang up an agent's line and sign them out. Not in a call."""
    return await _end(ctx, agent_id)


async def _start(ctx: Context, agent_id: AgentId) -> AgentAtWork:
    return await _order(ctx, agent_id, "agent.start_session", lambda: ctx.deps.sessions.start(agent_id))


async def _end(ctx: Context, agent_id: AgentId) -> AgentAtWork:
    return await _order(ctx, agent_id, "agent.end_session", lambda: ctx.deps.sessions.end(agent_id))


async def _order(ctx: Context, agent_id: AgentId, action: str, ask: Callable[[], str | None]) -> AgentAtWork:
    async with ctx.work() as db:
        row = await TABLE.get(db, ctx.tenant_id, agent_id)
        if not row.active:
            raise ApiError(Code.AGENT_UNAVAILABLE, "This agent is not active; set active to true first.")
        await note(ctx, db, action, agent_id)
    return await tried(ctx, row, ask)
