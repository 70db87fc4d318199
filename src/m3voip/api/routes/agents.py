"""Agents: who answers calls, their phones, and what they do at this moment."""

from __future__ import annotations

from typing import Any

from fastapi import APIRouter, Request, Response

from m3voip.api.auth import Guarded, allowed
from m3voip.api.context import Context, Ctx
from m3voip.api.crud import change_row, delete_row, insert_row, page_of_rows
from m3voip.api.errors import Code
from m3voip.api.fields import columns, fields
from m3voip.api.idempotency import KeyHeader, create_once
from m3voip.api.ids import AgentId
from m3voip.api.paging import Pages
from m3voip.api.permissions import READ_SETUP, Permission
from m3voip.api.phones import fresh_secret, phone_now, unknown_digest
from m3voip.api.schemas.agent import Agent, AgentChange, AgentCreated, AgentLive, AgentPage, NewAgent
from m3voip.api.schemas.error import guarded
from m3voip.api.work import Db
from m3voip.core.device import KINDS
from m3voip.storage.postgres.admin.agents import TABLE, AgentRow

router = APIRouter(prefix="/v1/tm/agents", tags=["Agents"], route_class=Guarded)

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
        secret, ha1 = fresh_secret(ctx, endpoint)
        row = await insert_row(ctx, db, TABLE, {**columns(body), "endpoint": endpoint, "ha1": ha1})
        return AgentCreated(**_shown(ctx, row), sip_secret=secret if KINDS[row.phone_kind].lasting else None)

    return await create_once(request, ctx, idempotency_key, make, secrets=frozenset({"sipSecret"}))


@router.patch("/{agentId}", **_MANAGE, responses=guarded(Code.NOT_FOUND, Code.CONFLICT))
async def change_agent(ctx: Ctx, agent_id: AgentId, body: AgentChange) -> Agent:
    """Change an agent. A new extension takes effect within a second; the phone need not register again. From another
    kind of phone to a browser or back the secret stops working: ask for a new one."""
    async with ctx.work() as db:
        values = columns(body, changes=True)
        if "phone_kind" in values:
            before = await TABLE.get(db, ctx.tenant_id, agent_id, lock=True)
            if KINDS[before.phone_kind].lasting != KINDS[values["phone_kind"]].lasting:
                values |= {"ha1": unknown_digest(ctx), "ha1_expires_at": None}
        return Agent(**_shown(ctx, await change_row(ctx, db, TABLE, agent_id, values)))


@router.delete("/{agentId}", status_code=204, **_MANAGE, responses=guarded(Code.NOT_FOUND, Code.CONFLICT))
async def delete_agent(ctx: Ctx, agent_id: AgentId) -> None:
    """Delete an agent and take them out of their queues. Their calls stay."""
    async with ctx.work() as db:
        await delete_row(ctx, db, TABLE, agent_id)


def _shown(ctx: Context, row: AgentRow) -> dict[str, Any]:
    shown = fields(row)
    shown["sip_username"] = shown.pop("endpoint")
    shown["secret_expires_at"] = shown.pop("ha1_expires_at")
    shown["phone"] = phone_now(ctx, row.extension)
    now = ctx.deps.live.agent(ctx.tenant_id, row.extension)
    shown["live"] = None if now is None else AgentLive.model_validate(now, from_attributes=True)
    return shown
