"""Mailboxes: where callers leave messages."""

from __future__ import annotations

from typing import Any

from fastapi import APIRouter, Request, Response

from m3voip.api.auth import Guarded, allowed
from m3voip.api.context import Ctx
from m3voip.api.crud import change_row, delete_row, insert_row, page_of_rows
from m3voip.api.errors import Code
from m3voip.api.fields import columns, fields
from m3voip.api.idempotency import KeyHeader, create_once
from m3voip.api.ids import MailboxId
from m3voip.api.paging import Pages
from m3voip.api.permissions import READ_SETUP, Permission
from m3voip.api.schemas.error import guarded
from m3voip.api.schemas.mailbox import Mailbox, MailboxChange, MailboxPage, NewMailbox
from m3voip.api.work import Db
from m3voip.storage.postgres.admin.mailboxes import TABLE, MailboxRow

router = APIRouter(prefix="/v1/tm/mailboxes", tags=["Mailboxes"], route_class=Guarded)

_MANAGE = allowed(Permission.MANAGE_TELEPHONY)


@router.get("", **allowed(*READ_SETUP), responses=guarded())
async def list_mailboxes(ctx: Ctx, paging: Pages) -> MailboxPage:
    """All mailboxes."""
    async with ctx.work() as db:
        rows, cursor = await page_of_rows(ctx, db, TABLE, paging)
    return MailboxPage(items=[_shown(row) for row in rows], next_cursor=cursor)


@router.get("/{mailboxId}", **allowed(*READ_SETUP), responses=guarded(Code.NOT_FOUND))
async def get_mailbox(ctx: Ctx, mailbox_id: MailboxId) -> Mailbox:
    """One of them."""
    async with ctx.work() as db:
        return _shown(await TABLE.get(db, ctx.tenant_id, mailbox_id))


@router.post("", status_code=201, response_model=Mailbox, **_MANAGE, responses=guarded(Code.CONFLICT))
async def create_mailbox(ctx: Ctx, request: Request, body: NewMailbox, idempotency_key: KeyHeader = None) -> Response:
    """Make a mailbox."""

    async def make(db: Db) -> Mailbox:
        return _shown(await insert_row(ctx, db, TABLE, _columns(body)))

    return await create_once(request, ctx, idempotency_key, make)


@router.patch("/{mailboxId}", **_MANAGE, responses=guarded(Code.NOT_FOUND, Code.CONFLICT))
async def change_mailbox(ctx: Ctx, mailbox_id: MailboxId, body: MailboxChange) -> Mailbox:
    """Change a mailbox."""
    async with ctx.work() as db:
        return _shown(await change_row(ctx, db, TABLE, mailbox_id, _columns(body, changes=True)))


@router.delete("/{mailboxId}", status_code=204, **_MANAGE, responses=guarded(Code.NOT_FOUND, Code.CONFLICT))
async def delete_mailbox(ctx: Ctx, mailbox_id: MailboxId) -> None:
    """Delete a mailbox that is not the floor of a DID. Its stored messages stay."""
    async with ctx.work() as db:
        await delete_row(ctx, db, TABLE, mailbox_id)


def _columns(body: NewMailbox | MailboxChange, *, changes: bool = False) -> dict[str, Any]:
    values = columns(body, changes=changes)
    if changes:  # a mailbox has one owner: a new one takes the other's place
        if values.get("owner_agent_id") is not None:
            values["owner_queue_id"] = None
        elif values.get("owner_queue_id") is not None:
            values["owner_agent_id"] = None
    return values


def _shown(row: MailboxRow) -> Mailbox:
    return Mailbox(**fields(row))
