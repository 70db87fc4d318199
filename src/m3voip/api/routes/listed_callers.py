"""Listed callers: whom routes know, for example as VIPs."""

from __future__ import annotations

from typing import Any

from fastapi import APIRouter, Request, Response

from m3voip.api.auth import Guarded, allowed
from m3voip.api.context import Ctx
from m3voip.api.crud import change_row, delete_row, insert_row, page_of_rows
from m3voip.api.errors import Code
from m3voip.api.fields import columns, fields
from m3voip.api.idempotency import KeyHeader, create_once
from m3voip.api.ids import ListedCallerId
from m3voip.api.paging import Pages
from m3voip.api.permissions import READ_SETUP, Permission
from m3voip.api.schemas.error import guarded
from m3voip.api.schemas.listed_caller import ListedCaller, ListedCallerChange, ListedCallerPage, NewListedCaller
from m3voip.api.work import Db
from m3voip.core.phone import digits
from m3voip.storage.postgres.admin.listed_callers import TABLE, ListedCallerRow

router = APIRouter(prefix="/v1/tm/listed-callers", tags=["Listed callers"], route_class=Guarded)

_MANAGE = allowed(Permission.MANAGE_TELEPHONY)


@router.get("", **allowed(*READ_SETUP), responses=guarded())
async def list_listed_callers(ctx: Ctx, paging: Pages) -> ListedCallerPage:
    """All listed callers."""
    async with ctx.work() as db:
        rows, cursor = await page_of_rows(ctx, db, TABLE, paging)
    return ListedCallerPage(items=[_shown(row) for row in rows], next_cursor=cursor)


@router.get("/{listedCallerId}", **allowed(*READ_SETUP), responses=guarded(Code.NOT_FOUND))
async def get_listed_caller(ctx: Ctx, listed_caller_id: ListedCallerId) -> ListedCaller:
    """One of them."""
    async with ctx.work() as db:
        return _shown(await TABLE.get(db, ctx.tenant_id, listed_caller_id))


@router.post("", status_code=201, response_model=ListedCaller, **_MANAGE, responses=guarded(Code.CONFLICT))
async def create_listed_caller(
    ctx: Ctx, request: Request, body: NewListedCaller, idempotency_key: KeyHeader = None
) -> Response:
    """Put a caller on a list. A number may be on several, once on each."""

    async def make(db: Db) -> ListedCaller:
        return _shown(await insert_row(ctx, db, TABLE, _columns(body)))

    return await create_once(request, ctx, idempotency_key, make)


@router.patch("/{listedCallerId}", **_MANAGE, responses=guarded(Code.NOT_FOUND, Code.CONFLICT))
async def change_listed_caller(ctx: Ctx, listed_caller_id: ListedCallerId, body: ListedCallerChange) -> ListedCaller:
    """Change the list, the language, the note or the end."""
    async with ctx.work() as db:
        return _shown(await change_row(ctx, db, TABLE, listed_caller_id, _columns(body, changes=True)))


@router.delete("/{listedCallerId}", status_code=204, **_MANAGE, responses=guarded(Code.NOT_FOUND))
async def delete_listed_caller(ctx: Ctx, listed_caller_id: ListedCallerId) -> None:
    """Take a caller off the list."""
    async with ctx.work() as db:
        await delete_row(ctx, db, TABLE, listed_caller_id)


def _columns(body: NewListedCaller | ListedCallerChange, *, changes: bool = False) -> dict[str, Any]:
    values = columns(body, changes=changes)
    if "number" in values:
        values["digits"] = digits(values.pop("number"))
    if "language" in values:
        values["language"] = values["language"] or ""
    return values


def _shown(row: ListedCallerRow) -> ListedCaller:
    shown = fields(row)
    shown["number"] = f"+{shown.pop('digits')}"
    shown["language"] = shown["language"] or None
    return ListedCaller(**shown)
