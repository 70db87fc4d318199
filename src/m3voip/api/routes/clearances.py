"""What the gate would say of a number now."""

from __future__ import annotations

from typing import Annotated

from fastapi import APIRouter, Query

from m3voip.api.auth import Guarded, allowed
from m3voip.api.context import Ctx
from m3voip.api.dialling import planner, verdicts
from m3voip.api.fields import DIALLED
from m3voip.api.permissions import Permission
from m3voip.api.schemas.dialling import Explanation
from m3voip.api.schemas.error import guarded
from m3voip.compliance.rules import trunk
from m3voip.core.phone import e164
from m3voip.storage.postgres.admin import attempts
from m3voip.storage.postgres.admin.attempts import Wanted

router = APIRouter(prefix="/v1/tm/clearances", tags=["Calls out"], route_class=Guarded)


@router.get(
    "/explain",
    **allowed(Permission.MAKE_CALLS, Permission.MANAGE_TELEPHONY, Permission.MANAGE_DNC, Permission.SUPERVISE),
    responses=guarded(),
)
async def explain_clearance(
    ctx: Ctx,
    number: Annotated[str, Query(pattern=DIALLED, description="as it would be dialled", examples=["911"])],
    caller_id: Annotated[
        str,
        Query(
            alias="callerId",
            pattern=r"^([+ ]?[0-9][0-9 ().-]{1,24})?$",
            description="the number to show",
            examples=[""],
        ),
    ] = "",
) -> Explanation:
    """Whether this number could be dialled now, what each rule says, and through which trunks. By the same rules as an attempt;
    nothing is dialled, and nothing is recorded."""
    typed = f"+{number[1:]}" if number.startswith(" ") else number  # a + in a URL that was not encoded
    shown = e164(f"+{caller_id.strip(' +')}") or caller_id if caller_id else ""
    async with ctx.work() as db:
        decision = await attempts.explain(
            db, ctx.tenant_id, Wanted(typed=typed, caller_id=shown), planner(ctx), ctx.deps.clock.now()
        )
    order = next((one.inputs["trunks"] for one in decision.verdicts if one.rule == trunk.NAME), ())
    return Explanation(
        number=decision.number,
        kind=decision.kind.value,
        caller_id=decision.caller_id,
        cleared=decision.cleared,
        verdicts=verdicts(decision.verdicts),
        trunks=list(order) if isinstance(order, tuple) else [],
    )
