"""Trunks: the paths to carriers."""

from __future__ import annotations

from typing import Any

from fastapi import APIRouter, Request, Response

from m3voip.api.auth import Guarded, allowed
from m3voip.api.context import Ctx
from m3voip.api.crud import change_row, delete_row, insert_row, page_of_rows
from m3voip.api.errors import Code, not_found
from m3voip.api.fields import columns, fields
from m3voip.api.idempotency import KeyHeader, create_once
from m3voip.api.ids import TrunkId
from m3voip.api.paging import Pages
from m3voip.api.permissions import READ_SETUP, Permission
from m3voip.api.schemas.error import guarded
from m3voip.api.schemas.trunk import NewTrunk, RateDeck, Trunk, TrunkChange, TrunkPage
from m3voip.api.work import Db
from m3voip.storage.postgres.admin import rates
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


@router.get("/{trunkId}/rates", **allowed(*READ_SETUP), responses=guarded(Code.NOT_FOUND))
async def get_rates(ctx: Ctx, trunk_id: TrunkId) -> RateDeck:
    """The carrier's rate deck."""
    async with ctx.work() as db:
        trunk = await TABLE.get(db, ctx.tenant_id, trunk_id)
        deck = await rates.get(db, ctx.tenant_id, trunk_id)
    if not trunk.currency:
        raise not_found("rate deck")
    return RateDeck.model_validate(
        {
            "currency": trunk.currency,
            "rates": [{"prefix": prefix, "perMinute": price} for prefix, price in deck.items()],
        }
    )


@router.put("/{trunkId}/rates", **_MANAGE, responses=guarded(Code.NOT_FOUND))
async def put_rates(ctx: Ctx, trunk_id: TrunkId, body: RateDeck) -> RateDeck:
    """Replace the rate deck. By it the cheapest of trunks with the same priority is tried first."""
    async with ctx.work() as db:
        await change_row(ctx, db, TABLE, trunk_id, {"currency": body.currency})
        await rates.put(db, ctx.tenant_id, trunk_id, {rate.prefix: rate.per_minute for rate in body.rates})
    return body


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
