"""Whether a call can be asked for anything."""

from __future__ import annotations

from uuid import UUID

from m3voip.api.context import Context
from m3voip.api.errors import ApiError, Code, integration_down
from m3voip.storage.postgres.admin import calls


async def must_live(ctx: Context, call_id: UUID) -> None:
    """Raises ApiError where the call is not the tenant's (404), has ended (409), or has not been found again yet (503)."""
    if ctx.deps.control.live(ctx.tenant_id, call_id) is not None:
        return
    async with ctx.work() as db:
        row = await calls.get(db, ctx.tenant_id, call_id)  # a foreign call is none
    if row.ended_at is not None:
        raise ApiError(Code.CONFLICT, "The call has ended.")
    raise integration_down("The call")
