"""Greetings of mailboxes: uploaded, or spoken into the owner's phone.

Law (bar S-20): what a client sends is looked at by a process of its own that has no files, no network and little time; the
type is what the content is, whatever the headers say; nothing the client names becomes a path.
"""

from __future__ import annotations

from hashlib import sha256
from typing import Any

from fastapi import APIRouter, Request, Response

from m3voip.api.auth import Guarded, allowed
from m3voip.api.context import Context, Ctx
from m3voip.api.crud import note
from m3voip.api.errors import Code, invalid
from m3voip.api.ids import MailboxId
from m3voip.api.permissions import READ_SETUP, Permission
from m3voip.api.routes.mailboxes import greeting_kind
from m3voip.api.schemas.error import guarded
from m3voip.api.schemas.mailbox import Greeting, GreetingSource
from m3voip.api.work import Db
from m3voip.providers.speech.upload import UnusableSoundError, to_greeting
from m3voip.storage.postgres.admin import mailboxes
from m3voip.storage.postgres.admin.mailboxes import TABLE

router = APIRouter(prefix="/v1/tm/mailboxes/{mailboxId}/greeting", tags=["Mailboxes"], route_class=Guarded)

_MANAGE = allowed(Permission.MANAGE_TELEPHONY)
_SOUND: dict[str, Any] = {"content": {"audio/flac": {"schema": {"type": "string", "format": "binary"}}}}
_UPLOAD: dict[str, Any] = {
    "openapi_extra": {
        **_MANAGE["openapi_extra"],
        "requestBody": {
            "required": True,
            "description": "a WAV, FLAC or OGG file of at most 10 MB and three minutes, as it is (not as a form)",
            "content": {"application/octet-stream": {"schema": {"type": "string", "format": "binary"}}},
        },
    }
}


@router.get("", **allowed(*READ_SETUP), responses=guarded(Code.NOT_FOUND))
async def get_greeting(ctx: Ctx, mailbox_id: MailboxId) -> Greeting:
    """What callers of a mailbox hear."""
    async with ctx.work() as db:
        return await _shown(ctx, db, mailbox_id)


@router.get(
    "/audio",
    **allowed(*READ_SETUP),
    response_class=Response,
    responses={200: {"description": "The sound", **_SOUND}, **guarded(Code.NOT_FOUND)},
)
async def get_greeting_audio(ctx: Ctx, mailbox_id: MailboxId) -> Response:
    """The recording, as callers hear it."""
    async with ctx.work() as db:
        audio = await mailboxes.greeting_audio(db, ctx.tenant_id, mailbox_id)
    return Response(audio, media_type="audio/flac")


@router.put("", **_UPLOAD, responses=guarded(Code.NOT_FOUND))
async def set_greeting(ctx: Ctx, request: Request, mailbox_id: MailboxId) -> Greeting:
    """Upload a greeting in place of what is there. The next caller hears it."""
    data = await request.body()
    async with ctx.work() as db:
        await TABLE.get(db, ctx.tenant_id, mailbox_id)
    try:
        audio, duration_s = await to_greeting(data)
    except UnusableSoundError as error:
        raise invalid("body", str(error)) from None
    async with ctx.later_work() as db:
        await TABLE.get(db, ctx.tenant_id, mailbox_id, lock=True)
        await mailboxes.set_greeting(
            db, ctx.tenant_id, mailbox_id,
            audio=audio, sha256=sha256(audio).hexdigest(), duration_s=duration_s, source=GreetingSource.UPLOAD,
        )  # fmt: skip
        await note(ctx, db, "mailbox.greeting", mailbox_id)
        return await _shown(ctx, db, mailbox_id)


@router.delete("", status_code=204, **_MANAGE, responses=guarded(Code.NOT_FOUND))
async def delete_greeting(ctx: Ctx, mailbox_id: MailboxId) -> None:
    """Remove the recording: callers hear the text, or the standard greeting."""
    async with ctx.work() as db:
        await TABLE.get(db, ctx.tenant_id, mailbox_id)
        await mailboxes.delete_greeting(db, ctx.tenant_id, mailbox_id)
        await note(ctx, db, "mailbox.no_greeting", mailbox_id)


async def _shown(ctx: Context, db: Db, mailbox_id: MailboxId) -> Greeting:
    box = await TABLE.get(db, ctx.tenant_id, mailbox_id)
    row = (await mailboxes.greetings(db, ctx.tenant_id, [mailbox_id])).get(mailbox_id)
    return Greeting(
        played=greeting_kind(box.greeting, recorded=row is not None),
        text=box.greeting,
        source=GreetingSource(row.source) if row else None,
        duration_sec=row.duration_s if row else None,
        recorded_at=row.recorded_at if row else None,
    )
