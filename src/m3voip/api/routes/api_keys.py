"""API keys: who may use this API, for what and from where."""

from __future__ import annotations

from typing import Any

from fastapi import APIRouter, Request, Response

from m3voip.api.auth import Guarded, allowed
from m3voip.api.context import Ctx
from m3voip.api.crud import insert_row, note, page_of_rows
from m3voip.api.errors import ApiError, Code, invalid
from m3voip.api.fields import fields
from m3voip.api.idempotency import KeyHeader, create_once
from m3voip.api.ids import ApiKeyId
from m3voip.api.keys import new_key
from m3voip.api.paging import Pages
from m3voip.api.permissions import Permission
from m3voip.api.schemas.api_key import ApiKey, ApiKeyCreated, ApiKeyPage, NewApiKey
from m3voip.api.schemas.error import guarded
from m3voip.api.work import Db
from m3voip.storage.postgres.admin import api_keys
from m3voip.storage.postgres.admin.api_keys import TABLE, KeyInfo

router = APIRouter(prefix="/v1/tm/api-keys", tags=["API keys"], route_class=Guarded)

_MANAGE = allowed(Permission.MANAGE_TELEPHONY)


@router.get("", **_MANAGE, responses=guarded())
async def list_api_keys(ctx: Ctx, paging: Pages) -> ApiKeyPage:
    """All keys, revoked ones too, without their text."""
    async with ctx.work() as db:
        rows, cursor = await page_of_rows(ctx, db, TABLE, paging)
    return ApiKeyPage(items=[ApiKey(**_shown(row)) for row in rows], next_cursor=cursor)


@router.get("/{apiKeyId}", **_MANAGE, responses=guarded(Code.NOT_FOUND))
async def get_api_key(ctx: Ctx, key_id: ApiKeyId) -> ApiKey:
    """One of them."""
    async with ctx.work() as db:
        return ApiKey(**_shown(await TABLE.get(db, ctx.tenant_id, key_id)))


@router.post("", status_code=201, response_model=ApiKeyCreated, **_MANAGE, responses=guarded(Code.CONFLICT))
async def create_api_key(ctx: Ctx, request: Request, body: NewApiKey, idempotency_key: KeyHeader = None) -> Response:
    """Make a key. The answer holds its text, which is not shown again."""
    if missing := set(body.scopes) - ctx.principal.permissions:
        named = ", ".join(sorted(missing))
        raise ApiError(Code.FORBIDDEN, f"A key cannot give away what it does not have: {named}.", [("scopes", named)])
    if body.expires_at is not None and body.expires_at <= ctx.deps.clock.now():
        raise invalid("expiresAt", "must be in the future.")

    async def make(db: Db) -> ApiKeyCreated:
        key = new_key(ctx.deps.random_bytes)
        values = {
            "name": body.name,
            "prefix": key.prefix,
            "digest": key.digest(ctx.deps.settings.key_pepper.get_secret_value().encode()),
            "scopes": sorted({scope.value for scope in body.scopes}),
            "cidrs": body.cidrs,
            "expires_at": body.expires_at,
            "agent_id": body.agent_id,
        }
        row = await insert_row(ctx, db, TABLE, values)
        return ApiKeyCreated(**_shown(row), key=str(key))

    return await create_once(request, ctx, idempotency_key, make, secrets=frozenset({"key"}))


@router.delete("/{apiKeyId}", status_code=204, **_MANAGE, responses=guarded(Code.NOT_FOUND))
async def revoke_api_key(ctx: Ctx, key_id: ApiKeyId) -> None:
    """Revoke a key: it stops working at once here, within five seconds everywhere. It stays in the list."""
    async with ctx.work() as db:
        await api_keys.revoke(db, ctx.tenant_id, key_id)
        await note(ctx, db, "api_key.revoke", key_id)
    ctx.services.forget_key(key_id)


def _shown(row: KeyInfo) -> dict[str, Any]:
    return {**fields(row), "cidrs": [str(cidr) for cidr in row.cidrs]}
