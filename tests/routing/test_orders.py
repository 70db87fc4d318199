"""Bar R-19 for calls with a route: in any order of events, crashes included, they keep the laws of a call."""

from __future__ import annotations

from collections.abc import Callable
from datetime import datetime, timedelta
from random import Random

import pytest

from m3voip.core import events as ev
from m3voip.core import facts as f
from m3voip.core.call import Call
from m3voip.core.causes import QueueExit
from tests.ivr.orders import Walk
from tests.ivr.support import CALL_ID
from tests.routing.support import REJECT, TO_BOX, TO_QUEUE, TO_TREE, flow_of, route, rule

pytestmark = pytest.mark.unit

ROUTE = flow_of(
    route(
        rule("known", TO_TREE, when={"crm": {"balance": "*"}}, preferred={"last_agent_days": 3}),
        rule("trial", split=[{"percent": n, "to": to} for n, to in ((40, TO_QUEUE), (30, TO_BOX), (30, REJECT))]),
        crm={"path": "/v1/x", "extract": {"balance": "b"}},
    )
)


def _request(random: Random, call: Call) -> str:
    return call.cursor.request if random.random() < 0.8 else f"{CALL_ID}-{random.randrange(9)}-r"


def _arrived(random: Random, at: datetime) -> ev.CallArrived:
    caller = f"+1555765{random.randrange(10_000):04}"
    return ev.CallArrived(at=at, leg="leg", node="n", created=at, did="1", caller=caller)


# fmt: off
MAKERS: tuple[Callable[[Random, Call, datetime], ev.Event], ...] = (
    lambda r, c, t: _arrived(r, t),
    lambda r, c, t: ev.CrmAnswered(at=t, request=_request(r, c), status=r.choice((200, 500)), values={"balance": "7"}),
    lambda r, c, t: ev.CrmAnswered(at=t, request=_request(r, c), status=200, values={"balance": "7"}),
    lambda r, c, t: ev.CrmFailed(at=t, request=_request(r, c), why="down"),
    lambda r, c, t: ev.AgentFound(at=t, request=_request(r, c), extension="101"),
    lambda r, c, t: ev.AgentFound(at=t, request=_request(r, c), extension=""),
    lambda r, c, t: ev.TimeUp(at=t),
    lambda r, c, t: ev.CallerPressed(at=t, digit="1"),
    lambda r, c, t: ev.PromptFinished(at=t, prompt=c.cursor.prompt),
    lambda r, c, t: ev.DialAnswered(at=t),
    lambda r, c, t: ev.DialLeft(at=t, extension="101", status=r.choice(("ANSWER", "NOANSWER", "BUSY", "CANCEL"))),
    lambda r, c, t: ev.QueueJoined(at=t, queue="sales", position=1),
    lambda r, c, t: ev.AgentAnswered(at=t, extension="101"),
    lambda r, c, t: ev.QueueLeft(at=t, queue="sales", exit=r.choice(tuple(QueueExit))),
    lambda r, c, t: ev.VoicemailLeft(at=t, box="801", status="SUCCESS"),
    lambda r, c, t: ev.Recovered(at=t, in_application=r.random() < 0.7),
    lambda r, c, t: ev.HangupRequested(at=t),
    lambda r, c, t: ev.CommandFailed(at=t, command="AskCrm", why="refused", gone=r.random() < 0.5),
)
# fmt: on


def test_a_call_with_a_route_keeps_its_laws_in_8_000_random_orders_of_events() -> None:
    random, kinds, nodes = Random(23), set[str](), set[str]()
    for _ in range(8_000):
        walk = Walk(ROUTE)
        walk.take(_arrived(random, walk.now))
        for make in random.choices(MAKERS, k=random.randrange(1, 20)):
            event = make(random, walk.call, walk.now)
            walk.now += timedelta(seconds=random.choice((0, 0.1, 0.4, 11)))
            walk.take(event)
            if random.random() < 0.1:
                walk.take(event)  # doubled
            if random.random() < 0.05:
                walk.crash(lost_tree=random.random() < 0.1)
        walk.finish(ev.CallerHungUp(at=walk.now))
        facts = [row.fact for row in walk.facts]
        kinds |= {str(fact.__struct_config__.tag) for fact in facts}
        nodes |= {fact.node for fact in facts if isinstance(fact, f.NodeEntered)}
        assert sum(isinstance(fact, f.CallRouted) for fact in facts) <= 1, walk.events
    assert {
        "call.routed",
        "ivr.tree_entered",
        "ivr.crm_asked",
        "dial.started",
        "queue.entered",
        "voicemail.entered",
    } <= kinds
    assert {"ask-crm", "find-agent", "preferred", "hello", "desk", "box"} <= nodes
