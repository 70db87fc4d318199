"""How a tenant's people may dial."""

from __future__ import annotations

from fastapi import APIRouter

from m3voip.api.auth import Guarded, allowed
from m3voip.api.context import Ctx
from m3voip.api.crud import note
from m3voip.api.permissions import READ_SETUP, Permission
from m3voip.api.schemas.dialling import DialSettings, NewDialSettings
from m3voip.api.schemas.error import guarded
from m3voip.compliance import evidence
from m3voip.storage.postgres.admin import dial_settings

router = APIRouter(prefix="/v1/tm/dial-settings", tags=["Calls out"], route_class=Guarded)


@router.get("", **allowed(*READ_SETUP), responses=guarded())
async def get_dial_settings(ctx: Ctx) -> DialSettings:
    """What holds now."""
    async with ctx.work() as db:
        return _shown(await dial_settings.get(db, ctx.tenant_id))


@router.put("", **allowed(Permission.MANAGE_TELEPHONY), responses=guarded())
async def put_dial_settings(ctx: Ctx, body: NewDialSettings) -> DialSettings:
    """Replace them; the next call out is judged by these."""
    values = body.model_dump()
    settings = evidence.DialSettings(
        **{**values, "countries": tuple(dict.fromkeys(values["countries"])), "caller_id": values["caller_id"] or ""}
    )
    async with ctx.work() as db:
        await dial_settings.put(db, ctx.tenant_id, settings)
        await note(ctx, db, "dial_settings.change", ctx.tenant_id)
    return _shown(settings)


def _shown(settings: evidence.DialSettings) -> DialSettings:
    shown = {name: getattr(settings, name) for name in settings.__struct_fields__}
    return DialSettings(**{**shown, "countries": list(settings.countries), "caller_id": settings.caller_id or None})
