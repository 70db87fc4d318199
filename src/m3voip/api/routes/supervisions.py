"""Supervisions: listen to an agent, whisper, barge, take the call over. Law: the row and the audit are written first, then it is
done; a phone that hears somebody is always in the list."""

from __future__ import annotations

import asyncio
from typing import Annotated, Any
from uuid import UUID

from fastapi import APIRouter, Query, Request, Response

from m3voip.api.auth import Guarded, allowed
from m3voip.api.context import Context, Ctx
from m3voip.api.crud import note
from m3voip.api.errors import ApiError, Code, integration_down, invalid
from m3voip.api.fields import fields
from m3voip.api.idempotency import KeyHeader, create_once
from m3voip.api.ids import SupervisionId
from m3voip.api.paging import Pages, cut
from m3voip.api.permissions import Permission
from m3voip.api.schemas.call import Done, Liveness
from m3voip.api.schemas.error import guarded
from m3voip.api.schemas.supervision import NewSupervision, Supervision, SupervisionChange, SupervisionPage
from m3voip.api.work import Db
from m3voip.core.modes import Mode
from m3voip.core.parties import TargetKind
from m3voip.core.supervision import Supervision as Ordered
from m3voip.core.watched import Watched
from m3voip.storage.postgres.admin import calls, supervisions, targets
from m3voip.storage.postgres.admin.refusals import Duplicate
from m3voip.storage.postgres.admin.supervisions import TABLE, SupervisionRow

router = APIRouter(prefix="/v1/tm/supervisions", tags=["Supervision"], route_class=Guarded)

_SUPERVISE: dict[str, Any] = allowed(Permission.SUPERVISE)
_TRIES, _PAUSE = 20, 0.05


@router.get("", **_SUPERVISE, responses=guarded())
async def list_supervisions(
    ctx: Ctx,
    paging: Pages,
    *,
    state: Annotated[Liveness | None, Query(description="only those that go on, or only those that ended")] = None,
    call: Annotated[UUID | None, Query(description="only those of this call")] = None,
) -> SupervisionPage:
    """Who listens to whom, and did, newest first."""
    live = None if state is None else state is Liveness.LIVE
    after = ctx.after("supervisions", paging)
    async with ctx.work() as db:
        rows = await supervisions.page(
            db, ctx.tenant_id, live=live, call_id=call, before=UUID(after) if after else None, limit=paging.limit
        )
    page, last = cut(rows, paging.limit, lambda row: str(row.id))
    return SupervisionPage(items=[_shown(row) for row in page], next_cursor=ctx.next_cursor("supervisions", last))


@router.get("/{supervisionId}", **_SUPERVISE, responses=guarded(Code.NOT_FOUND))
async def get_supervision(ctx: Ctx, supervision_id: SupervisionId) -> Supervision:
    """One supervision."""
    async with ctx.work() as db:
        return _shown(await TABLE.get(db, ctx.tenant_id, supervision_id))


@router.post(
    "", status_code=201, response_model=Supervision, **_SUPERVISE, responses=guarded(Code.NOT_FOUND, Code.CONFLICT)
)
async def create_supervision(
    ctx: Ctx, request: Request, body: NewSupervision, idempotency_key: KeyHeader = None
) -> Response:
    """Ring your phone; when you answer you hear the agent and whoever they talk to. It ends when you hang up, when the agent
    leaves the call, or by DELETE."""
    if (body.call_id is None) is (body.agent_extension is None):
        raise invalid("callId", "send either callId or agentExtension.")
    ordered: list[Ordered] = []

    async def make(db: Db) -> Supervision:
        if not await targets.exists(db, ctx.tenant_id, TargetKind.EXTENSION, body.extension):
            raise invalid("extension", "there is no such agent, so no such phone.")
        who = await _whom(ctx, db, body.call_id, body.agent_extension, body.extension)
        row = await _insert(ctx, db, body, who)
        await _audit(ctx, db, "supervision.start", row)
        ordered.append(_ordered(ctx, row, who))
        return _shown(row)

    answer = await create_once(request, ctx, idempotency_key, make)
    for one in ordered:  # committed; nothing when an earlier answer was repeated
        ctx.deps.supervisions.begin(one)
    return answer


@router.patch("/{supervisionId}", **_SUPERVISE, responses=guarded(Code.NOT_FOUND, Code.CONFLICT))
async def change_supervision(ctx: Ctx, supervision_id: SupervisionId, body: SupervisionChange) -> Supervision:
    """Speak to others than before, or go on to another agent; your phone does not ring again."""
    sent = body.model_dump(exclude_unset=True)
    if "call_id" in sent and "agent_extension" in sent:
        raise invalid("callId", "send either callId or agentExtension.")
    async with ctx.work() as db:
        row = await _living(ctx, db, supervision_id)
        who = None
        changes: dict[str, Any] = {"mode": sent.get("mode", Mode(row.mode)).value}
        if "call_id" in sent or "agent_extension" in sent:
            who = await _whom(ctx, db, sent.get("call_id"), sent.get("agent_extension"), row.extension)
            changes = {
                "mode": sent.get("mode", Mode.LISTEN).value,
                "call_id": who.call_id, "agent": who.agent, "agent_leg": who.leg,
            }  # fmt: skip
        if sent:
            row = await supervisions.change(db, ctx.tenant_id, supervision_id, changes)
            await _audit(ctx, db, "supervision.change", row)
    if sent:
        ctx.deps.supervisions.change(supervision_id, Mode(row.mode), who)
    return _shown(row)


@router.post(
    "/{supervisionId}/take-over", status_code=202, **_SUPERVISE, responses=guarded(Code.NOT_FOUND, Code.CONFLICT)
)
async def take_over_call(ctx: Ctx, supervision_id: SupervisionId) -> Done:
    """The call is yours and its agent is let go, as after an attended transfer. The supervision is over."""
    async with ctx.work() as db:
        row = await _living(ctx, db, supervision_id)
        await _audit(ctx, db, "supervision.take_over", row)
        refused = ctx.deps.supervisions.take_over(supervision_id, ctx.principal.subject)
        if refused is None:
            raise ApiError(Code.CONFLICT, "The supervision has ended.")
        if refused:
            raise ApiError(Code.CONFLICT, f"{refused[0].upper()}{refused[1:]}.")
    return Done(ok=True)


@router.delete("/{supervisionId}", status_code=204, **_SUPERVISE, responses=guarded(Code.NOT_FOUND))
async def end_supervision(ctx: Ctx, supervision_id: SupervisionId) -> None:
    """Let your phone go. The call goes on; a supervision that has ended already is answered the same."""
    if await _ended(ctx, supervision_id):
        return
    if not ctx.deps.control.connected:
        raise integration_down("Asterisk")
    ctx.deps.supervisions.end(supervision_id, ctx.principal.subject)
    for _ in range(_TRIES):
        if await _ended(ctx, supervision_id):
            return
        await asyncio.sleep(_PAUSE)
    raise integration_down("The supervision")


async def _ended(ctx: Context, supervision_id: UUID) -> bool:
    async with ctx.work() as db:
        return (await TABLE.get(db, ctx.tenant_id, supervision_id)).ended_at is not None


async def _living(ctx: Context, db: Db, supervision_id: UUID) -> SupervisionRow:
    row = await TABLE.get(db, ctx.tenant_id, supervision_id, lock=True)
    if row.ended_at is not None:
        raise ApiError(Code.CONFLICT, "The supervision has ended.")
    if not ctx.deps.control.connected:
        raise integration_down("Asterisk")
    return row


async def _whom(ctx: Context, db: Db, call_id: UUID | None, agent: str | None, by: str) -> Watched:
    """The agent's leg that is asked for; answers 404, 409 or 422 when there is none."""
    if call_id is not None:
        call = await calls.get(db, ctx.tenant_id, call_id)  # a foreign call is none
        if call.ended_at is not None:
            raise ApiError(Code.CONFLICT, "The call has ended.")
    elif not await targets.exists(db, ctx.tenant_id, TargetKind.EXTENSION, agent or ""):
        raise invalid("agentExtension", "there is no such agent.")
    if not ctx.deps.control.connected:
        raise integration_down("Asterisk")
    found = ctx.deps.supervisions.watch(ctx.tenant_id, call_id=call_id, agent=agent or "", by=by)
    if isinstance(found, str):
        raise ApiError(Code.CONFLICT, f"{found[0].upper()}{found[1:]}.")
    return found


async def _insert(ctx: Context, db: Db, body: NewSupervision, who: Watched) -> SupervisionRow:
    values = {
        "subject": ctx.principal.subject, "extension": body.extension, "call_id": who.call_id, "agent": who.agent,
        "agent_leg": who.leg, "mode": body.mode.value, "reason": body.reason, "started_at": ctx.deps.clock.now(),
    }  # fmt: skip
    try:
        return await TABLE.insert(db, ctx.tenant_id, ctx.new_id(), values)
    except Duplicate as error:
        message = f"{body.extension} supervises already: go on to the other agent by PATCH, or end that one."
        raise ApiError(Code.CONFLICT, message, [("extension", message)]) from error


async def _audit(ctx: Context, db: Db, action: str, row: SupervisionRow) -> None:
    details = {"call": str(row.call_id), "extension": row.extension, "agent": row.agent, "mode": row.mode}
    await note(ctx, db, action, row.id, details={**details, "reason": row.reason})


def _ordered(ctx: Context, row: SupervisionRow, who: Watched) -> Ordered:
    return Ordered(
        id=row.id,
        tenant_id=ctx.tenant_id,
        subject=row.subject,
        extension=row.extension,
        watched=who,
        mode=Mode(row.mode),
        started_at=row.started_at,
    )


def _shown(row: SupervisionRow) -> Supervision:
    shown = fields(row)
    return Supervision(agent_extension=shown.pop("agent"), **shown)
