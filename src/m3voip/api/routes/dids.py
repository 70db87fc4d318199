"""DIDs: numbers that people call, and where each leads."""

from __future__ import annotations

from typing import Any

from fastapi import APIRouter, Request, Response

from m3voip.api.auth import Guarded, allowed
from m3voip.api.context import Ctx
from m3voip.api.crud import change_row, delete_row, insert_row, page_of_rows
from m3voip.api.errors import Code
from m3voip.api.fields import columns, fields
from m3voip.api.idempotency import KeyHeader, create_once
from m3voip.api.ids import DidId
from m3voip.api.paging import Pages
from m3voip.api.permissions import READ_SETUP, Permission
from m3voip.api.schemas.did import TARGETS, Did, DidChange, DidPage, NewDid
from m3voip.api.schemas.error import guarded
from m3voip.api.work import Db
from m3voip.storage.postgres.admin.dids import TABLE, DidRow

router = APIRouter(prefix="/v1/tm/dids", tags=["DIDs"], route_class=Guarded)

_MANAGE = allowed(Permission.MANAGE_TELEPHONY)


@router.get("", **allowed(*READ_SETUP), responses=guarded())
async def list_dids(ctx: Ctx, paging: Pages) -> DidPage:
    """All DIDs."""
    async with ctx.work() as db:
        rows, cursor = await page_of_rows(ctx, db, TABLE, paging)
    return DidPage(items=[_shown(row) for row in rows], next_cursor=cursor)


@router.get("/{didId}", **allowed(*READ_SETUP), responses=guarded(Code.NOT_FOUND))
async def get_did(ctx: Ctx, did_id: DidId) -> Did:
    """One of them."""
    async with ctx.work() as db:
        return _shown(await TABLE.get(db, ctx.tenant_id, did_id))


@router.post("", status_code=201, response_model=Did, **_MANAGE, responses=guarded(Code.CONFLICT))
async def create_did(ctx: Ctx, request: Request, body: NewDid, idempotency_key: KeyHeader = None) -> Response:
    """Take a number into service. Calls to it follow its tree, queue or route within a second."""

    async def make(db: Db) -> Did:
        return _shown(await insert_row(ctx, db, TABLE, _columns(body)))

    return await create_once(request, ctx, idempotency_key, make)


@router.patch("/{didId}", **_MANAGE, responses=guarded(Code.NOT_FOUND, Code.CONFLICT))
async def change_did(ctx: Ctx, did_id: DidId, body: DidChange) -> Did:
    """Change a DID; calls in progress keep the tree they began with."""
    async with ctx.work() as db:
        return _shown(await change_row(ctx, db, TABLE, did_id, _columns(body, changes=True)))


@router.delete("/{didId}", status_code=204, **_MANAGE, responses=guarded(Code.NOT_FOUND, Code.CONFLICT))
async def delete_did(ctx: Ctx, did_id: DidId) -> None:
    """Take a number out of service; calls to it are turned away."""
    async with ctx.work() as db:
        await delete_row(ctx, db, TABLE, did_id)


def _columns(body: NewDid | DidChange, *, changes: bool = False) -> dict[str, Any]:
    values = columns(body, changes=changes)
    if changes:  # a DID leads to one place: naming the one clears the other
        named = [name for name in TARGETS if values.get(name) is not None]
        values |= {name: None for name in TARGETS if named and name not in named}
    return values


def _shown(row: DidRow) -> Did:
    return Did(**fields(row))
