"""Voicemail messages, and the short-lived links by which they are heard."""

from __future__ import annotations

from typing import Annotated
from uuid import UUID

from fastapi import APIRouter, Query

from m3voip.api.auth import Guarded, allowed
from m3voip.api.context import Ctx
from m3voip.api.crud import note
from m3voip.api.errors import Code
from m3voip.api.fields import Box, fields
from m3voip.api.ids import VoicemailId
from m3voip.api.links import Kind
from m3voip.api.paging import Pages, cut
from m3voip.api.permissions import Permission
from m3voip.api.routes.recordings import media_type_of
from m3voip.api.schemas.error import guarded
from m3voip.api.schemas.recording import DownloadLink
from m3voip.api.schemas.voicemail import Voicemail, VoicemailPage
from m3voip.core.phone import as_number
from m3voip.storage.postgres.admin import media
from m3voip.storage.postgres.admin.media import VoicemailRow

router = APIRouter(prefix="/v1/tm/voicemails", tags=["Voicemail"], route_class=Guarded)

_LISTEN = allowed(Permission.LISTEN_RECORDINGS)


@router.get("", **_LISTEN, responses=guarded())
async def list_voicemails(
    ctx: Ctx,
    paging: Pages,
    mailbox: Annotated[Box | None, Query(description="only this mailbox")] = None,
    call_id: Annotated[UUID | None, Query(alias="callId", description="only this call")] = None,
) -> VoicemailPage:
    """Messages, newest first."""
    after = ctx.after("voicemails", paging)
    async with ctx.work() as db:
        rows = await media.voicemail_page(
            db, ctx.tenant_id, box=mailbox, call_id=call_id, before=UUID(after) if after else None, limit=paging.limit
        )
    page, last = cut(rows, paging.limit, lambda row: str(row.id))
    return VoicemailPage(items=[shown_voicemail(row) for row in page], next_cursor=ctx.next_cursor("voicemails", last))


@router.get("/{voicemailId}", **_LISTEN, responses=guarded(Code.NOT_FOUND))
async def get_voicemail(ctx: Ctx, voicemail_id: VoicemailId) -> Voicemail:
    """One message."""
    async with ctx.work() as db:
        return shown_voicemail(await media.voicemail(db, ctx.tenant_id, voicemail_id))


@router.post("/{voicemailId}/link", **_LISTEN, responses=guarded(Code.NOT_FOUND))
async def link_voicemail(ctx: Ctx, voicemail_id: VoicemailId) -> DownloadLink:
    """A link that plays this message for five minutes, without a credential. Who asked is written down."""
    async with ctx.work() as db:
        await media.voicemail(db, ctx.tenant_id, voicemail_id)
        await note(ctx, db, "voicemail.link", voicemail_id)
    url, expires_at = ctx.services.links.issue(Kind.VOICEMAIL, voicemail_id, ctx.tenant_id)
    return DownloadLink(url=url, expires_at=expires_at)


def shown_voicemail(row: VoicemailRow) -> Voicemail:
    """A message as the API shows it."""
    return Voicemail(
        **{**fields(row), "caller": as_number(row.caller)}, size_bytes=row.size, media_type=media_type_of(row.key)
    )
