"""The do-not-call register, as the CRM's contract has it."""

from __future__ import annotations

from typing import Annotated

from fastapi import APIRouter, Query, Request, Response

from m3voip.api.auth import Guarded, allowed
from m3voip.api.context import Context, Ctx
from m3voip.api.crud import delete_row, insert_row
from m3voip.api.errors import Code, invalid
from m3voip.api.fields import DIALLED
from m3voip.api.idempotency import KeyHeader, create_once
from m3voip.api.ids import DoNotCallId
from m3voip.api.permissions import Permission
from m3voip.api.schemas.dialling import DoNotCall, IsDoNotCall, NewDoNotCall
from m3voip.api.schemas.error import guarded
from m3voip.api.work import Db
from m3voip.core.phone import digits, e164
from m3voip.storage.postgres.admin import dial_settings, do_not_call
from m3voip.storage.postgres.admin.do_not_call import TABLE, DoNotCallRow

router = APIRouter(prefix="/v1/tm/dnc", tags=["Calls out"], route_class=Guarded)

_MANAGE = allowed(Permission.MANAGE_DNC)


@router.get("", **allowed(Permission.MANAGE_DNC, Permission.MAKE_CALLS), responses=guarded())
async def is_do_not_call(
    ctx: Ctx,
    phone: Annotated[
        str,
        Query(
            pattern=DIALLED, description="with its country code, or as in your own country", examples=["+12025550143"]
        ),
    ],
) -> IsDoNotCall:
    """Whether a number must not be called."""
    typed = f"+{phone[1:]}" if phone.startswith(" ") else phone  # a + in a URL that was not encoded
    async with ctx.work() as db:
        entry = await do_not_call.entry_of(db, ctx.tenant_id, await _digits(ctx, db, typed))
    return IsDoNotCall(dnc=entry is not None, id=entry)


@router.post("", status_code=201, response_model=DoNotCall, **_MANAGE, responses=guarded(Code.CONFLICT))
async def create_do_not_call(
    ctx: Ctx, request: Request, body: NewDoNotCall, idempotency_key: KeyHeader = None
) -> Response:
    """Call this number no more. It holds for every attempt that is asked for from now on."""

    async def make(db: Db) -> DoNotCall:
        values = {
            "digits": await _digits(ctx, db, body.phone),
            "reason": body.reason,
            "added_by": ctx.principal.subject,
        }
        return _shown(await insert_row(ctx, db, TABLE, values))

    return await create_once(request, ctx, idempotency_key, make)


@router.delete("/{doNotCallId}", status_code=204, **_MANAGE, responses=guarded(Code.NOT_FOUND, Code.CONFLICT))
async def delete_do_not_call(ctx: Ctx, do_not_call_id: DoNotCallId) -> None:
    """Take a number out of the register. Who did so is in the audit."""
    async with ctx.work() as db:
        await delete_row(ctx, db, TABLE, do_not_call_id)


async def _digits(ctx: Context, db: Db, typed: str) -> str:
    """A number as the register has it. Without its country code it is the tenant's own country's: a number that is taken for
    another one would be called."""
    region = (await dial_settings.get(db, ctx.tenant_id)).region
    spelled = e164(typed, region or None)
    if spelled is None:
        raise invalid("phone", "must be a phone number with its country code, for example +12025550143.")
    return digits(spelled)


def _shown(row: DoNotCallRow) -> DoNotCall:
    return DoNotCall(id=row.id, phone=f"+{row.digits}", reason=row.reason, created_at=row.created_at)
