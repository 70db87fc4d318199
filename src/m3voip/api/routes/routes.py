"""Routes: where a number's calls go by rules; checked when they come in, versioned, in force from the next call on."""

from __future__ import annotations

import asyncio
from typing import Any

import msgspec
from fastapi import APIRouter, Request, Response

from m3voip.api.auth import Guarded, allowed
from m3voip.api.context import Context, Ctx
from m3voip.api.crud import change_row, delete_row, insert_row, page_of_rows
from m3voip.api.errors import ApiError, Code
from m3voip.api.fields import fields
from m3voip.api.idempotency import KeyHeader, create_once
from m3voip.api.ids import RouteId
from m3voip.api.paging import Pages, cut
from m3voip.api.permissions import READ_SETUP, Permission
from m3voip.api.schemas.error import guarded
from m3voip.api.schemas.route import (
    Explain,
    Explanation,
    NewRoute,
    Route,
    RouteChange,
    RouteDocument,
    RoutePage,
    RoutePreferred,
    RouteTarget,
    RouteVersion,
    RouteVersionPage,
    RuleLook,
)
from m3voip.api.work import Db
from m3voip.core.phone import digits
from m3voip.routing import lint, model
from m3voip.routing.decide import CompiledRules, Situation
from m3voip.storage.postgres.admin import listed_callers, routes
from m3voip.storage.postgres.admin.routes import TABLE, RouteRow, VersionRow
from m3voip.storage.postgres.admin.routes import RouteTarget as TargetRow

router = APIRouter(prefix="/v1/tm/routes", tags=["Routes"], route_class=Guarded)

_MANAGE = allowed(Permission.MANAGE_TELEPHONY)


@router.get("", **allowed(*READ_SETUP), responses=guarded())
async def list_routes(ctx: Ctx, paging: Pages) -> RoutePage:
    """All routes."""
    async with ctx.work() as db:
        rows, cursor = await page_of_rows(ctx, db, TABLE, paging)
        current = await routes.current(db, ctx.tenant_id, [row.id for row in rows])
    return RoutePage(items=[_shown(row, current[row.id]) for row in rows], next_cursor=cursor)


@router.get("/{routeId}", **allowed(*READ_SETUP), responses=guarded(Code.NOT_FOUND))
async def get_route(ctx: Ctx, route_id: RouteId) -> Route:
    """One route as it is in force."""
    async with ctx.work() as db:
        row = await TABLE.get(db, ctx.tenant_id, route_id)
        return _shown(row, (await routes.current(db, ctx.tenant_id, [route_id]))[route_id])


@router.post("", status_code=201, response_model=Route, **_MANAGE, responses=guarded(Code.CONFLICT))
async def create_route(ctx: Ctx, request: Request, body: NewRoute, idempotency_key: KeyHeader = None) -> Response:
    """Make a route. A faulty one is refused; every fault names its field. Numbers lead to it by their `routeId`."""
    route = await _checked(ctx, body, {"name"})

    async def make(db: Db) -> Route:
        row = await insert_row(ctx, db, TABLE, {"name": body.name})
        return _shown(row, await _put(ctx, db, row, route))

    return await create_once(request, ctx, idempotency_key, make)


@router.put("/{routeId}", **_MANAGE, responses=guarded(Code.NOT_FOUND))
async def replace_route(ctx: Ctx, route_id: RouteId, body: RouteChange) -> Route:
    """Replace a route by a new version, in force from the next call on. The same as before makes no new version."""
    async with ctx.work() as db:
        await TABLE.get(db, ctx.tenant_id, route_id)
    route = await _checked(ctx, body, set())
    async with ctx.work() as db:
        row = await TABLE.get(db, ctx.tenant_id, route_id, lock=True)
        before = (await routes.current(db, ctx.tenant_id, [route_id]))[route_id]
        if model.read_route(before.document) == route:
            return _shown(row, before)
        row = await change_row(ctx, db, TABLE, route_id, {"version": row.version + 1})
        return _shown(row, await _put(ctx, db, row, route))


@router.delete("/{routeId}", status_code=204, **_MANAGE, responses=guarded(Code.NOT_FOUND, Code.CONFLICT))
async def delete_route(ctx: Ctx, route_id: RouteId) -> None:
    """Delete a route that no DID leads to, with its versions."""
    async with ctx.work() as db:
        await delete_row(ctx, db, TABLE, route_id)


@router.get("/{routeId}/versions", **allowed(*READ_SETUP), responses=guarded(Code.NOT_FOUND))
async def list_route_versions(ctx: Ctx, route_id: RouteId, paging: Pages) -> RouteVersionPage:
    """What a route was, newest first. To go back, send an old version's fields as the new one."""
    of = f"route/{route_id}"
    after = ctx.after(of, paging)
    async with ctx.work() as db:
        await TABLE.get(db, ctx.tenant_id, route_id)
        rows = await routes.versions(db, ctx.tenant_id, route_id, int(after) if after else None, paging.limit)
    page, last = cut(rows, paging.limit, lambda row: str(row.version))
    items = [RouteVersion(version=row.version, created_at=row.created_at, **_parts(row)) for row in page]
    return RouteVersionPage(items=items, next_cursor=ctx.next_cursor(of, last))


@router.post("/{routeId}/explain", **allowed(*READ_SETUP), responses=guarded(Code.NOT_FOUND))
async def explain_route(ctx: Ctx, route_id: RouteId, body: Explain) -> Explanation:
    """Where a call of this caller at this time would go, by which rule, and why. The CRM is not asked: `crm` stands for its
    answer. Nothing is changed."""
    now = body.at or ctx.deps.clock.now()
    async with ctx.work() as db:
        await TABLE.get(db, ctx.tenant_id, route_id)
        version = (await routes.current(db, ctx.tenant_id, [route_id]))[route_id]
        key = await routes.split_key(db, ctx.tenant_id, route_id)
        lists, language = await listed_callers.of_number(db, ctx.tenant_id, digits(body.caller), now)
    situation = Situation(now=now, caller=body.caller, lists=lists, language=language, crm=body.crm)
    decision = CompiledRules(model.read_route(version.document), key).decide(situation)
    assert decision is not None  # only a question to the CRM could keep it waiting
    return Explanation(
        rule=decision.rule,
        why=decision.why,
        target=_part(RouteTarget, decision.target),
        preferred=None if decision.preferred is None else _part(RoutePreferred, decision.preferred),
        priority=decision.priority,
        language=decision.language,
        version=version.version,
        looks=[RuleLook.model_validate(look, from_attributes=True) for look in decision.looks],
    )


async def _checked(ctx: Context, body: RouteDocument, besides: set[str]) -> model.Route:
    """The route that was sent. Raises ApiError naming every faulty field."""
    route = msgspec.convert(body.model_dump(mode="json", by_alias=False, exclude=besides), model.Route)
    async with ctx.work() as db:
        known = await routes.known(db, ctx.tenant_id, [place for _, _, place in route.places()])
    faults = await asyncio.to_thread(lint.check, route, known)
    if faults:
        shown = [(fault.field, fault.message) for fault in faults]
        raise ApiError(Code.VALIDATION_FAILED, f"{shown[0][0]}: {shown[0][1]}", shown[:50])
    return route


async def _put(ctx: Context, db: Db, row: RouteRow, route: model.Route) -> VersionRow:
    targets = [TargetRow(field=at, kind=kind, place=place) for at, kind, place in route.places()]
    return await routes.put(db, ctx.tenant_id, row, model.write_route(route).decode(), targets)


def _shown(row: RouteRow, version: VersionRow) -> Route:
    return Route(**{**fields(row), **_parts(version)})


def _parts(version: VersionRow) -> dict[str, Any]:
    document = RouteDocument.model_validate_json(version.document, by_name=True, by_alias=False)
    return {name: getattr(document, name) for name in RouteDocument.model_fields}


def _part(kind: type[Any], part: msgspec.Struct) -> Any:
    return kind.model_validate(msgspec.to_builtins(part), by_name=True, by_alias=False)
