"""Agents at work: what each does, and what is asked of them, by themselves (``me``) or by a supervisor (by id).

``me`` is the agent that the API key stands for. What is asked is checked and noted in the database first; then the agents'
owner does it, and the answer shows the state after it.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable

from fastapi import APIRouter

from m3voip.api.auth import Guarded, allowed
from m3voip.api.context import Context, Ctx
from m3voip.api.crud import note
from m3voip.api.errors import ApiError, Code, integration_down, invalid
from m3voip.api.fields import fields
from m3voip.api.ids import AgentId
from m3voip.api.paging import Pages, cut
from m3voip.api.permissions import READ_SETUP, Permission
from m3voip.api.schemas.agent import AgentState
from m3voip.api.schemas.agent_state import (
    AgentAtWork,
    AgentEvent,
    AgentEventPage,
    PhoneState,
    Presence,
    StateAsked,
    WrapUpExtension,
)
from m3voip.api.schemas.error import guarded
from m3voip.core import agent_state as a
from m3voip.core.office import SESSION
from m3voip.storage.postgres.admin import agent_events, pause_reasons
from m3voip.storage.postgres.admin.agents import TABLE, AgentRow

router = APIRouter(prefix="/v1/tm/agents", tags=["Agents at work"], route_class=Guarded)

OWN = allowed(Permission.MAKE_CALLS, Permission.SUPERVISE)
OTHERS = allowed(Permission.SUPERVISE, Permission.MANAGE_AGENTS)
_WORDS = {
    AgentState.AVAILABLE: Presence.AVAILABLE,
    AgentState.RESERVED: Presence.BUSY,
    AgentState.ON_CALL: Presence.BUSY,
    AgentState.WRAP_UP: Presence.BUSY,
    AgentState.PAUSED: Presence.AWAY,
    AgentState.LOGGED_OUT: Presence.OFFLINE,
}
_TRIES, _PAUSE = 20, 0.05


@router.get("/me/state", **OWN, responses=guarded(Code.NOT_FOUND))
async def get_my_state(ctx: Ctx) -> AgentAtWork:
    """What the agent of this key does at this moment."""
    return await _state(ctx, me(ctx))


@router.post("/me/state", **OWN, responses=guarded(Code.NOT_FOUND, Code.AGENT_UNAVAILABLE))
async def ask_my_state(ctx: Ctx, body: StateAsked) -> AgentAtWork:
    """Sign in or out, pause, or be available again. During a call a pause and a sign-out take effect after it."""
    return await _ask_state(ctx, me(ctx), body)


@router.post("/me/wrap-up/extend", **OWN, responses=guarded(Code.NOT_FOUND, Code.AGENT_UNAVAILABLE))
async def extend_my_wrap_up(ctx: Ctx, body: WrapUpExtension) -> AgentAtWork:
    """More time after the call, to an hour from now at most."""
    return await _extend(ctx, me(ctx), body)


@router.post("/me/wrap-up/end", **OWN, responses=guarded(Code.NOT_FOUND, Code.AGENT_UNAVAILABLE))
async def end_my_wrap_up(ctx: Ctx) -> AgentAtWork:
    """Ready for the next call before the time is up. Without a wrap-up nothing changes."""
    return await _end(ctx, me(ctx))


@router.get("/{agentId}/state", **allowed(*READ_SETUP), responses=guarded(Code.NOT_FOUND))
async def get_agent_state(ctx: Ctx, agent_id: AgentId) -> AgentAtWork:
    """What an agent does at this moment."""
    return await _state(ctx, agent_id)


@router.post("/{agentId}/state", **OTHERS, responses=guarded(Code.NOT_FOUND, Code.AGENT_UNAVAILABLE))
async def ask_agent_state(ctx: Ctx, agent_id: AgentId, body: StateAsked) -> AgentAtWork:
    """The same as `POST /v1/tm/agents/me/state`, for a supervisor."""
    return await _ask_state(ctx, agent_id, body)


@router.post("/{agentId}/wrap-up/extend", **OTHERS, responses=guarded(Code.NOT_FOUND, Code.AGENT_UNAVAILABLE))
async def extend_agent_wrap_up(ctx: Ctx, agent_id: AgentId, body: WrapUpExtension) -> AgentAtWork:
    """More time after an agent's call."""
    return await _extend(ctx, agent_id, body)


@router.post("/{agentId}/wrap-up/end", **OTHERS, responses=guarded(Code.NOT_FOUND, Code.AGENT_UNAVAILABLE))
async def end_agent_wrap_up(ctx: Ctx, agent_id: AgentId) -> AgentAtWork:
    """End an agent's wrap-up."""
    return await _end(ctx, agent_id)


@router.get("/{agentId}/events", **allowed(*READ_SETUP), responses=guarded(Code.NOT_FOUND))
async def list_agent_events(ctx: Ctx, agent_id: AgentId, paging: Pages) -> AgentEventPage:
    """Everything that happened to an agent, newest first; a change is here some tenths of a second after it."""
    of = f"agent-events/{agent_id}"
    before = ctx.after(of, paging)
    async with ctx.work() as db:
        await TABLE.get(db, ctx.tenant_id, agent_id)
        rows = await agent_events.page(db, ctx.tenant_id, agent_id, int(before) if before else None, paging.limit)
    page, last = cut(rows, paging.limit, lambda row: str(row.seq))
    return AgentEventPage(items=[AgentEvent(**fields(row)) for row in page], next_cursor=ctx.next_cursor(of, last))


def me(ctx: Context) -> AgentId:
    """The agent that the API key stands for."""
    if ctx.principal.agent_id is None:
        raise ApiError(Code.NOT_FOUND, "This API key stands for no agent; make one with agentId.")
    return ctx.principal.agent_id


async def _ask_state(ctx: Context, agent_id: AgentId, body: StateAsked) -> AgentAtWork:
    now, by = ctx.deps.clock.now(), ctx.principal.subject
    match body.state:
        case Presence.AVAILABLE:
            return await _ask(ctx, agent_id, "agent.available", a.AvailableAsked(at=now, by=by))
        case Presence.OFFLINE:
            return await _ask(ctx, agent_id, "agent.sign_out", a.SignOutAsked(at=now, by=by))
        case Presence.AWAY | Presence.BUSY:
            reason = body.reason or ""
            limit_s = await _limit(ctx, reason)
            asked = a.PauseAsked(at=now, by=by, reason=reason, limit_s=limit_s)
            return await _ask(ctx, agent_id, "agent.pause", asked)


async def _limit(ctx: Context, reason: str) -> int:
    if not reason:
        return 0
    async with ctx.work() as db:
        limit_s = await pause_reasons.limit_of(db, ctx.tenant_id, reason)
    if limit_s is None:
        raise invalid("reason", "must be the code of an active pause reason; see GET /v1/tm/pause-reasons.")
    return limit_s


async def _extend(ctx: Context, agent_id: AgentId, body: WrapUpExtension) -> AgentAtWork:
    asked = a.WrapUpExtendAsked(at=ctx.deps.clock.now(), by=ctx.principal.subject, seconds=body.extend_sec)
    return await _ask(ctx, agent_id, "agent.extend_wrap_up", asked)


async def _end(ctx: Context, agent_id: AgentId) -> AgentAtWork:
    asked = a.WrapUpEndAsked(at=ctx.deps.clock.now(), by=ctx.principal.subject)
    return await _ask(ctx, agent_id, "agent.end_wrap_up", asked)


async def _ask(ctx: Context, agent_id: AgentId, action: str, asked: a.Asked) -> AgentAtWork:
    async with ctx.work() as db:
        row = await TABLE.get(db, ctx.tenant_id, agent_id)
        if not row.active:
            raise ApiError(Code.AGENT_UNAVAILABLE, "This agent is not active; set active to true first.")
        await note(ctx, db, action, agent_id)
    return await tried(ctx, row, lambda: ctx.deps.agents.ask(agent_id, asked))


async def tried(ctx: Context, row: AgentRow, ask: Callable[[], str | None]) -> AgentAtWork:
    """Ask the engine, a few times while it does not know the agent; answers the state after it."""
    for _ in range(_TRIES):
        refusal = ask()
        if refusal:
            raise ApiError(Code.AGENT_UNAVAILABLE, refusal)
        if refusal is not None:
            return shown(ctx, row)
        await asyncio.sleep(_PAUSE)  # made a moment ago, or the service is just starting
    raise integration_down("The agent")


async def _state(ctx: Context, agent_id: AgentId) -> AgentAtWork:
    async with ctx.work() as db:
        row = await TABLE.get(db, ctx.tenant_id, agent_id)
    return shown(ctx, row)


def shown(ctx: Context, row: AgentRow) -> AgentAtWork:
    """What an agent does at this moment."""
    now = ctx.deps.live.agent(ctx.tenant_id, row.extension)
    if now is None:
        if row.active:
            raise integration_down("The agent")
        return _at_rest(row)
    state = AgentState(now.state)
    return AgentAtWork(
        state=_WORDS[state],
        reason=now.reason,
        agent_id=row.id,
        extension=row.extension,
        agent_state=state,
        since=now.since,
        pending=AgentState(now.pending) if now.pending else None,
        phone=PhoneState.REACHABLE if now.registered else PhoneState.UNREACHABLE,
        session=now.session,
        call_id=now.call_id,
        wrap_up_ends_at=now.until,
        limit_at=now.limit_at,
        over_limit=now.over_limit,
    )


def _at_rest(row: AgentRow) -> AgentAtWork:
    """An agent who is not active."""
    return AgentAtWork(
        state=Presence.OFFLINE,
        reason="",
        agent_id=row.id,
        extension=row.extension,
        agent_state=AgentState.LOGGED_OUT,
        since=None,
        pending=None,
        phone=PhoneState.UNREACHABLE,
        session=False if row.works == SESSION else None,
        call_id=None,
        wrap_up_ends_at=None,
        limit_at=None,
        over_limit=False,
    )
