"""Agents' phones: their secrets and what to enter in them."""

from __future__ import annotations

from datetime import timedelta

from fastapi import APIRouter

from m3voip.api.auth import Guarded, allowed
from m3voip.api.context import Ctx
from m3voip.api.crud import note
from m3voip.api.errors import ApiError, Code, integration_down, not_found
from m3voip.api.ids import AgentId
from m3voip.api.permissions import READ_SETUP, Permission
from m3voip.api.phones import give_secret, provisioning
from m3voip.api.schemas.error import guarded
from m3voip.api.schemas.phone import BrowserCredentialsWanted, PhoneProvisioning, SipCredentials
from m3voip.api.schemas.phone_test import PhoneTest, PhoneTestWanted, shown_test
from m3voip.core.device import KINDS
from m3voip.storage.postgres.admin.agents import TABLE

router = APIRouter(prefix="/v1/tm/agents", tags=["Agents"], route_class=Guarded)

_MANAGE = allowed(Permission.MANAGE_AGENTS)
_TEST = allowed(Permission.MANAGE_AGENTS, Permission.MANAGE_TELEPHONY, Permission.SUPERVISE)
_BUSY = frozenset({"reserved", "on_call"})


@router.get("/{agentId}/provisioning", **allowed(*READ_SETUP), responses=guarded(Code.NOT_FOUND))
async def get_agent_provisioning(ctx: Ctx, agent_id: AgentId) -> PhoneProvisioning:
    """What to enter in the agent's phone, without the secret."""
    async with ctx.work() as db:
        return provisioning(ctx, await TABLE.get(db, ctx.tenant_id, agent_id))


@router.post("/{agentId}/sip-secret", **_MANAGE, responses=guarded(Code.NOT_FOUND, Code.CONFLICT))
async def rotate_agent_secret(ctx: Ctx, agent_id: AgentId) -> SipCredentials:
    """Give the phone a new secret; the old one stops working within a second. A browser has none that lasts (CONFLICT)."""
    async with ctx.work() as db:
        row = await TABLE.get(db, ctx.tenant_id, agent_id, lock=True)
        if not KINDS[row.phone_kind].lasting:
            raise _other_kind("A browser's secrets are short-lived: ask for browser-credentials.")
        given = await give_secret(ctx, db, row, None)
        await note(ctx, db, "agent.rotate_secret", agent_id)
    return given


@router.post("/{agentId}/browser-credentials", **_MANAGE, responses=guarded(Code.NOT_FOUND, Code.CONFLICT))
async def issue_browser_credentials(
    ctx: Ctx, agent_id: AgentId, body: BrowserCredentialsWanted | None = None
) -> SipCredentials:
    """A secret for the agent's browser that ends by itself: from then on it does not register any more, and within two
    minutes it is not rung; a call that goes on is not cut. Ask again before it ends; the one before stops working. Only
    agents whose phoneKind is browser have them (CONFLICT)."""
    wanted = body or BrowserCredentialsWanted()
    async with ctx.work() as db:
        row = await TABLE.get(db, ctx.tenant_id, agent_id, lock=True)
        if KINDS[row.phone_kind].lasting:
            raise _other_kind("Only a browser has short-lived secrets; this agent's phoneKind is another.")
        ends = ctx.deps.clock.now() + timedelta(seconds=wanted.ttl_sec)
        given = await give_secret(ctx, db, row, ends)
        await note(ctx, db, "agent.issue_browser_secret", agent_id)
    return given


@router.post("/{agentId}/phone-test", status_code=202, **_TEST, responses=guarded(Code.NOT_FOUND, Code.CONFLICT))
async def start_phone_test(ctx: Ctx, agent_id: AgentId, body: PhoneTestWanted | None = None) -> PhoneTest:
    """Call the agent's phone, play a tone, listen and measure; `GET` the same address for how it goes. One at a time for
    each agent (CONFLICT); not while the agent is offered a call or talks (AGENT_UNAVAILABLE)."""
    wanted = body or PhoneTestWanted()
    async with ctx.work() as db:
        row = await TABLE.get(db, ctx.tenant_id, agent_id)
        if not ctx.deps.control.connected:
            raise integration_down("Asterisk")
        now = ctx.deps.live.agent(ctx.tenant_id, row.extension)
        if now is not None and now.state in _BUSY:
            raise ApiError(
                Code.AGENT_UNAVAILABLE, "The agent is offered a call or talks at this moment. Try again later."
            )
        begun = ctx.deps.phone_tests.start(
            ctx.new_id(), agent_id, endpoint=row.endpoint, kind=row.phone_kind, seconds=wanted.seconds
        )
        if begun is None:
            message = "A test of this phone goes on, or too many tests do; wait for its end."
            raise ApiError(Code.CONFLICT, message, [("agentId", message)])
        await note(ctx, db, "agent.phone_test", agent_id)
    return shown_test(begun)


@router.get("/{agentId}/phone-test", **_TEST, responses=guarded(Code.NOT_FOUND))
async def get_phone_test(ctx: Ctx, agent_id: AgentId) -> PhoneTest:
    """The test of the agent's phone that goes on, or the last one since the service started."""
    async with ctx.work() as db:
        await TABLE.get(db, ctx.tenant_id, agent_id)
    last = ctx.deps.phone_tests.last(agent_id)
    if last is None:
        raise not_found("phone test")
    return shown_test(last)


def _other_kind(message: str) -> ApiError:
    return ApiError(Code.CONFLICT, f"phoneKind: {message}", [("phoneKind", message)])
