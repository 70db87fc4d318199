"""IVR trees: checked when they come in, versioned, active from the next call on."""

from __future__ import annotations

import asyncio
from collections.abc import Sequence
from typing import Annotated, Any, TypeVar

from fastapi import APIRouter, Query, Request, Response
from fastapi.exceptions import RequestValidationError
from pydantic import ValidationError

from m3voip.api.auth import Guarded, allowed
from m3voip.api.context import Context, Ctx
from m3voip.api.crud import delete_row, insert_row, note, page_of_rows
from m3voip.api.errors import ApiError, Code, invalid
from m3voip.api.fields import Sent, fields
from m3voip.api.idempotency import KeyHeader, create_once
from m3voip.api.ids import TreeId, Version
from m3voip.api.paging import Pages, cut
from m3voip.api.permissions import READ_SETUP, Permission
from m3voip.api.schemas.error import guarded
from m3voip.api.schemas.ivr_tree import (
    SOURCE,
    Activation,
    NewTree,
    Tree,
    TreeFinding,
    TreePage,
    TreeSource,
    TreeVersion,
    TreeVersionPage,
    TreeVersionSource,
    TreeWithSource,
)
from m3voip.api.work import Db
from m3voip.ivr import lint
from m3voip.ivr.finding import Finding
from m3voip.ivr.known import Known
from m3voip.ivr.model import read
from m3voip.storage.postgres.admin import trees
from m3voip.storage.postgres.admin.trees import TABLE, TreeRow, VersionRow

router = APIRouter(prefix="/v1/tm/ivr-trees", tags=["IVR trees"], route_class=Guarded)

SentType = TypeVar("SentType", bound=Sent)

_MANAGE = allowed(Permission.MANAGE_TELEPHONY)
_YAML = ("application/yaml", "application/x-yaml", "text/yaml", "text/plain")
_Activate = Annotated[bool, Query(description="whether new calls get this version at once")]


def _takes(model: type[Sent]) -> dict[str, Any]:
    """The permission and the request body of a route that takes a tree as JSON or as plain YAML."""
    plain = {"schema": {"type": "string"}, "example": SOURCE}
    content: dict[str, Any] = {"application/json": {"schema": model.model_json_schema(by_alias=True)}}
    content |= dict.fromkeys(_YAML, plain)
    return {"openapi_extra": {**_MANAGE["openapi_extra"], "requestBody": {"required": True, "content": content}}}


@router.get("", **allowed(*READ_SETUP), responses=guarded())
async def list_ivr_trees(ctx: Ctx, paging: Pages) -> TreePage:
    """All trees."""
    async with ctx.work() as db:
        rows, cursor = await page_of_rows(ctx, db, TABLE, paging)
        current = await trees.current(db, ctx.tenant_id, [row.id for row in rows])
    return TreePage(items=[Tree(**_tree(row, current.get(row.id))) for row in rows], next_cursor=cursor)


@router.get("/{treeId}", **allowed(*READ_SETUP), responses=guarded(Code.NOT_FOUND))
async def get_ivr_tree(ctx: Ctx, tree_id: TreeId) -> TreeWithSource:
    """One tree with the text of its active version."""
    async with ctx.work() as db:
        row = await TABLE.get(db, ctx.tenant_id, tree_id)
        version = (await trees.current(db, ctx.tenant_id, [tree_id]))[tree_id]
    return _with_source(row, version, ())


@router.post(
    "",
    status_code=201,
    response_model=TreeWithSource,
    responses=guarded(Code.CONFLICT, Code.UNSUPPORTED_MEDIA_TYPE),
    **_takes(NewTree),
)
async def create_ivr_tree(
    ctx: Ctx,
    request: Request,
    name: Annotated[str | None, Query(description="the tree's name, when the body is YAML", examples=["main"])] = None,
    activate: _Activate = True,
    idempotency_key: KeyHeader = None,
) -> Response:
    """Make a tree, as JSON `{name, source}` or as YAML with `?name=`. A faulty one is refused; every fault names its node
    and line."""
    sent = await _sent(request, NewTree, {} if name is None else {"name": name})
    warnings = await _checked(ctx, sent.name, sent.source)

    async def make(db: Db) -> TreeWithSource:
        row = await insert_row(ctx, db, TABLE, {"name": sent.name})
        return _with_source(row, await _add(ctx, db, row.id, sent.source, activate=activate), warnings)

    return await create_once(request, ctx, idempotency_key, make)


@router.put("/{treeId}", responses=guarded(Code.NOT_FOUND, Code.UNSUPPORTED_MEDIA_TYPE), **_takes(TreeSource))
async def replace_ivr_tree(ctx: Ctx, request: Request, tree_id: TreeId, activate: _Activate = True) -> TreeWithSource:
    """Give a tree a new version, as JSON `{source}` or as YAML. Calls in progress keep theirs. The same text as the newest
    version makes no new one."""
    sent = await _sent(request, TreeSource, {})
    async with ctx.work() as db:
        row = await TABLE.get(db, ctx.tenant_id, tree_id)
    warnings = await _checked(ctx, row.name, sent.source)
    async with ctx.work() as db:
        version = await _add(ctx, db, tree_id, sent.source, activate=activate)
        row = await TABLE.get(db, ctx.tenant_id, tree_id)
        return _with_source(row, version, warnings)


@router.delete("/{treeId}", status_code=204, **_MANAGE, responses=guarded(Code.NOT_FOUND, Code.CONFLICT))
async def delete_ivr_tree(ctx: Ctx, tree_id: TreeId) -> None:
    """Delete a tree that no DID leads to, with its versions. Calls in progress keep theirs."""
    async with ctx.work() as db:
        await delete_row(ctx, db, TABLE, tree_id)


@router.get("/{treeId}/versions", **allowed(*READ_SETUP), responses=guarded(Code.NOT_FOUND))
async def list_ivr_tree_versions(ctx: Ctx, tree_id: TreeId, paging: Pages) -> TreeVersionPage:
    """The versions of a tree, newest first."""
    of = f"ivr_tree/{tree_id}"
    after = ctx.after(of, paging)
    async with ctx.work() as db:
        await TABLE.get(db, ctx.tenant_id, tree_id)
        rows = await trees.versions(db, ctx.tenant_id, tree_id, int(after) if after else None, paging.limit)
    page, last = cut(rows, paging.limit, lambda row: str(row.version))
    return TreeVersionPage(items=[TreeVersion(**fields(row)) for row in page], next_cursor=ctx.next_cursor(of, last))


@router.get("/{treeId}/versions/{version}", **allowed(*READ_SETUP), responses=guarded(Code.NOT_FOUND))
async def get_ivr_tree_version(ctx: Ctx, tree_id: TreeId, version: Version) -> TreeVersionSource:
    """One version with its text."""
    async with ctx.work() as db:
        return TreeVersionSource(**fields(await trees.version(db, ctx.tenant_id, tree_id, version)))


@router.post("/{treeId}/activate", **_MANAGE, responses=guarded(Code.NOT_FOUND))
async def activate_ivr_tree(ctx: Ctx, tree_id: TreeId, body: Activation) -> TreeVersion:
    """Let new calls have this version, an older one too. It is checked again, because a queue may have gone since."""
    async with ctx.work() as db:
        row = await TABLE.get(db, ctx.tenant_id, tree_id)
        version = await trees.version(db, ctx.tenant_id, tree_id, body.version)
    await _checked(ctx, row.name, version.source)
    async with ctx.work() as db:
        version = await trees.activate(db, ctx.tenant_id, tree_id, body.version)
        await note(ctx, db, "ivr_tree.activate", f"{tree_id}/{body.version}")
    return TreeVersion(**fields(version))


async def _sent(request: Request, model: type[SentType], also: dict[str, str]) -> SentType:
    """The body as JSON or YAML, and what the query adds to YAML."""
    kind = request.headers.get("content-type", "application/json").partition(";")[0].strip().lower()
    body = await request.body()
    try:
        if kind == "application/json":
            return model.model_validate_json(body)
        if kind not in _YAML:
            raise ApiError(Code.UNSUPPORTED_MEDIA_TYPE, f"Send the tree as application/json or as {', '.join(_YAML)}.")
        return model.model_validate({"source": body.decode(), **also})
    except UnicodeDecodeError:
        raise invalid("body", "is not UTF-8 text.") from None
    except ValidationError as error:
        raise RequestValidationError([{**item, "loc": ("body", *item["loc"])} for item in error.errors()]) from error


async def _checked(ctx: Context, name: str, source: str) -> Sequence[Finding]:
    """The tree's warnings; raises ApiError VALIDATION_FAILED with its errors. The check runs beside the loop, because a
    large tree takes it some time and calls must not wait."""
    async with ctx.work() as db:
        names = await trees.names(db, ctx.tenant_id)
    known = Known(queues=names.queues, boxes=names.boxes, extensions=names.extensions, conferences=names.conferences)
    findings = await asyncio.to_thread(lambda: lint.check(read(source, name), known))
    if wrong := lint.errors(findings):
        shown = [(f"nodes.{one.node}" if one.node else "source", _line(one)) for one in wrong]
        raise ApiError(Code.VALIDATION_FAILED, f"{shown[0][0]}: {shown[0][1]}", shown[:50])
    return findings


def _line(finding: Finding) -> str:
    return f"line {finding.line}: [{finding.code}] {finding.message}; {finding.advice}"


async def _add(ctx: Context, db: Db, tree_id: TreeId, source: str, *, activate: bool) -> VersionRow:
    version = await trees.add_version(db, ctx.tenant_id, tree_id, source)
    await note(ctx, db, "ivr_tree.version", f"{tree_id}/{version.version}")
    return await trees.activate(db, ctx.tenant_id, tree_id, version.version) if activate else version


def _tree(row: TreeRow, version: VersionRow | None) -> dict[str, Any]:
    return {**fields(row), "active_version": version.version if version and version.active else None}


def _with_source(row: TreeRow, version: VersionRow, warnings: Sequence[Finding]) -> TreeWithSource:
    return TreeWithSource(
        **_tree(row, version),
        version=TreeVersionSource(**fields(version)),
        warnings=[TreeFinding.model_validate(one, from_attributes=True) for one in warnings],
    )
