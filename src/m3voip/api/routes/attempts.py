"""Attempts: every number that somebody wanted dialled, with the reasons for which it was, or was not."""

from __future__ import annotations

from typing import Annotated
from uuid import UUID

from fastapi import APIRouter, Query

from m3voip.api.auth import Guarded, allowed
from m3voip.api.context import Ctx
from m3voip.api.dialling import verdicts
from m3voip.api.errors import Code
from m3voip.api.fields import fields
from m3voip.api.ids import AttemptId
from m3voip.api.paging import Pages, cut
from m3voip.api.permissions import WATCH
from m3voip.api.schemas.dialling import Attempt, AttemptPage
from m3voip.api.schemas.error import guarded
from m3voip.storage.postgres.admin import attempts
from m3voip.storage.postgres.admin.attempts import AttemptRow

router = APIRouter(prefix="/v1/tm/attempts", tags=["Calls out"], route_class=Guarded)


@router.get("", **allowed(*WATCH), responses=guarded())
async def list_attempts(
    ctx: Ctx, paging: Pages, *, call: Annotated[UUID | None, Query(description="only those of this call")] = None
) -> AttemptPage:
    """Attempts, newest first."""
    after = ctx.after("attempts", paging)
    async with ctx.work() as db:
        rows = await attempts.page(
            db, ctx.tenant_id, call_id=call, before=UUID(after) if after else None, limit=paging.limit
        )
    page, last = cut(rows, paging.limit, lambda row: str(row.id))
    return AttemptPage(items=[_shown(row) for row in page], next_cursor=ctx.next_cursor("attempts", last))


@router.get("/{attemptId}", **allowed(*WATCH), responses=guarded(Code.NOT_FOUND))
async def get_attempt(ctx: Ctx, attempt_id: AttemptId) -> Attempt:
    """One of them."""
    async with ctx.work() as db:
        return _shown(await attempts.get(db, ctx.tenant_id, attempt_id))


def _shown(row: AttemptRow) -> Attempt:
    shown = fields(row)
    return Attempt(**{**shown, "refusals": list(row.refusals), "verdicts": verdicts(row.verdicts)})
