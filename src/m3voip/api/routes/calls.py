"""Calls: the list, one call with its parts, its events, and its end."""

from __future__ import annotations

import asyncio
from typing import Annotated, Any
from uuid import UUID

import orjson
from fastapi import APIRouter, Query

from m3voip.api.auth import Guarded, allowed
from m3voip.api.context import Context, Ctx
from m3voip.api.crud import note
from m3voip.api.errors import Code, integration_down
from m3voip.api.fields import Name, NumberFilter, Time, fields
from m3voip.api.ids import CallId
from m3voip.api.paging import Pages, cut
from m3voip.api.permissions import WATCH, Permission
from m3voip.api.routes.after_call import shown_disposition, shown_note
from m3voip.api.routes.recordings import shown_recording
from m3voip.api.routes.voicemails import shown_voicemail
from m3voip.api.schemas.call import Call, CallDetail, CallPage, CallWaiting, Done, Leg, Liveness, QueueVisit
from m3voip.api.schemas.disposition import CodePattern
from m3voip.api.schemas.error import guarded
from m3voip.api.schemas.event import Event, EventPage
from m3voip.api.schemas.survey import SurveyAnswer
from m3voip.core.phone import as_number
from m3voip.storage.postgres.admin import calls, dispositions, media, notes, surveys
from m3voip.storage.postgres.admin.calls import CallRow, Filter
from m3voip.storage.postgres.admin.dispositions import DispositionRow

router = APIRouter(prefix="/v1/tm/calls", tags=["Calls"], route_class=Guarded)

AgentFilter = Annotated[
    str,
    Query(
        pattern=r"^([0-9]{2,8}|[0-9a-fA-F]{8}(-[0-9a-fA-F]{4}){3}-[0-9a-fA-F]{12})$",
        description="an agent's id (who talked last) or an extension (who was rung or talked last)",
        examples=["101"],
    ),
]
_TRIES, _PAUSE = 10, 0.05


@router.get("", **allowed(*WATCH), responses=guarded())
async def list_calls(
    ctx: Ctx,
    paging: Pages,
    *,
    state: Annotated[Liveness | None, Query(description="only those that go on, or only those that ended")] = None,
    agent: AgentFilter | None = None,
    queue: Annotated[Name | None, Query(description="name of the last queue")] = None,
    did: Annotated[NumberFilter | None, Query(description="the number that was called")] = None,
    outcome: Annotated[
        CodePattern | None,
        Query(description="how it came out: this code, or any code that means it", examples=["SALE"]),
    ] = None,
    caller: Annotated[NumberFilter | None, Query(description="the caller's number")] = None,
    from_: Annotated[Time | None, Query(alias="from", description="began at this time or later")] = None,
    to: Annotated[Time | None, Query(description="began before this time")] = None,
) -> CallPage:
    """Calls, newest first."""
    by_id = UUID(agent) if agent and "-" in agent else None
    wanted = Filter(
        live=None if state is None else state is Liveness.LIVE,
        agent=by_id,
        extension=None if by_id else agent,
        queue=queue,
        did=did,
        caller=caller,
        outcome=outcome,
        since=from_,
        until=to,
    )
    after = ctx.after("calls", paging)
    async with ctx.work() as db:
        rows = await calls.page(db, ctx.tenant_id, wanted, UUID(after) if after else None, paging.limit)
        came_out = await dispositions.of_calls(db, ctx.tenant_id, [row.id for row in rows])
    page, last = cut(rows, paging.limit, lambda row: str(row.id))
    return CallPage(
        items=[Call(**_shown(row, came_out.get(row.id))) for row in page], next_cursor=ctx.next_cursor("calls", last)
    )


@router.get("/{callId}", **allowed(*WATCH), responses=guarded(Code.NOT_FOUND))
async def get_call(ctx: Ctx, call_id: CallId) -> CallDetail:
    """One call with its legs, queue visits, recordings, voicemail messages, dispositions, notes and survey answers."""
    async with ctx.work() as db:
        row = await calls.get(db, ctx.tenant_id, call_id)
        legs = await calls.legs(db, ctx.tenant_id, call_id)
        visits = await calls.queue_visits(db, ctx.tenant_id, call_id)
        recordings = await media.recordings(db, ctx.tenant_id, call_id)
        messages = await media.voicemail_page(db, ctx.tenant_id, box=None, call_id=call_id, before=None, limit=200)
        said = await dispositions.of_call(db, ctx.tenant_id, call_id)
        written = await notes.of_call(db, ctx.tenant_id, call_id)
        answers = await surveys.of_call(db, ctx.tenant_id, call_id)
    return CallDetail(
        **_shown(row, said[0] if said else None),
        waiting=_waiting(ctx, row),
        legs=[Leg(**_leg(leg)) for leg in map(fields, legs)],
        queue_visits=[QueueVisit(**fields(visit)) for visit in visits],
        recordings=[shown_recording(recording) for recording in recordings],
        voicemails=[shown_voicemail(message) for message in messages],
        dispositions=[shown_disposition(one) for one in said],
        call_notes=[shown_note(one) for one in written],
        survey_answers=[SurveyAnswer(**fields(one)) for one in answers],
    )


@router.get("/{callId}/events", **allowed(*WATCH), responses=guarded(Code.NOT_FOUND))
async def list_call_events(ctx: Ctx, call_id: CallId, paging: Pages) -> EventPage:
    """Everything that happened to a call, in order."""
    of = f"events/{call_id}"
    after = ctx.after(of, paging)
    async with ctx.work() as db:
        await calls.get(db, ctx.tenant_id, call_id)
        rows = await calls.events(db, ctx.tenant_id, call_id, int(after) if after else 0, paging.limit)
    page, last = cut(rows, paging.limit, lambda row: str(row.seq))
    shown = [Event(**{**fields(row), "payload": orjson.loads(row.payload)}) for row in page]
    return EventPage(items=shown, next_cursor=ctx.next_cursor(of, last))


@router.post(
    "/{callId}/end",
    **allowed(Permission.MAKE_CALLS, Permission.SUPERVISE),
    responses=guarded(Code.NOT_FOUND),
)
async def end_call(ctx: Ctx, call_id: CallId) -> Done:
    """Hang up. A call that has ended already is answered the same; the event `call.ended` says when it is over."""
    if await _ended(ctx, call_id):
        return Done(ok=True)
    if not ctx.deps.control.connected:
        raise integration_down("Asterisk")
    if not ctx.deps.control.hang_up(call_id, ctx.principal.subject):
        await _wait_until_ended(ctx, call_id)
        return Done(ok=True)
    async with ctx.work() as db:
        await note(ctx, db, "call.end", call_id)
    return Done(ok=True)


async def _wait_until_ended(ctx: Context, call_id: CallId) -> None:
    """The engine does not have the call: it has just ended and is being written down, or is not recovered yet."""
    for _ in range(_TRIES):
        if await _ended(ctx, call_id):
            return
        await asyncio.sleep(_PAUSE)
    raise integration_down("The call")


async def _ended(ctx: Context, call_id: CallId) -> bool:
    async with ctx.work() as db:
        return (await calls.get(db, ctx.tenant_id, call_id)).ended_at is not None


def _waiting(ctx: Context, row: CallRow) -> CallWaiting | None:
    now = ctx.deps.live.queue(ctx.tenant_id, row.queue) if row.queue and row.ended_at is None else None
    mine = next((one for one in now.waiting if one.call_id == row.id), None) if now else None
    if mine is None:
        return None
    waited = max(0.0, (ctx.deps.clock.now() - mine.since).total_seconds())
    return CallWaiting(queue=row.queue, position=mine.position, waited_sec=round(waited, 1))


def _shown(row: CallRow, came_out: DispositionRow | None) -> dict[str, Any]:
    shown = fields(row)
    if came_out is not None:
        shown["outcome_code"], shown["outcome_maps_to"] = came_out.code, came_out.maps_to
        shown["notes"] = came_out.notes or None
    shown["did"], shown["caller"] = as_number(row.did), as_number(row.caller)
    shown["agent_extension"] = shown.pop("extension")
    shown["dial_start_at"] = shown.pop("started_at")
    shown["talk_time_sec"] = shown.pop("talk_sec")
    shown["provider_session_id"] = shown.pop("leg")
    return shown


def _leg(shown: dict[str, Any]) -> dict[str, Any]:
    return {**shown, "provider_session_id": shown["leg"], "number": as_number(shown["number"])}
