"""Mailboxes: where callers leave messages."""

from __future__ import annotations

import asyncio
from collections.abc import Sequence
from typing import Any

from fastapi import APIRouter, Request, Response

from m3voip.api.auth import Guarded, allowed
from m3voip.api.context import Context, Ctx
from m3voip.api.crud import change_row, delete_row, insert_row, note, page_of_rows
from m3voip.api.errors import Code
from m3voip.api.fields import columns, fields
from m3voip.api.idempotency import KeyHeader, create_once
from m3voip.api.ids import MailboxId
from m3voip.api.paging import Pages
from m3voip.api.permissions import READ_SETUP, Permission
from m3voip.api.schemas.error import guarded
from m3voip.api.schemas.mailbox import GreetingKind, Mailbox, MailboxChange, MailboxPage, NewMailbox, NewPin
from m3voip.api.work import Db
from m3voip.storage.postgres.admin import mailboxes
from m3voip.storage.postgres.admin.mailboxes import TABLE, MailboxRow
from m3voip.storage.postgres.admin.pins import hash_pin

router = APIRouter(prefix="/v1/tm/mailboxes", tags=["Mailboxes"], route_class=Guarded)

_MANAGE = allowed(Permission.MANAGE_TELEPHONY)


@router.get("", **allowed(*READ_SETUP), responses=guarded())
async def list_mailboxes(ctx: Ctx, paging: Pages) -> MailboxPage:
    """All mailboxes."""
    async with ctx.work() as db:
        rows, cursor = await page_of_rows(ctx, db, TABLE, paging)
        shown = await _shown(ctx, db, rows)
    return MailboxPage(items=shown, next_cursor=cursor)


@router.get("/{mailboxId}", **allowed(*READ_SETUP), responses=guarded(Code.NOT_FOUND))
async def get_mailbox(ctx: Ctx, mailbox_id: MailboxId) -> Mailbox:
    """One of them."""
    async with ctx.work() as db:
        return (await _shown(ctx, db, [await TABLE.get(db, ctx.tenant_id, mailbox_id)]))[0]


@router.post("", status_code=201, response_model=Mailbox, **_MANAGE, responses=guarded(Code.CONFLICT))
async def create_mailbox(ctx: Ctx, request: Request, body: NewMailbox, idempotency_key: KeyHeader = None) -> Response:
    """Make a mailbox."""

    async def make(db: Db) -> Mailbox:
        return (await _shown(ctx, db, [await insert_row(ctx, db, TABLE, _columns(body))]))[0]

    return await create_once(request, ctx, idempotency_key, make)


@router.patch("/{mailboxId}", **_MANAGE, responses=guarded(Code.NOT_FOUND, Code.CONFLICT))
async def change_mailbox(ctx: Ctx, mailbox_id: MailboxId, body: MailboxChange) -> Mailbox:
    """Change a mailbox. Its messages go with it to a new number."""
    async with ctx.work() as db:
        before = await TABLE.get(db, ctx.tenant_id, mailbox_id, lock=True)
        row = await change_row(ctx, db, TABLE, mailbox_id, _columns(body, changes=True))
        if row.box != before.box:
            await mailboxes.renumber(db, ctx.tenant_id, before.box, row.box)
        return (await _shown(ctx, db, [row]))[0]


@router.delete("/{mailboxId}", status_code=204, **_MANAGE, responses=guarded(Code.NOT_FOUND, Code.CONFLICT))
async def delete_mailbox(ctx: Ctx, mailbox_id: MailboxId) -> None:
    """Delete a mailbox that is not the floor of a DID. Its stored messages stay."""
    async with ctx.work() as db:
        await delete_row(ctx, db, TABLE, mailbox_id)


@router.put("/{mailboxId}/pin", status_code=204, **_MANAGE, responses=guarded(Code.NOT_FOUND))
async def set_mailbox_pin(ctx: Ctx, mailbox_id: MailboxId, body: NewPin) -> None:
    """Set or replace the PIN that opens this mailbox from any phone of the tenant (`*98`). It is not shown again."""
    salt = ctx.deps.random_bytes(16)
    pepper = ctx.deps.settings.key_pepper.get_secret_value().encode()
    hashed = await asyncio.to_thread(hash_pin, body.pin, pepper, salt)
    async with ctx.work() as db:
        await TABLE.get(db, ctx.tenant_id, mailbox_id, lock=True)
        await mailboxes.set_pin(db, ctx.tenant_id, mailbox_id, hashed)
        await note(ctx, db, "mailbox.pin", mailbox_id)


@router.delete("/{mailboxId}/pin", status_code=204, **_MANAGE, responses=guarded(Code.NOT_FOUND))
async def delete_mailbox_pin(ctx: Ctx, mailbox_id: MailboxId) -> None:
    """Take the PIN away: the mailbox opens from its own phones only (`*97`)."""
    async with ctx.work() as db:
        await TABLE.get(db, ctx.tenant_id, mailbox_id)
        await mailboxes.delete_pin(db, ctx.tenant_id, mailbox_id)
        await note(ctx, db, "mailbox.no_pin", mailbox_id)


def _columns(body: NewMailbox | MailboxChange, *, changes: bool = False) -> dict[str, Any]:
    values = columns(body, changes=changes)
    if changes:  # a mailbox has one owner: a new one takes the other's place
        if values.get("owner_agent_id") is not None:
            values["owner_queue_id"] = None
        elif values.get("owner_queue_id") is not None:
            values["owner_agent_id"] = None
    return values


async def _shown(ctx: Context, db: Db, rows: Sequence[MailboxRow]) -> list[Mailbox]:
    ids = [row.id for row in rows]
    recorded = await mailboxes.greetings(db, ctx.tenant_id, ids)
    guarded_by_pin = await mailboxes.with_pin(db, ctx.tenant_id, ids)
    return [
        Mailbox(
            **fields(row),
            greeting_played=greeting_kind(row.greeting, recorded=row.id in recorded),
            has_pin=row.id in guarded_by_pin,
        )
        for row in rows
    ]


def greeting_kind(text: str, *, recorded: bool) -> GreetingKind:
    """What callers hear."""
    if recorded:
        return GreetingKind.RECORDING
    return GreetingKind.TEXT if text else GreetingKind.STANDARD
