"""Trunks: the paths to carriers."""

from __future__ import annotations

from typing import Any

from fastapi import APIRouter, Request, Response

from m3voip.api.auth import Guarded, allowed
from m3voip.api.context import Ctx
from m3voip.api.crud import change_row, delete_row, insert_row, page_of_rows
from m3voip.api.errors import Code
from m3voip.api.fields import columns, fields
from m3voip.api.idempotency import KeyHeader, create_once
from m3voip.api.ids import TrunkId
from m3voip.api.paging import Pages
from m3voip.api.permissions import READ_SETUP, Permission
from m3voip.api.schemas.error import guarded
from m3voip.api.schemas.trunk import NewTrunk, Trunk, TrunkChange, TrunkPage
from m3voip.api.work import Db
from m3voip.storage.postgres.admin.trunks import TABLE, TrunkRow

router = APIRouter(prefix="/v1/tm/trunks", tags=["Trunks"], route_class=Guarded)

_MANAGE = allowed(Permission.MANAGE_TELEPHONY)


@router.get("", **allowed(*READ_SETUP), responses=guarded())
async def list_trunks(ctx: Ctx, paging: Pages) -> TrunkPage:
    """All trunks. Passwords are never shown."""
    async with ctx.work() as db:
        rows, cursor = await page_of_rows(ctx, db, TABLE, paging)
    return TrunkPage(items=[_shown(row) for row in rows], next_cursor=cursor)


@router.get("/{trunkId}", **allowed(*READ_SETUP), responses=guarded(Code.NOT_FOUND))
async def get_trunk(ctx: Ctx, trunk_id: TrunkId) -> Trunk:
    """One of them."""
    async with ctx.work() as db:
        return _shown(await TABLE.get(db, ctx.tenant_id, trunk_id))


@router.post("", status_code=201, response_model=Trunk, **_MANAGE, responses=guarded(Code.CONFLICT))
async def create_trunk(ctx: Ctx, request: Request, body: NewTrunk, idempotency_key: KeyHeader = None) -> Response:
    """Connect a carrier."""

    async def make(db: Db) -> Trunk:
        return _shown(await insert_row(ctx, db, TABLE, _columns(body)))

    return await create_once(request, ctx, idempotency_key, make)


@router.patch("/{trunkId}", **_MANAGE, responses=guarded(Code.NOT_FOUND, Code.CONFLICT))
async def change_trunk(ctx: Ctx, trunk_id: TrunkId, body: TrunkChange) -> Trunk:
    """Change a trunk."""
    async with ctx.work() as db:
        return _shown(await change_row(ctx, db, TABLE, trunk_id, _columns(body, changes=True)))


@router.delete("/{trunkId}", status_code=204, **_MANAGE, responses=guarded(Code.NOT_FOUND, Code.CONFLICT))
async def delete_trunk(ctx: Ctx, trunk_id: TrunkId) -> None:
    """Disconnect a carrier; its DIDs stay without a trunk."""
    async with ctx.work() as db:
        await delete_row(ctx, db, TABLE, trunk_id)


def _columns(body: NewTrunk | TrunkChange, *, changes: bool = False) -> dict[str, Any]:
    values = columns(body, changes=changes)
    if "caller_id" in values:
        values["caller_id"] = values["caller_id"] or ""
    return values


def _shown(row: TrunkRow) -> Trunk:
    shown = fields(row)
    shown["addresses"] = [str(address) for address in row.addresses]
    shown["caller_id"] = row.caller_id or None
    return Trunk(**shown)
