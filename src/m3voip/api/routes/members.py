"""Members: which agents serve a queue."""

from __future__ import annotations

from fastapi import APIRouter, Request, Response

from m3voip.api.auth import Guarded, allowed
from m3voip.api.context import Context, Ctx
from m3voip.api.crud import note
from m3voip.api.deps import QueueNow
from m3voip.api.errors import Code
from m3voip.api.idempotency import KeyHeader, create_once
from m3voip.api.ids import AgentId, QueueId
from m3voip.api.permissions import READ_SETUP, Permission
from m3voip.api.routes.queues import member
from m3voip.api.schemas.error import guarded
from m3voip.api.schemas.queue import Member, MemberChange, MemberList, NewMember
from m3voip.api.work import Db
from m3voip.storage.postgres.admin import queues

router = APIRouter(prefix="/v1/tm/queues/{queueId}/members", tags=["Queues"], route_class=Guarded)

_MANAGE = allowed(Permission.MANAGE_TELEPHONY, Permission.MANAGE_AGENTS)


@router.get("", **allowed(*READ_SETUP), responses=guarded(Code.NOT_FOUND))
async def list_members(ctx: Ctx, queue_id: QueueId) -> MemberList:
    """All members of a queue with their live state."""
    async with ctx.work() as db:
        now = await _now(ctx, db, queue_id)
        rows = (await queues.members(db, ctx.tenant_id, [queue_id]))[queue_id]
    return MemberList(items=[member(row, now) for row in rows])


@router.get("/{agentId}", **allowed(*READ_SETUP), responses=guarded(Code.NOT_FOUND))
async def get_member(ctx: Ctx, queue_id: QueueId, agent_id: AgentId) -> Member:
    """One member of a queue."""
    async with ctx.work() as db:
        now = await _now(ctx, db, queue_id)
        return member(await queues.member(db, ctx.tenant_id, queue_id, agent_id), now)


@router.post("", status_code=201, response_model=Member, **_MANAGE, responses=guarded(Code.NOT_FOUND, Code.CONFLICT))
async def add_member(
    ctx: Ctx, request: Request, queue_id: QueueId, body: NewMember, idempotency_key: KeyHeader = None
) -> Response:
    """Put an agent into a queue; the queue rings them within a second."""

    async def make(db: Db) -> Member:
        now = await _now(ctx, db, queue_id)
        row = await queues.add_member(
            db, ctx.tenant_id, queue_id, body.agent_id, penalty=body.penalty, paused=body.paused
        )
        await note(ctx, db, "queue_member.create", f"{queue_id}/{body.agent_id}")
        return member(row, now)

    return await create_once(request, ctx, idempotency_key, make)


@router.patch("/{agentId}", **_MANAGE, responses=guarded(Code.NOT_FOUND))
async def change_member(ctx: Ctx, queue_id: QueueId, agent_id: AgentId, body: MemberChange) -> Member:
    """Change how an agent is in a queue."""
    async with ctx.work() as db:
        now = await _now(ctx, db, queue_id)
        row = await queues.change_member(
            db, ctx.tenant_id, queue_id, agent_id, penalty=body.penalty, paused=body.paused
        )
        await note(ctx, db, "queue_member.change", f"{queue_id}/{agent_id}")
        return member(row, now)


@router.delete("/{agentId}", status_code=204, **_MANAGE, responses=guarded(Code.NOT_FOUND))
async def remove_member(ctx: Ctx, queue_id: QueueId, agent_id: AgentId) -> None:
    """Take an agent out of a queue; a call they are in goes on."""
    async with ctx.work() as db:
        await queues.remove_member(db, ctx.tenant_id, queue_id, agent_id)
        await note(ctx, db, "queue_member.delete", f"{queue_id}/{agent_id}")


async def _now(ctx: Context, db: Db, queue_id: QueueId) -> QueueNow | None:
    """The queue at this moment; answers 404 when there is no such queue."""
    return ctx.deps.live.queue(ctx.tenant_id, (await queues.TABLE.get(db, ctx.tenant_id, queue_id)).name)
