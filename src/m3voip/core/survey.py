"""Surveys: a caller whose talk is over is asked what they think of it, by a tree whose answers are kept.

Any tree can be one: what makes it a survey is how the caller got there, by an agent's transfer or because the queue says so
and the agent hung up first. Theory of operation: whoever owns the call looks the tree up (``EnterSurvey`` → ``SurveyReady``),
because the call follows another one until then; a deadline stands behind it, so nobody waits at the door for ever.
"""

from __future__ import annotations

from datetime import datetime, timedelta

from m3voip.core import commands as do
from m3voip.core import events as ev
from m3voip.core import facts as f
from m3voip.core.call import Call, Flow, Step
from m3voip.core.causes import EndReason

DOOR = timedelta(seconds=2)
"""How long the tree may take to be found; it is in memory."""


def enter(so_far: Step, tree: str, at: datetime, now: datetime, *, by_queue: bool) -> Step:
    """Send the caller, who stands before us, to a survey."""
    call = so_far.call
    fact = f.SurveyEntered(tree=tree, extension=call.agent, queue=call.queue, by_queue=by_queue)
    return door(so_far.note(at, fact), now)


def door(so_far: Step, now: datetime) -> Step:
    """Ask for the tree; also when the order was lost."""
    call = so_far.call
    return so_far.do(do.EnterSurvey(leg=call.leg, tenant_id=call.tenant_id, tree=call.to_survey)).wait(now + DOOR)


def at_door(call: Call, event: ev.Event, now: datetime, flow: Flow | None) -> Step:
    """The tree is there, or is not: then there is nothing to ask, and the caller is let go."""
    so_far = Step(call)
    if call.ending is not None:
        return so_far
    match event:
        case ev.SurveyReady() if flow is not None and flow.name == call.to_survey:
            entered = f.TreeEntered(tree=flow.name, version=flow.version)
            return flow.start(so_far.note(event.at, entered).wait(None), event.at, now)
        case ev.SurveyReady() | ev.TimeUp():
            return so_far.hang_up(EndReason.COMPLETED)
        case _:
            return so_far


def answered(call: Call, *, node: str, name: str, value: str) -> tuple[f.SurveyAnswered, ...]:
    """What is written down when the caller answers a question; nothing outside a survey."""
    if not call.survey or call.tree != call.survey:
        return ()
    return (f.SurveyAnswered(tree=call.survey, node=node, name=name, value=value),)
