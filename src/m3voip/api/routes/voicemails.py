"""Voicemail messages: the list, the short-lived links by which they are heard, and what becomes of them.

What is changed here is changed for the owner's phone as well: its menu shows it at once, its lamp follows within a second, and
an event (`voicemail.read`, `.deleted`, …) tells everybody else.
"""

from __future__ import annotations

from typing import Annotated
from uuid import UUID

from fastapi import APIRouter, Query, Request, Response

from m3voip.api.auth import Guarded, allowed
from m3voip.api.context import Context, Ctx
from m3voip.api.crud import note
from m3voip.api.errors import ApiError, Code, invalid
from m3voip.api.fields import Box, fields
from m3voip.api.idempotency import KeyHeader, create_once
from m3voip.api.ids import VoicemailId
from m3voip.api.links import Kind
from m3voip.api.paging import Pages, cut
from m3voip.api.permissions import Permission
from m3voip.api.routes.recordings import media_type_of
from m3voip.api.schemas.error import guarded
from m3voip.api.schemas.recording import DownloadLink
from m3voip.api.schemas.voicemail import (
    Forward,
    Keeping,
    KeepingChange,
    MessageState,
    Voicemail,
    VoicemailChange,
    VoicemailPage,
)
from m3voip.api.work import Db
from m3voip.core.phone import as_number
from m3voip.storage.postgres.admin import mailboxes, media, messages
from m3voip.storage.postgres.admin.mailboxes import KeepingRow
from m3voip.storage.postgres.admin.media import VoicemailRow
from m3voip.storage.postgres.admin.messages import BoxFull
from m3voip.storage.postgres.admin.refusals import Unknown

router = APIRouter(prefix="/v1/tm/voicemails", tags=["Voicemail"], route_class=Guarded)
settings = APIRouter(prefix="/v1/tm/voicemail-settings", tags=["Voicemail"], route_class=Guarded)

_LISTEN = allowed(Permission.LISTEN_RECORDINGS)
_MANAGE = allowed(Permission.MANAGE_TELEPHONY)


@router.get("", **_LISTEN, responses=guarded())
async def list_voicemails(
    ctx: Ctx,
    paging: Pages,
    *,
    mailbox: Annotated[Box | None, Query(description="only this mailbox")] = None,
    call_id: Annotated[UUID | None, Query(alias="callId", description="only this call")] = None,
    state: Annotated[
        MessageState | None,
        Query(
            description="only these; without it, new and read ones. `due`: what the next round of retention removes for good"
        ),
    ] = None,
) -> VoicemailPage:
    """Messages, newest first."""
    after = ctx.after("voicemails", paging)
    async with ctx.work() as db:
        rows = await media.voicemail_page(
            db, ctx.tenant_id,
            box=mailbox, call_id=call_id, before=UUID(after) if after else None, limit=paging.limit, state=state,
        )  # fmt: skip
    page, last = cut(rows, paging.limit, lambda row: str(row.id))
    return VoicemailPage(items=[shown_voicemail(row) for row in page], next_cursor=ctx.next_cursor("voicemails", last))


@router.get("/{voicemailId}", **_LISTEN, responses=guarded(Code.NOT_FOUND))
async def get_voicemail(ctx: Ctx, voicemail_id: VoicemailId) -> Voicemail:
    """One message, also one that somebody deleted."""
    async with ctx.work() as db:
        return shown_voicemail(await media.voicemail(db, ctx.tenant_id, voicemail_id))


@router.patch("/{voicemailId}", **_LISTEN, responses=guarded(Code.NOT_FOUND))
async def change_voicemail(ctx: Ctx, voicemail_id: VoicemailId, body: VoicemailChange) -> Voicemail:
    """Mark a message as heard, or as new again."""
    return await _change(ctx, voicemail_id, "read" if body.read else "unread")


@router.delete("/{voicemailId}", status_code=204, **_LISTEN, responses=guarded(Code.NOT_FOUND))
async def delete_voicemail(ctx: Ctx, voicemail_id: VoicemailId) -> None:
    """Delete a message. It can be restored until retention takes it (`binDays`)."""
    await _change(ctx, voicemail_id, "deleted")


@router.post("/{voicemailId}/restore", **_LISTEN, responses=guarded(Code.NOT_FOUND))
async def restore_voicemail(ctx: Ctx, voicemail_id: VoicemailId) -> Voicemail:
    """Take a deletion back."""
    return await _change(ctx, voicemail_id, "restored")


@router.post(
    "/{voicemailId}/forward",
    status_code=201,
    response_model=Voicemail,
    **_LISTEN,
    responses=guarded(Code.NOT_FOUND, Code.CONFLICT),
)
async def forward_voicemail(
    ctx: Ctx, request: Request, voicemail_id: VoicemailId, body: Forward, idempotency_key: KeyHeader = None
) -> Response:
    """Put a copy of a message into another mailbox of the tenant."""

    async def make(db: Db) -> Voicemail:
        try:
            row = await messages.forward(
                db, ctx.tenant_id, voicemail_id,
                copy_id=ctx.new_id(), to_box=body.mailbox, note=body.note, by="api",
            )  # fmt: skip
        except Unknown:
            raise invalid("mailbox", "There is no such mailbox; create it first or correct the number.") from None
        except BoxFull as full:
            raise ApiError(Code.CONFLICT, str(full), [("mailbox", str(full))]) from None
        await note(ctx, db, "voicemail.forward", voicemail_id)
        return shown_voicemail(row)

    return await create_once(request, ctx, idempotency_key, make)


@router.post("/{voicemailId}/link", **_LISTEN, responses=guarded(Code.NOT_FOUND))
async def link_voicemail(ctx: Ctx, voicemail_id: VoicemailId) -> DownloadLink:
    """A link that plays this message for five minutes, without a credential. Who asked is written down."""
    async with ctx.work() as db:
        await media.voicemail(db, ctx.tenant_id, voicemail_id)
        await note(ctx, db, "voicemail.link", voicemail_id)
    url, expires_at = ctx.services.links.issue(Kind.VOICEMAIL, voicemail_id, ctx.tenant_id)
    return DownloadLink(url=url, expires_at=expires_at)


@settings.get("", **_MANAGE, responses=guarded())
async def get_voicemail_settings(ctx: Ctx) -> Keeping:
    """How long messages are kept."""
    async with ctx.work() as db:
        return _keeping(await mailboxes.keeping(db, ctx.tenant_id))


@settings.patch("", **_MANAGE, responses=guarded())
async def change_voicemail_settings(ctx: Ctx, body: KeepingChange) -> Keeping:
    """Change it. It holds for the messages that are there, too: `GET /v1/tm/voicemails?state=due` shows what would go."""
    async with ctx.work() as db:
        row = await mailboxes.set_keeping(db, ctx.tenant_id, retention_days=body.retention_days, bin_days=body.bin_days)
        await note(ctx, db, "voicemail.settings", ctx.tenant_id)
    return _keeping(row)


async def _change(ctx: Context, voicemail_id: UUID, kind: str) -> Voicemail:
    async with ctx.work() as db:
        row = await messages.change(db, ctx.tenant_id, voicemail_id, kind, "api")
        await note(ctx, db, f"voicemail.{kind}", voicemail_id)
    return shown_voicemail(row)


def _keeping(row: KeepingRow) -> Keeping:
    return Keeping(retention_days=row.voicemail_retention_days, bin_days=row.voicemail_bin_days)


def shown_voicemail(row: VoicemailRow) -> Voicemail:
    """A message as the API shows it."""
    return Voicemail(
        **{**fields(row), "caller": as_number(row.caller)}, size_bytes=row.size, media_type=media_type_of(row.key)
    )
