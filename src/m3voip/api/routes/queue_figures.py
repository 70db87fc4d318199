"""Figures: how a queue does, today or in any time of at most a month."""

from __future__ import annotations

from datetime import timedelta
from typing import Annotated

from fastapi import APIRouter, Query

from m3voip.api.auth import Guarded, allowed
from m3voip.api.context import Ctx
from m3voip.api.errors import Code, invalid
from m3voip.api.fields import Time
from m3voip.api.ids import QueueId
from m3voip.api.permissions import Permission
from m3voip.api.schemas.error import guarded
from m3voip.api.schemas.queue_figures import QueueFigures
from m3voip.reporting import measures
from m3voip.storage.postgres.admin import figures
from m3voip.storage.postgres.admin.queues import TABLE

router = APIRouter(prefix="/v1/tm/queues/{queueId}/figures", tags=["Queues"], route_class=Guarded)

LONGEST = timedelta(days=31)


@router.get("", **allowed(Permission.SUPERVISE, Permission.VIEW_REPORTS), responses=guarded(Code.NOT_FOUND))
async def get_queue_figures(
    ctx: Ctx,
    queue_id: QueueId,
    *,
    from_: Annotated[Time | None, Query(alias="from", description="entered then or later; default: today")] = None,
    to: Annotated[Time | None, Query(description="entered before; default: now")] = None,
    service_level_sec: Annotated[
        int | None, Query(alias="serviceLevelSec", ge=1, le=3600, description="another T than the queue's")
    ] = None,
) -> QueueFigures:
    """What became of the callers who entered in this time, and who waits now. At most 31 days."""
    now = ctx.deps.clock.now()
    until = to or now
    async with ctx.work() as db:
        queue = await TABLE.get(db, ctx.tenant_id, queue_id)
        since = from_ or await figures.midnight(db, ctx.tenant_id, until)
        if not since < until <= since + LONGEST:
            raise invalid("from", "must be before `to`, and at most 31 days.")
        seconds = service_level_sec or queue.service_level_s
        counts = await figures.of_queue(
            db, ctx.tenant_id, queue.name, since=since, until=until, service_level_s=seconds
        )
    live = ctx.deps.live.queue(ctx.tenant_id, queue.name)
    waits = [max(0.0, (now - one.since).total_seconds()) for one in live.waiting] if live else []
    return QueueFigures(
        **{"from": since},
        to=until,
        service_level_sec=seconds,
        waiting=len(waits) if live else None,
        longest_wait_now_sec=round(max(waits, default=0.0), 1) if live else None,
        answered=counts.answered,
        answered_in_time=counts.answered_in_time,
        abandoned=counts.abandoned,
        short_abandoned=counts.short_abandoned,
        left=counts.left,
        undecided=counts.undecided,
        offered=measures.offered(counts),
        longest_wait_sec=counts.longest_wait_s,
        service_level=_rounded(measures.service_level(counts)),
        answer_rate=_rounded(measures.answer_rate(counts)),
        abandon_rate=_rounded(measures.abandon_rate(counts)),
        asa_sec=_rounded(measures.asa(counts)),
    )


def _rounded(value: float | None) -> float | None:
    return None if value is None else round(value, 4)
