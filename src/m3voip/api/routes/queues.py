"""Queues: how each works, and who waits in it at this moment."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any
from uuid import UUID

import orjson
from fastapi import APIRouter, Request, Response

from m3voip.api.auth import Guarded, allowed
from m3voip.api.context import Context, Ctx
from m3voip.api.crud import change_row, delete_row, insert_row, page_of_rows
from m3voip.api.deps import QueueNow
from m3voip.api.errors import Code, invalid
from m3voip.api.fields import columns, fields
from m3voip.api.idempotency import KeyHeader, create_once
from m3voip.api.ids import QueueId
from m3voip.api.paging import Pages
from m3voip.api.permissions import READ_SETUP, Permission
from m3voip.api.schemas.error import guarded
from m3voip.api.schemas.queue import (
    Member,
    MemberState,
    NewQueue,
    Queue,
    QueueChange,
    QueueLive,
    QueuePage,
    WaitingCaller,
)
from m3voip.api.skill_rules import rule_of, shown_rule, stored_rule
from m3voip.api.work import Db
from m3voip.storage.postgres.admin import queues
from m3voip.storage.postgres.admin.queues import TABLE, MemberRow, QueueRow

router = APIRouter(prefix="/v1/tm/queues", tags=["Queues"], route_class=Guarded)

_MANAGE = allowed(Permission.MANAGE_TELEPHONY)
_ANNOUNCEMENTS = {"join_announcement", "agent_announcement", "periodic_announcements"}


@router.get("", **allowed(*READ_SETUP), responses=guarded())
async def list_queues(ctx: Ctx, paging: Pages) -> QueuePage:
    """All queues, each with its members and live state."""
    async with ctx.work() as db:
        rows, cursor = await page_of_rows(ctx, db, TABLE, paging)
        shown = await _shown(ctx, db, rows)
    return QueuePage(items=shown, next_cursor=cursor)


@router.get("/{queueId}", **allowed(*READ_SETUP), responses=guarded(Code.NOT_FOUND))
async def get_queue(ctx: Ctx, queue_id: QueueId) -> Queue:
    """One queue with its members, who waits and for how long."""
    async with ctx.work() as db:
        return (await _shown(ctx, db, [await TABLE.get(db, ctx.tenant_id, queue_id)]))[0]


@router.post("", status_code=201, response_model=Queue, **_MANAGE, responses=guarded(Code.CONFLICT))
async def create_queue(ctx: Ctx, request: Request, body: NewQueue, idempotency_key: KeyHeader = None) -> Response:
    """Make a queue. It takes callers within a second."""

    async def make(db: Db) -> Queue:
        return (await _shown(ctx, db, [await insert_row(ctx, db, TABLE, _columns(body))]))[0]

    return await create_once(request, ctx, idempotency_key, make)


@router.patch("/{queueId}", **_MANAGE, responses=guarded(Code.NOT_FOUND, Code.CONFLICT))
async def change_queue(ctx: Ctx, queue_id: QueueId, body: QueueChange) -> Queue:
    """Change a queue; callers who wait stay in it and keep the times of the skill rule that they came under. `linear` takes
    effect only after Asterisk has been started again."""
    async with ctx.work() as db:
        if body.overflow_queue_id is not None:
            await _refuse_circle(ctx, db, queue_id, body.overflow_queue_id)
        row = await change_row(ctx, db, TABLE, queue_id, _columns(body, changes=True))
        return (await _shown(ctx, db, [row]))[0]


@router.delete("/{queueId}", status_code=204, **_MANAGE, responses=guarded(Code.NOT_FOUND, Code.CONFLICT))
async def delete_queue(ctx: Ctx, queue_id: QueueId) -> None:
    """Delete a queue that no DID leads to. Its calls stay."""
    async with ctx.work() as db:
        await delete_row(ctx, db, TABLE, queue_id)


async def _refuse_circle(ctx: Context, db: Db, queue_id: QueueId, overflow: UUID) -> None:
    if path := await queues.overflow_path(db, ctx.tenant_id, queue_id, overflow):
        way = " → ".join((path[-1], *path))
        raise invalid("overflowQueueId", f"must not lead back to this queue: {way}.")


def _columns(body: NewQueue | QueueChange, *, changes: bool = False) -> dict[str, Any]:
    values = columns(body, changes=changes)
    if "max_waiting" in values:
        values["maxlen"] = values.pop("max_waiting")
    if "skill_rule" in values:
        values["skill_rule"] = stored_rule(values["skill_rule"])
    for name in _ANNOUNCEMENTS & values.keys():
        values[name] = None if values[name] is None else _stored(values[name])
    return values


def _stored(sent: Any) -> str:
    """An announcement, or a list of them, as JSON without the field that is not used."""
    if isinstance(sent, list):
        return f"[{','.join(map(_stored, sent))}]"
    return orjson.dumps({name: value for name, value in sent.items() if value is not None}).decode()


async def _shown(ctx: Context, db: Db, rows: Sequence[QueueRow]) -> list[Queue]:
    members = await queues.members(db, ctx.tenant_id, [row.id for row in rows])
    return [_queue(ctx, row, members[row.id]) for row in rows]


def _queue(ctx: Context, row: QueueRow, members: Sequence[MemberRow]) -> Queue:
    shown = fields(row)
    shown["max_waiting"] = shown.pop("maxlen")
    shown["skill_rule"] = shown_rule(row.skill_rule)
    shown |= {name: orjson.loads(shown[name]) for name in _ANNOUNCEMENTS if shown[name] is not None}
    now = ctx.deps.live.queue(ctx.tenant_id, row.name)
    return Queue(**shown, members=[member(one, now) for one in members], live=_live(ctx, now))


def member(row: MemberRow, now: QueueNow | None) -> Member:
    """A member with what the queue says of them at this moment."""
    seen = next((one for one in now.members if one.extension == row.extension), None) if now else None
    skills = orjson.loads(row.skills)
    return Member(
        **{name: value for name, value in fields(row).items() if name not in {"queue_id", "skill_rule", "skills"}},
        skills=skills,
        offered_after_sec=rule_of(row.skill_rule).after(skills),
        state=MemberState(seen.state) if seen else None,
        calls_taken=seen.calls_taken if seen else None,
    )


def _live(ctx: Context, now: QueueNow | None) -> QueueLive | None:
    if now is None:
        return None
    at = ctx.deps.clock.now()
    waiting = [
        WaitingCaller(
            call_id=one.call_id,
            position=one.position,
            since=one.since,
            waited_sec=round(max(0.0, (at - one.since).total_seconds()), 1),
        )
        for one in now.waiting
    ]
    return QueueLive(
        waiting=waiting,
        waiting_count=len(waiting),
        longest_wait_sec=max((one.waited_sec for one in waiting), default=0.0),
        available=sum(one.state == "available" for one in now.members),
    )
