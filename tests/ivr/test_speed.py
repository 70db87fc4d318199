"""One event of a call is answered in microseconds: a busy machine takes 300 calls a second."""

from __future__ import annotations

from time import perf_counter

import pytest

from m3voip.core import events as ev
from m3voip.core.call import Call
from m3voip.core.life import step
from m3voip.ivr.interpreter import CompiledTree
from tests.ivr.support import CALL_ID, T0, TENANT, sample

pytestmark = pytest.mark.unit

BUDGET_US = 60
ROUNDS = 2_000


def test_an_event_costs_less_than_60_microseconds() -> None:
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
    costs = {what: min(_cost(call, event, tree) for _ in range(5)) for what, (call, event) in moments.items()}
    assert max(costs.values()) < BUDGET_US, costs


def _cost(call: Call, event: ev.Event, tree: CompiledTree) -> float:
    begun = perf_counter()
    for _ in range(ROUNDS):
        step(call, event, T0, tree)
    return (perf_counter() - begun) / ROUNDS * 1e6
