"""A route's question to the CRM: asked once a call, answered in its budget or not at all."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import timedelta

from msgspec import Struct

from m3voip.core import commands as do
from m3voip.core import events as ev
from m3voip.core import facts as f
from m3voip.core.call import Step
from m3voip.core.ids import step_id
from m3voip.core.phone import as_number
from m3voip.ivr.node import Turn, too_early
from m3voip.ivr.verbs.set import MAX_VALUE
from m3voip.routing.model import Question

VERB = "route"
ASK_CRM = "ask-crm"
GRACE = timedelta(milliseconds=200)
"""Added to a budget: should the answer itself be lost, the caller still goes on."""
_LATE = "no answer in time"


class Told(Struct, frozen=True):
    """The question is over; ``values`` None: without a good answer."""

    step: Step
    values: Mapping[str, str] | None


def ask(step: Step, turn: Turn, question: Question, route: str) -> Step:
    """Ask, and wait for the answer."""
    step = step.note(turn.at, f.NodeEntered(node=ASK_CRM, verb=VERB))
    call = step.call
    request = step_id(call.id, call.seq, "r")
    command = do.AskCrm(
        leg=call.leg,
        request=request,
        method="POST",
        url=question.path,
        body={"caller": as_number(call.caller), "did": as_number(call.did), "route": route},
        extract=question.extract,
        timeout_ms=question.timeout_ms,
    )
    until = turn.now + timedelta(milliseconds=question.timeout_ms) + GRACE
    return step.do(command).cursor(request=request).wait(until)


def told(step: Step, event: ev.Event, turn: Turn) -> Told | None:
    """What an event tells of the question that is open; None when it tells nothing."""
    match event:
        case ev.CrmAnswered(request=request) if request == step.call.cursor.request:
            step = step.note(turn.at, f.CrmAsked(node=ASK_CRM, status=event.status))
            values = {name: value[:MAX_VALUE] for name, value in event.values.items()}
            return Told(step, values if 200 <= event.status < 300 else None)
        case ev.CrmFailed(request=request) if request == step.call.cursor.request:
            return Told(step.note(turn.at, f.CrmAsked(node=ASK_CRM, status=0, why=event.why)), None)
        case ev.TimeUp() if not too_early(step, turn):
            return Told(step.note(turn.at, f.CrmAsked(node=ASK_CRM, status=0, why=_LATE)), None)
        case _:
            return None
