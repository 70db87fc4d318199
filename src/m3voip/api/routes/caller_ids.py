"""Caller ids: the numbers that may be shown to those who are called."""

from __future__ import annotations

from fastapi import APIRouter, Request, Response

from m3voip.api.auth import Guarded, allowed
from m3voip.api.context import Ctx
from m3voip.api.crud import delete_row, insert_row, page_of_rows
from m3voip.api.errors import Code
from m3voip.api.fields import fields
from m3voip.api.idempotency import KeyHeader, create_once
from m3voip.api.ids import CallerIdId
from m3voip.api.paging import Pages
from m3voip.api.permissions import READ_SETUP, Permission
from m3voip.api.schemas.dialling import CallerId, CallerIdPage, NewCallerId
from m3voip.api.schemas.error import guarded
from m3voip.api.work import Db
from m3voip.storage.postgres.admin.caller_ids import TABLE

router = APIRouter(prefix="/v1/tm/caller-ids", tags=["Calls out"], route_class=Guarded)

_MANAGE = allowed(Permission.MANAGE_TELEPHONY)


@router.get("", **allowed(*READ_SETUP), responses=guarded())
async def list_caller_ids(ctx: Ctx, paging: Pages) -> CallerIdPage:
    """All verified caller ids."""
    async with ctx.work() as db:
        rows, cursor = await page_of_rows(ctx, db, TABLE, paging)
    return CallerIdPage(items=[CallerId(**fields(row)) for row in rows], next_cursor=cursor)


@router.post("", status_code=201, response_model=CallerId, **_MANAGE, responses=guarded(Code.CONFLICT))
async def create_caller_id(
    ctx: Ctx, request: Request, body: NewCallerId, idempotency_key: KeyHeader = None
) -> Response:
    """Say that a number is yours, and how that is known. Who said so is in the audit."""

    async def make(db: Db) -> CallerId:
        values = {"number": body.number, "proof": body.proof, "verified_by": ctx.principal.subject}
        row = await insert_row(ctx, db, TABLE, values)
        return CallerId(**fields(row))

    return await create_once(request, ctx, idempotency_key, make)


@router.delete("/{callerIdId}", status_code=204, **_MANAGE, responses=guarded(Code.NOT_FOUND, Code.CONFLICT))
async def delete_caller_id(ctx: Ctx, caller_id_id: CallerIdId) -> None:
    """The number is not yours any more: nothing is dialled with it from now on."""
    async with ctx.work() as db:
        await delete_row(ctx, db, TABLE, caller_id_id)
