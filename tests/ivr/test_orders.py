"""Bar R-19: in any order of events a call keeps its laws. 20,000 orders here, a million in ``make chaos``."""

from __future__ import annotations

import os
from datetime import timedelta

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from m3voip.core import events as ev
from m3voip.core import facts as f
from m3voip.core import requests as rq
from m3voip.core.call import Flow, State
from m3voip.core.parties import Target, TargetKind
from tests.chaos.report import Report
from tests.ivr.orders import CONFERENCE_MAKERS, MAKERS, Orders, Walk
from tests.ivr.support import T0, sample, tree_of

EVERYTHING = tree_of(
    """
ask: {http: {path: /v1/x, extract: {balance: b}, on_ok: tell, on_error: menu}}
tell: {say: {text: "{number:balance}", barge_in: true, then: mark}}
mark: {set: {values: {x: "{balance}"}, then: menu}}
menu: {menu: {prompt: Choose., keys: {1: queue, 2: dial, 3: box, 4: type, 5: ask, 6: clock}, operator: queue, retries: 1}}
clock: {hours: {timezone: UTC, week: {mon: 09:00-17:00}, open: menu, closed: bye}}
type: {collect: {prompt: Type., into: y, max_digits: 2, retries: 1, then: ask, on_fail: queue}}
queue: {queue: {name: sales, overflow: dial, outcomes: {full: tell}}}
dial: {dial: {extension: 101, overflow: box, then: menu, outcomes: {busy: menu}}}
box: {voicemail: {box: sales, then: bye, on_error: menu}}
bye: {hangup: Bye.}
""",
    "ask",
)
ROOMS = tree_of(
    """
menu: {menu: {prompt: Go., keys: {1: room, 2: bare, 3: queue}, operator: room, retries: 1}}
room: {conference: {number: "800", then: menu, on_refused: bare}}
bare: {conference: "801"}
queue: {queue: {name: sales, overflow: room}}
""",
    "menu",
)
MET = {kind for kind in f.KINDS if kind.startswith("conference.")}
SAMPLES = tuple(sample(name) for name in ("main", "account", "office-hours", "direct-line"))
STRAIGHT = tree_of("dial: {dial: {extension: 101, overflow: bye}}\nbye: {hangup: Bye.}", "dial")
"""To an agent at once: most orders of this one come to a talk, so that much is asked of it."""
TREES: tuple[Flow | None, ...] = (*SAMPLES, EVERYTHING, EVERYTHING, EVERYTHING, STRAIGHT, STRAIGHT, STRAIGHT, None)


@pytest.mark.unit
def test_a_call_keeps_its_laws_in_20_000_random_orders_of_events() -> None:
    orders = Orders(TREES, seed=19)
    for _ in range(20_000):
        orders.run()
    assert orders.events > 200_000
    # written by jobs, not by a call
    late = {"recording.ready"} | {k for k in f.KINDS if k.startswith("voicemail.")} - {
        "voicemail.entered",
        "voicemail.left",
    }
    routed = {"call.routed", "ivr.tree_entered"}  # tests/routing/test_orders.py
    assert orders.kinds == set(f.KINDS) - late - routed - MET, "some kind of fact never came up"


@pytest.mark.unit
def test_a_call_that_goes_to_conferences_keeps_its_laws_in_10_000_random_orders_of_events() -> None:
    orders = Orders((ROOMS,), seed=19, makers=CONFERENCE_MAKERS)
    for _ in range(10_000):
        orders.run()
    assert orders.kinds >= MET


@pytest.mark.chaos
@pytest.mark.timeout(3600)
@pytest.mark.skipif("M3VOIP_CHAOS" not in os.environ, reason="make chaos")
def test_a_call_keeps_its_laws_in_1_000_000_random_orders_of_events() -> None:
    seed = int.from_bytes(os.urandom(4), "big")
    orders, report = Orders(TREES, seed=seed), Report("R-19", "1,000,000 calls")
    for _ in range(1_000_000):
        orders.run()
    report.tell({"events": f"{orders.events:,}", "kinds of facts that came up": len(orders.kinds), "seed": seed})
    report.write()


@pytest.mark.unit
@settings(max_examples=300, deadline=None)
@given(
    tree=st.sampled_from(TREES),
    moves=st.lists(st.tuples(st.integers(0, len(MAKERS) - 1), st.randoms(use_true_random=False), st.integers(0, 12))),
    restarted=st.booleans(),
)
def test_a_call_keeps_its_laws_in_orders_that_can_be_shrunk(tree, moves, restarted) -> None:  # type: ignore[no-untyped-def]
    walk = Walk(tree)
    walk.take(ev.CallArrived(at=T0, leg="leg", node="n", created=T0, did="1", caller="+15557654321"))
    for index, random, seconds in moves:
        event = MAKERS[index][1](random, walk.call, walk.now)
        walk.now += timedelta(seconds=seconds)
        walk.take(event)
    walk.finish(ev.TelephonyRestarted(at=walk.now) if restarted else ev.CallerHungUp(at=walk.now))


def _talking() -> Walk:
    """A caller whom a tree sent to an agent, who answered."""
    walk = Walk(tree_of("dial: {dial: {extension: 101, overflow: bye}}\nbye: {hangup: Bye.}", "dial"))
    walk.take(ev.CallArrived(at=T0, leg="leg", node="n", created=T0, did="1", caller="+15557654321", answered=True))
    walk.take(ev.DialAnswered(at=T0, agent_leg="agent"))
    return walk


@pytest.mark.unit
def test_a_parked_call_that_is_being_hung_up_goes_nowhere_else_when_its_time_is_up() -> None:
    """Found by the million: the deadline had rung, and was still in the inbox, when the hang-up was asked for."""
    walk = _talking()
    walk.take(rq.ParkRequested(at=T0, slot=701))
    walk.take(ev.LegArrived(at=T0))
    assert walk.call.parked
    walk.take(ev.HangupRequested(at=T0))
    seq = walk.call.seq
    walk.take(ev.TimeUp(at=T0))
    assert walk.call.seq == seq
    walk.finish(ev.CallerHungUp(at=T0))


@pytest.mark.unit
def test_a_supervision_takes_a_call_over_once() -> None:
    """Found by the million, too."""
    walk = _talking()
    walk.take(rq.TakeOverRequested(at=T0, leg="supervisor", extension="102"))
    walk.take(ev.LegArrived(at=T0))
    assert walk.call.agent == "102"
    walk.take(rq.TakeOverRequested(at=T0, leg="supervisor", extension="103"))
    assert walk.call.agent == "102"
    walk.finish(ev.CallerHungUp(at=T0))


@pytest.mark.unit
def test_a_call_that_was_handed_on_can_be_taken_in_hand_by_its_new_agent() -> None:
    walk = _talking()
    walk.take(rq.TransferRequested(at=T0, target=Target(kind=TargetKind.EXTENSION, name="102")))
    walk.take(ev.LegArrived(at=T0))
    walk.take(ev.DialAnswered(at=T0, agent_leg="second"))
    walk.take(rq.HoldRequested(at=T0))
    walk.take(ev.LegArrived(at=T0))
    assert (walk.call.state, walk.call.agent, set(walk.call.parties)) == (State.IN_HAND, "102", {"leg", "second"})
    walk.finish(ev.CallerHungUp(at=T0))
