"""Whether the process lives, whether it is ready, and its figures. These three take no credential: they name no person,
no call and no tenant, and a load balancer or Prometheus has to reach them."""

from __future__ import annotations

import asyncio
import time

from fastapi import APIRouter, Request, Response

from m3voip.api.context import Services
from m3voip.api.deps import Check, Health
from m3voip.api.errors import Code
from m3voip.api.schemas.error import documented
from m3voip.api.schemas.health import Alive, PartState, Readiness
from m3voip.storage.postgres.pool import Pool
from m3voip.telemetry.metrics import CONTENT_TYPE

router = APIRouter(tags=["Health"])

_SECONDS = 1.0


@router.get("/healthz", responses=documented(Code.PAYLOAD_TOO_LARGE, Code.INTERNAL))
async def get_health() -> Alive:
    """The process answers. Restart it when this fails; look at /readyz for everything else."""
    return Alive()


@router.get(
    "/readyz",
    responses={
        503: {"model": Readiness, "description": "Not ready, or draining; the body says which part and why"},
        **documented(Code.PAYLOAD_TOO_LARGE, Code.INTERNAL),
    },
)
async def get_readiness(request: Request, response: Response) -> Readiness:
    """Whether to send calls and requests here."""
    services: Services = request.app.state.services
    names = list(services.deps.checks)
    states = await asyncio.gather(*(_ask(services.deps.checks[name]) for name in names))
    draining = services.deps.draining()
    ready = not draining and all(state.ok for state in states)
    response.status_code = 200 if ready else 503
    return Readiness(ready=ready, draining=draining, parts=dict(zip(names, states, strict=True)))


@router.get(
    "/metrics",
    response_class=Response,
    responses={
        200: {"description": "Prometheus text format", "content": {"text/plain": {"schema": {"type": "string"}}}},
        **documented(Code.PAYLOAD_TOO_LARGE, Code.INTERNAL),
    },
)
async def get_metrics(request: Request) -> Response:
    """Figures of the whole service; no number, name, tenant or call is in them."""
    services: Services = request.app.state.services
    return Response(services.deps.meters.render(), media_type=CONTENT_TYPE)


async def _ask(check: Check) -> PartState:
    began = time.perf_counter()
    # gather turns a failing check into a value: whatever it raises means that the part is not well
    (found,) = await asyncio.gather(asyncio.wait_for(check(), _SECONDS), return_exceptions=True)
    ms = round((time.perf_counter() - began) * 1000, 1)
    if isinstance(found, Health):
        return PartState(ok=found.ok, detail=found.detail, ms=ms)
    why = "no answer within a second" if isinstance(found, TimeoutError) else type(found).__name__
    return PartState(ok=False, detail=why, ms=ms)


def postgres_check(pool: Pool) -> Check:
    """A check that asks the database something."""

    async def check() -> Health:
        async with pool.connection(_SECONDS) as db:
            await db.fetchval("SELECT 1")
        return Health(ok=True)

    return check
