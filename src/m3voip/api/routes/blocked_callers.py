"""Blocked callers: who is turned away."""

from __future__ import annotations

from typing import Any

from fastapi import APIRouter, Request, Response

from m3voip.api.auth import Guarded, allowed
from m3voip.api.context import Ctx
from m3voip.api.crud import change_row, delete_row, insert_row, page_of_rows
from m3voip.api.errors import Code
from m3voip.api.fields import columns, fields
from m3voip.api.idempotency import KeyHeader, create_once
from m3voip.api.ids import BlockedCallerId
from m3voip.api.paging import Pages
from m3voip.api.permissions import READ_SETUP, Permission
from m3voip.api.schemas.blocked_caller import BlockedCaller, BlockedCallerChange, BlockedCallerPage, NewBlockedCaller
from m3voip.api.schemas.error import guarded
from m3voip.api.work import Db
from m3voip.core.phone import digits
from m3voip.storage.postgres.admin.blocked_callers import TABLE, BlockedCallerRow

router = APIRouter(prefix="/v1/tm/blocked-callers", tags=["Blocked callers"], route_class=Guarded)

_MANAGE = allowed(Permission.MANAGE_TELEPHONY)


@router.get("", **allowed(*READ_SETUP), responses=guarded())
async def list_blocked_callers(ctx: Ctx, paging: Pages) -> BlockedCallerPage:
    """All blocked callers."""
    async with ctx.work() as db:
        rows, cursor = await page_of_rows(ctx, db, TABLE, paging)
    return BlockedCallerPage(items=[_shown(row) for row in rows], next_cursor=cursor)


@router.get("/{blockedCallerId}", **allowed(*READ_SETUP), responses=guarded(Code.NOT_FOUND))
async def get_blocked_caller(ctx: Ctx, blocked_caller_id: BlockedCallerId) -> BlockedCaller:
    """One of them."""
    async with ctx.work() as db:
        return _shown(await TABLE.get(db, ctx.tenant_id, blocked_caller_id))


@router.post("", status_code=201, response_model=BlockedCaller, **_MANAGE, responses=guarded(Code.CONFLICT))
async def create_blocked_caller(
    ctx: Ctx, request: Request, body: NewBlockedCaller, idempotency_key: KeyHeader = None
) -> Response:
    """Turn a caller away from now on."""

    async def make(db: Db) -> BlockedCaller:
        return _shown(await insert_row(ctx, db, TABLE, _columns(body)))

    return await create_once(request, ctx, idempotency_key, make)


@router.patch("/{blockedCallerId}", **_MANAGE, responses=guarded(Code.NOT_FOUND, Code.CONFLICT))
async def change_blocked_caller(
    ctx: Ctx, blocked_caller_id: BlockedCallerId, body: BlockedCallerChange
) -> BlockedCaller:
    """Change the reason or the end of a block."""
    async with ctx.work() as db:
        return _shown(await change_row(ctx, db, TABLE, blocked_caller_id, _columns(body, changes=True)))


@router.delete("/{blockedCallerId}", status_code=204, **_MANAGE, responses=guarded(Code.NOT_FOUND, Code.CONFLICT))
async def delete_blocked_caller(ctx: Ctx, blocked_caller_id: BlockedCallerId) -> None:
    """Let a caller in again."""
    async with ctx.work() as db:
        await delete_row(ctx, db, TABLE, blocked_caller_id)


def _columns(body: NewBlockedCaller | BlockedCallerChange, *, changes: bool = False) -> dict[str, Any]:
    values = columns(body, changes=changes)
    if "number" in values:
        values["digits"] = digits(values.pop("number"))
    return values


def _shown(row: BlockedCallerRow) -> BlockedCaller:
    shown = fields(row)
    shown["number"] = f"+{shown.pop('digits')}"
    return BlockedCaller(**shown)
