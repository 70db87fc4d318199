"""Meetings: what became of conferences."""

from __future__ import annotations

from typing import Annotated
from uuid import UUID

from fastapi import APIRouter, Query

from m3voip.api.auth import Guarded, allowed
from m3voip.api.context import Ctx
from m3voip.api.errors import Code
from m3voip.api.fields import fields
from m3voip.api.ids import MeetingId
from m3voip.api.paging import Pages, cut
from m3voip.api.permissions import WATCH
from m3voip.api.routes.recordings import media_type_of
from m3voip.api.schemas.conference import Meeting, MeetingDetail, MeetingPage, MeetingRecording, Stay
from m3voip.api.schemas.error import guarded
from m3voip.core.phone import as_number
from m3voip.storage.postgres.admin import conferences, media
from m3voip.storage.postgres.admin.conferences import PartyRow

router = APIRouter(prefix="/v1/tm/meetings", tags=["Conferences"], route_class=Guarded)


@router.get("", **allowed(*WATCH), responses=guarded())
async def list_meetings(
    ctx: Ctx,
    paging: Pages,
    conference: Annotated[UUID | None, Query(description="only those of this conference (its id)")] = None,
) -> MeetingPage:
    """Meetings, newest first."""
    after = ctx.after("meetings", paging)
    async with ctx.work() as db:
        rows = await conferences.meeting_page(
            db, ctx.tenant_id, conference_id=conference, before=UUID(after) if after else None, limit=paging.limit
        )
    page, last = cut(rows, paging.limit, lambda row: str(row.id))
    return MeetingPage(items=[Meeting(**fields(row)) for row in page], next_cursor=ctx.next_cursor("meetings", last))


@router.get("/{meetingId}", **allowed(*WATCH), responses=guarded(Code.NOT_FOUND))
async def get_meeting(ctx: Ctx, meeting_id: MeetingId) -> MeetingDetail:
    """One meeting with everybody who was in it and its recordings."""
    async with ctx.work() as db:
        row = await conferences.meeting(db, ctx.tenant_id, meeting_id)
        stays = await conferences.parties(db, ctx.tenant_id, meeting_id)
        recordings = await media.meeting_recordings(db, ctx.tenant_id, meeting_id)
    return MeetingDetail(
        **fields(row),
        stays=[_stay(stay) for stay in stays],
        recordings=[
            MeetingRecording(**fields(one), size_bytes=one.size, media_type=media_type_of(one.key))
            for one in recordings
        ],
    )


def _stay(row: PartyRow) -> Stay:
    return Stay(**{**fields(row), "party_id": row.leg, "number": as_number(row.number)})
