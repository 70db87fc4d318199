"""Disposition codes of the tenant: the contract's, and its own that mean one of them."""

from __future__ import annotations

from typing import Any

from fastapi import APIRouter, Request, Response

from m3voip.api.auth import Guarded, allowed
from m3voip.api.context import Ctx
from m3voip.api.crud import change_row, insert_row, page_of_rows
from m3voip.api.errors import Code
from m3voip.api.fields import columns, fields
from m3voip.api.idempotency import KeyHeader, create_once
from m3voip.api.ids import DispositionId
from m3voip.api.paging import Pages
from m3voip.api.permissions import READ_SETUP, Permission
from m3voip.api.schemas.disposition import (
    DispositionCode,
    DispositionCodeChange,
    DispositionCodePage,
    NewDispositionCode,
    RequiredField,
)
from m3voip.api.schemas.error import guarded
from m3voip.api.work import Db
from m3voip.core.disposition import Required
from m3voip.storage.postgres.admin.dispositions import CODES, DispositionCodeRow

router = APIRouter(prefix="/v1/tm/dispositions", tags=["Dispositions"], route_class=Guarded)

_MANAGE = allowed(Permission.MANAGE_CAMPAIGNS, Permission.MANAGE_AGENTS)
_WORDS = {RequiredField.NOTES: Required.NOTES, RequiredField.NEXT_ATTEMPT_AT: Required.NEXT_ATTEMPT_AT}
_FIELDS = {column.value: field for field, column in _WORDS.items()}


@router.get("", **allowed(*READ_SETUP), responses=guarded())
async def list_dispositions(ctx: Ctx, paging: Pages) -> DispositionCodePage:
    """All codes, those out of use too."""
    async with ctx.work() as db:
        rows, cursor = await page_of_rows(ctx, db, CODES, paging)
    return DispositionCodePage(items=[_shown(row) for row in rows], next_cursor=cursor)


@router.get("/{dispositionId}", **allowed(*READ_SETUP), responses=guarded(Code.NOT_FOUND))
async def get_disposition(ctx: Ctx, disposition_id: DispositionId) -> DispositionCode:
    """One of them."""
    async with ctx.work() as db:
        return _shown(await CODES.get(db, ctx.tenant_id, disposition_id))


@router.post("", status_code=201, response_model=DispositionCode, **_MANAGE, responses=guarded(Code.CONFLICT))
async def create_disposition(
    ctx: Ctx, request: Request, body: NewDispositionCode, idempotency_key: KeyHeader = None
) -> Response:
    """Make a code of the tenant's own."""

    async def make(db: Db) -> DispositionCode:
        return _shown(await insert_row(ctx, db, CODES, _stored(columns(body))))

    return await create_once(request, ctx, idempotency_key, make)


@router.patch("/{dispositionId}", **_MANAGE, responses=guarded(Code.NOT_FOUND, Code.CONFLICT))
async def change_disposition(ctx: Ctx, disposition_id: DispositionId, body: DispositionCodeChange) -> DispositionCode:
    """Change what a code demands, its number or label, or take it out of use. None is ever deleted: calls name them."""
    async with ctx.work() as db:
        values = _stored(columns(body, changes=True))
        return _shown(await change_row(ctx, db, CODES, disposition_id, values))


def _stored(values: dict[str, Any]) -> dict[str, Any]:
    if "required" in values:
        values["required"] = [_WORDS[field].value for field in values["required"]]
    if "maps_to" in values:
        values["maps_to"] = values["maps_to"].value
    return values


def _shown(row: DispositionCodeRow) -> DispositionCode:
    return DispositionCode(**{**fields(row), "required": [_FIELDS[column] for column in row.required]})
