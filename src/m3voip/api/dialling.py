"""A number outside is dialled: the gate is asked and its answer recorded in one transaction, then the engine dials what was
cleared. Law: nothing is dialled before that transaction is committed."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Final
from uuid import UUID

from m3voip.api.context import Context
from m3voip.api.crud import note
from m3voip.api.errors import ApiError, Code, integration_down, not_found
from m3voip.api.living import must_live
from m3voip.api.schemas import dialling as schemas
from m3voip.api.schemas.call import Done
from m3voip.compliance.subject import Subject
from m3voip.core.clearance import Decision, Verdict
from m3voip.core.requests import DialRequested, How
from m3voip.storage.postgres.admin import attempts
from m3voip.storage.postgres.admin.attempts import Planned, Wanted

CODES: Final = {
    "number": Code.VALIDATION_FAILED,
    "country": Code.FORBIDDEN,
    "do_not_call": Code.DNC_BLOCKED,
    "caller_id": Code.CONFLICT,
    "calls_at_once": Code.RATE_LIMITED,
    "calls_per_minute": Code.RATE_LIMITED,
    "trunk": Code.ADAPTER_UNAVAILABLE,
}
"""What a rule's refusal is to a program."""
DIAL_ERRORS: Final = (Code.CONFLICT, Code.DNC_BLOCKED, Code.RATE_LIMITED, Code.ADAPTER_UNAVAILABLE)
_FIELDS: Final = {"caller_id": "callerId"}
_RETRY: Final = {"calls_at_once": "10", "calls_per_minute": "60"}


def planner(ctx: Context) -> attempts.Plan:
    """What the engine knows of the trunks right now."""

    def plan(subject: Subject) -> Planned:
        choice = ctx.deps.dialling.plan(ctx.tenant_id, subject.number, emergency=subject.emergency)
        return Planned(choice=choice, caller_ids=ctx.deps.dialling.caller_ids(ctx.tenant_id, choice.order))

    return plan


async def dial_out(ctx: Context, call_id: UUID, how: How, number: str, caller_id: str | None) -> Done:
    """Dial a number within a call. A refusal by a rule is recorded like a clearance; the error names the rule."""
    await must_live(ctx, call_id)
    if not ctx.deps.control.connected:
        raise integration_down("Asterisk")
    now, by = ctx.deps.clock.now(), ctx.principal.subject
    could = ctx.deps.control.refusal(call_id, DialRequested(at=now, by=by, number=number, how=how))
    _or_conflict(could)
    call = ctx.deps.control.live(ctx.tenant_id, call_id)
    wanted = Wanted(typed=number, caller_id=caller_id or "", did=call.did if call else "")
    attempt_id = ctx.new_id()
    async with ctx.work() as db:
        decision, clearance = await attempts.record(
            db, ctx.tenant_id, attempt_id, wanted, planner(ctx), now=now, call_id=call_id, by=by
        )
        await note(ctx, db, f"call.{how.value}", call_id, details={"attempt": str(attempt_id)})
    if clearance is None:
        raise refused(decision, attempt_id)
    _or_conflict(ctx.deps.dialling.place(call_id, clearance, how, by))
    return Done(ok=True)


def refused(decision: Decision, attempt_id: UUID) -> ApiError:
    """The first rule that refused decides the code; all are told."""
    first = decision.refused[0]
    headers = {"Retry-After": _RETRY[first.rule]} if first.rule in _RETRY else None
    details = [(_FIELDS.get(one.rule, "number"), f"{one.rule}: {one.why}; {one.do}.") for one in decision.refused]
    message = f"Not dialled ({first.rule}): {first.why}; {first.do}. Attempt {attempt_id} has every rule's reasons."
    return ApiError(CODES[first.rule], message, details, headers)


def verdicts(said: Iterable[Verdict]) -> list[schemas.Verdict]:
    """What rules say, on the wire."""
    return [
        schemas.Verdict(
            rule=one.rule,
            passed=one.passed,
            why=one.why,
            do=one.do,
            inputs={name: list(value) if isinstance(value, tuple) else value for name, value in one.inputs.items()},
        )
        for one in said
    ]


def _or_conflict(answer: str | None) -> None:
    if answer is None:
        raise not_found("call")
    if answer:
        raise ApiError(Code.CONFLICT, f"{answer[0].upper()}{answer[1:]}.")
