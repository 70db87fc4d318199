"""Figures: how queues do, today or in any time: a month of one, a day of all."""

from __future__ import annotations

from datetime import datetime, timedelta
from typing import Annotated, Any

from fastapi import APIRouter, Query

from m3voip.api.auth import Guarded, allowed
from m3voip.api.context import Context, Ctx
from m3voip.api.errors import Code, invalid
from m3voip.api.fields import Time
from m3voip.api.ids import QueueId
from m3voip.api.permissions import Permission
from m3voip.api.schemas.error import guarded
from m3voip.api.schemas.queue_figures import AllQueueFigures, Figures, QueueFigures, QueueOfAll
from m3voip.api.work import Db
from m3voip.reporting import measures
from m3voip.storage.postgres.admin import figures
from m3voip.storage.postgres.admin.queues import TABLE, QueueRow, every

router = APIRouter(prefix="/v1/tm", tags=["Queues"], route_class=Guarded)

_WATCH = allowed(Permission.SUPERVISE, Permission.VIEW_REPORTS)
_From = Annotated[Time | None, Query(alias="from", description="entered then or later; default: today")]
_To = Annotated[Time | None, Query(description="entered before; default: now")]


@router.get("/queues/{queueId}/figures", **_WATCH, responses=guarded(Code.NOT_FOUND))
async def get_queue_figures(
    ctx: Ctx,
    queue_id: QueueId,
    *,
    from_: _From = None,
    to: _To = None,
    service_level_sec: Annotated[
        int | None, Query(alias="serviceLevelSec", ge=1, le=3600, description="another T than the queue's")
    ] = None,
) -> QueueFigures:
    """What became of the callers who entered in this time, and who waits now. At most 31 days."""
    async with ctx.work() as db:
        queue = await TABLE.get(db, ctx.tenant_id, queue_id)
        since, until = await _time(ctx, db, from_, to, days=31)
        seconds = service_level_sec or queue.service_level_s
        counts = await figures.of_queues(
            db, ctx.tenant_id, since=since, until=until, queue_id=queue_id, service_level_s=seconds
        )
    time = {"from": since, "to": until, "service_level_sec": seconds}
    return QueueFigures(**(_shown(counts[queue_id]) | _now(ctx, queue) | time))


@router.get("/queue-figures", **_WATCH, responses=guarded())
async def get_figures_of_all_queues(ctx: Ctx, *, from_: _From = None, to: _To = None) -> AllQueueFigures:
    """The same of every queue, and of all of them together. At most one day."""
    async with ctx.work() as db:
        since, until = await _time(ctx, db, from_, to, days=1)
        queues = await every(db, ctx.tenant_id)
        counts = await figures.of_queues(db, ctx.tenant_id, since=since, until=until)
    items = [
        QueueOfAll(
            queue_id=queue.id,
            name=queue.name,
            service_level_sec=queue.service_level_s,
            **_shown(counts.get(queue.id, measures.QueueCounts())),
            **_now(ctx, queue),
        )
        for queue in queues
    ]
    total = Figures(**_shown(measures.total(counts.values())))
    shown: dict[str, Any] = {"from": since, "to": until, "items": items, "total": total}
    return AllQueueFigures(**shown)


async def _time(
    ctx: Context, db: Db, since: datetime | None, until: datetime | None, *, days: int
) -> tuple[datetime, datetime]:
    until = until or ctx.deps.clock.now()
    since = since or await figures.midnight(db, ctx.tenant_id, until)
    # A day with a change of the clocks has up to 25 hours.
    if not since < until <= since + timedelta(days=days, hours=1):
        raise invalid("from", f"must be before `to`, and at most {days} days." if days > 1 else "must be within a day.")
    return since, until


def _now(ctx: Context, queue: QueueRow) -> dict[str, Any]:
    live = ctx.deps.live.queue(ctx.tenant_id, queue.name)
    if live is None:
        return {"waiting": None, "longest_wait_now_sec": None}
    waits = [max(0.0, (ctx.deps.clock.now() - one.since).total_seconds()) for one in live.waiting]
    return {"waiting": len(waits), "longest_wait_now_sec": round(max(waits, default=0.0), 1)}


def _shown(counts: measures.QueueCounts) -> dict[str, Any]:
    return {
        "answered": counts.answered,
        "answered_in_time": counts.answered_in_time,
        "abandoned": counts.abandoned,
        "short_abandoned": counts.short_abandoned,
        "left": counts.left,
        "undecided": counts.undecided,
        "offered": measures.offered(counts),
        "longest_wait_sec": counts.longest_wait_s,
        "service_level": _rounded(measures.service_level(counts)),
        "answer_rate": _rounded(measures.answer_rate(counts)),
        "abandon_rate": _rounded(measures.abandon_rate(counts)),
        "asa_sec": _rounded(measures.asa(counts)),
    }


def _rounded(value: float | None) -> float | None:
    return None if value is None else round(value, 4)
