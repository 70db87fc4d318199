"""Pause reasons: why agents pause, and how long each allows."""

from __future__ import annotations

from fastapi import APIRouter, Request, Response

from m3voip.api.auth import Guarded, allowed
from m3voip.api.context import Ctx
from m3voip.api.crud import change_row, delete_row, insert_row, page_of_rows
from m3voip.api.errors import Code
from m3voip.api.fields import columns, fields
from m3voip.api.idempotency import KeyHeader, create_once
from m3voip.api.ids import PauseReasonId
from m3voip.api.paging import Pages
from m3voip.api.permissions import READ_SETUP, Permission
from m3voip.api.schemas.error import guarded
from m3voip.api.schemas.pause_reason import NewPauseReason, PauseReason, PauseReasonChange, PauseReasonPage
from m3voip.api.work import Db
from m3voip.storage.postgres.admin.pause_reasons import TABLE

router = APIRouter(prefix="/v1/tm/pause-reasons", tags=["Pause reasons"], route_class=Guarded)

_MANAGE = allowed(Permission.MANAGE_AGENTS)


@router.get("", **allowed(*READ_SETUP), responses=guarded())
async def list_pause_reasons(ctx: Ctx, paging: Pages) -> PauseReasonPage:
    """All reasons, those that can be chosen no longer too."""
    async with ctx.work() as db:
        rows, cursor = await page_of_rows(ctx, db, TABLE, paging)
    return PauseReasonPage(items=[PauseReason(**fields(row)) for row in rows], next_cursor=cursor)


@router.get("/{pauseReasonId}", **allowed(*READ_SETUP), responses=guarded(Code.NOT_FOUND))
async def get_pause_reason(ctx: Ctx, reason_id: PauseReasonId) -> PauseReason:
    """One of them."""
    async with ctx.work() as db:
        return PauseReason(**fields(await TABLE.get(db, ctx.tenant_id, reason_id)))


@router.post("", status_code=201, response_model=PauseReason, **_MANAGE, responses=guarded(Code.CONFLICT))
async def create_pause_reason(
    ctx: Ctx, request: Request, body: NewPauseReason, idempotency_key: KeyHeader = None
) -> Response:
    """Make a reason that agents may choose from now on."""

    async def make(db: Db) -> PauseReason:
        row = await insert_row(ctx, db, TABLE, columns(body))
        return PauseReason(**fields(row))

    return await create_once(request, ctx, idempotency_key, make)


@router.patch("/{pauseReasonId}", **_MANAGE, responses=guarded(Code.NOT_FOUND))
async def change_pause_reason(ctx: Ctx, reason_id: PauseReasonId, body: PauseReasonChange) -> PauseReason:
    """Change a reason. Pauses that have begun keep the limit they began with."""
    async with ctx.work() as db:
        row = await change_row(ctx, db, TABLE, reason_id, columns(body, changes=True))
        return PauseReason(**fields(row))


@router.delete("/{pauseReasonId}", status_code=204, **_MANAGE, responses=guarded(Code.NOT_FOUND, Code.CONFLICT))
async def delete_pause_reason(ctx: Ctx, reason_id: PauseReasonId) -> None:
    """Delete a reason. Events that name it stay."""
    async with ctx.work() as db:
        await delete_row(ctx, db, TABLE, reason_id)
