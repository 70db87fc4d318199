"""One event of a call is little work, counted in Python calls because time depends on the machine; what it costs in time is
in docs/benchmarks.md."""

from __future__ import annotations

import sys

import pytest

from m3voip.core import events as ev
from m3voip.core.call import Call
from m3voip.core.life import step
from m3voip.ivr.interpreter import CompiledTree
from tests.ivr.support import CALL_ID, T0, TENANT, sample

pytestmark = pytest.mark.unit

BUDGET = 40


def test_an_event_takes_less_than_forty_calls_of_functions() -> None:
    tree = sample("main")
    blank = Call(id=CALL_ID, tenant_id=TENANT, leg="leg")
    arrived = ev.CallArrived(at=T0, leg="leg", node="n", created=T0, did="15550100100", caller="+15557654321")
    answered = step(blank, arrived, T0, tree).call
    finished = ev.PromptFinished(at=T0, prompt=answered.cursor.prompt)
    moments = {
        "arrival, prompt": (blank, arrived),
        "prompt finished": (answered, finished),
        "key to queue": (step(answered, finished, T0, tree).call, ev.CallerPressed(at=T0, digit="1")),
        "wrong key": (answered, ev.CallerPressed(at=T0, digit="9")),
    }
    # The least of some: a collection of garbage, or a first use, adds calls that are not the event's.
    costs = {what: min(_calls(call, event, tree) for _ in range(5)) for what, (call, event) in moments.items()}
    assert max(costs.values()) < BUDGET, costs


def _calls(call: Call, event: ev.Event, tree: CompiledTree) -> int:
    count = 0

    def profile(_frame: object, kind: str, _arg: object) -> None:
        nonlocal count
        count += kind in ("call", "c_call")

    sys.setprofile(profile)
    try:
        step(call, event, T0, tree)
    finally:
        sys.setprofile(None)
    return count
