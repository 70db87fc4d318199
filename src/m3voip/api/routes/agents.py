"""Agents: who answers calls, their phones, and what they do at this moment."""

from __future__ import annotations

from base64 import urlsafe_b64encode
from hashlib import md5
from typing import Any

from fastapi import APIRouter, Request, Response

from m3voip.api.auth import Guarded, allowed
from m3voip.api.context import Context, Ctx
from m3voip.api.crud import change_row, delete_row, insert_row, note, page_of_rows
from m3voip.api.errors import Code
from m3voip.api.fields import columns, fields
from m3voip.api.idempotency import KeyHeader, create_once
from m3voip.api.ids import AgentId
from m3voip.api.paging import Pages
from m3voip.api.permissions import READ_SETUP, Permission
from m3voip.api.schemas.agent import Agent, AgentChange, AgentCreated, AgentLive, AgentPage, NewAgent, SipCredentials
from m3voip.api.schemas.error import guarded
from m3voip.api.work import Db
from m3voip.storage.postgres.admin.agents import TABLE, AgentRow

router = APIRouter(prefix="/v1/tm/agents", tags=["Agents"], route_class=Guarded)

_REALM = "asterisk"
_MANAGE = allowed(Permission.MANAGE_AGENTS)


@router.get("", **allowed(*READ_SETUP), responses=guarded())
async def list_agents(ctx: Ctx, paging: Pages) -> AgentPage:
    """All agents, each with its live state."""
    async with ctx.work() as db:
        rows, cursor = await page_of_rows(ctx, db, TABLE, paging)
    return AgentPage(items=[Agent(**_shown(ctx, row)) for row in rows], next_cursor=cursor)


@router.get("/{agentId}", **allowed(*READ_SETUP), responses=guarded(Code.NOT_FOUND))
async def get_agent(ctx: Ctx, agent_id: AgentId) -> Agent:
    """One agent with its live state."""
    async with ctx.work() as db:
        return Agent(**_shown(ctx, await TABLE.get(db, ctx.tenant_id, agent_id)))


@router.post("", status_code=201, response_model=AgentCreated, **_MANAGE, responses=guarded(Code.CONFLICT))
async def create_agent(ctx: Ctx, request: Request, body: NewAgent, idempotency_key: KeyHeader = None) -> Response:
    """Make an agent. The answer holds what the phone registers with; the secret is not shown again."""

    async def make(db: Db) -> AgentCreated:
        endpoint = f"e{ctx.deps.random_bytes(5).hex()}"
        secret, ha1 = _secret(ctx, endpoint)
        row = await insert_row(ctx, db, TABLE, {**columns(body), "endpoint": endpoint, "ha1": ha1})
        return AgentCreated(**_shown(ctx, row), sip_secret=secret)

    return await create_once(request, ctx, idempotency_key, make, secrets=frozenset({"sipSecret"}))


@router.patch("/{agentId}", **_MANAGE, responses=guarded(Code.NOT_FOUND, Code.CONFLICT))
async def change_agent(ctx: Ctx, agent_id: AgentId, body: AgentChange) -> Agent:
    """Change an agent. A new extension takes effect within a second; the phone need not register again."""
    async with ctx.work() as db:
        return Agent(**_shown(ctx, await change_row(ctx, db, TABLE, agent_id, columns(body, changes=True))))


@router.delete("/{agentId}", status_code=204, **_MANAGE, responses=guarded(Code.NOT_FOUND, Code.CONFLICT))
async def delete_agent(ctx: Ctx, agent_id: AgentId) -> None:
    """Delete an agent and take them out of their queues. Their calls stay."""
    async with ctx.work() as db:
        await delete_row(ctx, db, TABLE, agent_id)


@router.post("/{agentId}/sip-secret", **_MANAGE, responses=guarded(Code.NOT_FOUND))
async def rotate_agent_secret(ctx: Ctx, agent_id: AgentId) -> SipCredentials:
    """Give the phone a new secret; the old one stops working within a second."""
    async with ctx.work() as db:
        row = await TABLE.get(db, ctx.tenant_id, agent_id, lock=True)
        secret, ha1 = _secret(ctx, row.endpoint)
        await TABLE.change(db, ctx.tenant_id, agent_id, {"ha1": ha1})
        await note(ctx, db, "agent.rotate_secret", agent_id)
    return SipCredentials(sip_username=row.endpoint, sip_secret=secret)


def _secret(ctx: Context, endpoint: str) -> tuple[str, str]:
    """A secret of 128 bits, and what is stored of it (RFC 2617's HA1, which Asterisk takes in place of a password)."""
    secret = urlsafe_b64encode(ctx.deps.random_bytes(16)).decode().rstrip("=")
    return secret, md5(f"{endpoint}:{_REALM}:{secret}".encode(), usedforsecurity=False).hexdigest()


def _shown(ctx: Context, row: AgentRow) -> dict[str, Any]:
    shown = fields(row)
    shown["sip_username"] = shown.pop("endpoint")
    now = ctx.deps.live.agent(ctx.tenant_id, row.extension)
    shown["live"] = None if now is None else AgentLive.model_validate(now, from_attributes=True)
    return shown
