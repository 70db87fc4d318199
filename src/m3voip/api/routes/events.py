"""The event stream (server-sent events): everything that happens in a tenant, resumable."""

from __future__ import annotations

from typing import Annotated, Any
from uuid import UUID

import msgspec
import orjson
from fastapi import APIRouter, Header, Query, Response

from m3voip.api.auth import Guarded, allowed
from m3voip.api.context import Context, Ctx
from m3voip.api.errors import invalid
from m3voip.api.live import Frame, frame
from m3voip.api.permissions import WATCH
from m3voip.api.schemas.error import guarded
from m3voip.api.schemas.event import EXAMPLE
from m3voip.api.stream import PAGE, EventStream, Load
from m3voip.core.facts import KINDS
from m3voip.storage.codec import StoredEvent
from m3voip.storage.postgres.admin import calls
from m3voip.storage.postgres.admin.calls import EventRow

router = APIRouter(prefix="/v1", tags=["Events"], route_class=Guarded)

_SHOWN = f"retry: 2000\nid: 4710\n\nid: {EXAMPLE['id']}\ndata: {orjson.dumps(EXAMPLE).decode()}\n\n: ping\n\n"
_ANSWER: dict[int | str, dict[str, Any]] = {
    200: {
        "description": "The stream. `data` is an Event as in `GET /v1/tm/calls/{call_id}/events`; `id` is its id.",
        "content": {"text/event-stream": {"schema": {"type": "string"}, "example": _SHOWN}},
    },
    **guarded(),
}


@router.get("/events", response_class=Response, responses=_ANSWER, **allowed(*WATCH))
async def stream_events(
    ctx: Ctx,
    last_event_id: Annotated[
        str | None,
        Header(alias="Last-Event-ID", description="id of the last event seen; goes before `after`", examples=["4711"]),
    ] = None,
    after: Annotated[
        int | None, Query(ge=0, le=2**63 - 1, description="begin after the event of this id; 0 = from the first one")
    ] = None,
    kinds: Annotated[
        str | None,
        Query(
            max_length=1000, description="only these kinds, separated by commas", examples=["call.started,call.ended"]
        ),
    ] = None,
) -> Response:
    """Events as they happen, at most a moment after they were stored, in the order of their ids.

    Without `Last-Event-ID` and `after` the stream begins now. A connection that breaks, or that is cut off because its
    reader was too slow, loses nothing: come back with `Last-Event-ID`, as browsers do by themselves. A comment is sent
    every 15 s while nothing happens.
    """
    wanted = _kinds(kinds)
    begin = _number(last_event_id) if last_event_id else after
    load = _loader(ctx, wanted)
    # Listening begins before the database is read, so that nothing falls in between.
    subscription = ctx.deps.hub.subscribe(ctx.tenant_id, frozenset(wanted))
    try:
        missed: list[Frame] = []
        if begin is None:
            async with ctx.work() as db:
                begin = await calls.last_event_id(db, ctx.tenant_id)
        else:
            missed = await load(begin, PAGE)
    except BaseException:
        ctx.deps.hub.unsubscribe(subscription)
        raise
    return EventStream(ctx.deps.hub, subscription, load, begin, missed)


def _loader(ctx: Context, kinds: list[str]) -> Load:
    async def load(after: int, limit: int) -> list[Frame]:
        async with ctx.later_work() as db:
            rows = await calls.events_after(db, ctx.tenant_id, after, kinds, limit)
        return [frame(_stored(ctx.tenant_id, row)) for row in rows]

    return load


def _stored(tenant_id: UUID, row: EventRow) -> StoredEvent:
    return StoredEvent(
        id=row.id,
        tenant_id=tenant_id,
        call_id=row.call_id,
        seq=row.seq,
        at=row.at,
        kind=row.kind,
        payload=msgspec.Raw(row.payload.encode()),
    )


def _kinds(text: str | None) -> list[str]:
    asked = [kind.strip() for kind in (text or "").split(",") if kind.strip()]
    if any(kind not in KINDS for kind in asked):
        raise invalid("kinds", f"must be some of {', '.join(sorted(KINDS))}, separated by commas.")
    return asked


def _number(text: str) -> int:
    if not (text.isascii() and text.isdigit() and len(text) <= 18):
        raise invalid("Last-Event-ID", "must be the id of an event of this stream.")
    return int(text)
