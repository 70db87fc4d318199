"""Sessions: what the telephony node tells of lines, what is ordered of them, and the caller whose agent's line is lost."""

from __future__ import annotations

from datetime import timedelta
from uuid import UUID

import pytest
from msgspec.structs import replace

from m3voip.config import DEFAULT_TENANT
from m3voip.core import agent as ag
from m3voip.core import commands as do
from m3voip.core import events as ev
from m3voip.core import facts as f
from m3voip.core import requests as rq
from m3voip.core.handing import HEAD
from m3voip.engine.missed import missed
from m3voip.engine.sessions import Sessions
from m3voip.providers.asterisk import observe
from m3voip.providers.asterisk.ami import events as ami
from m3voip.providers.asterisk.interfaces import endpoint_of, interfaces, line_of
from m3voip.providers.asterisk.lines import Lines
from tests.engine.support import World
from tests.engine.test_agents import ANN, BOB, Desk, person

pytestmark = pytest.mark.unit

ENDPOINT = "e0000000101"


class Node:
    """Lines by order, remembered."""

    def __init__(self) -> None:
        self.orders: list[tuple[str, str]] = []

    def start_line(self, endpoint: str, leg: str, name: str) -> None:
        self.orders.append(("start", endpoint))

    def end_line(self, leg: str) -> None:
        self.orders.append(("end", leg))


async def desk_of_sessions() -> tuple[Desk, Sessions, Node]:
    """Ann works by session, Bob by ring; both phones are there."""
    desk = await Desk().begin(replace(person(ANN, "101"), works="session"), person(BOB, "102"))
    for extension in ("101", "102"):
        desk.see(extension)
    node = Node()
    return desk, Sessions(agents=desk.agents, control=node, clock=desk), node


async def test_a_session_is_begun_and_ended_by_order_once_and_only_where_it_can_be() -> None:
    desk, sessions, node = await desk_of_sessions()
    assert "works" in (sessions.start(BOB) or "")
    assert sessions.end(ANN) == "The agent has no session."
    assert sessions.start(UUID(int=9)) is None
    assert (sessions.start(ANN), node.orders) == ("", [("start", ENDPOINT)])
    assert "being called" in (sessions.start(ANN) or "")
    desk.later(31)
    assert sessions.start(ANN) == ""
    desk.agents.take(ag.LineSeen(endpoint=ENDPOINT, leg="line.1"))
    assert desk.state() == "available"
    assert "up already" in (sessions.start(ANN) or "")
    assert (sessions.end(ANN), node.orders[-1]) == ("", ("end", "line.1"))
    desk.agents.take(ag.LineGone(endpoint=ENDPOINT, leg="line.1", hung_up=True))
    assert desk.state() == "logged_out"


async def test_a_session_is_not_ended_under_a_call_nor_begun_by_a_phone_that_is_not_there() -> None:
    desk, sessions, _ = await desk_of_sessions()
    desk.agents.take(ag.LineSeen(endpoint=ENDPOINT, leg="line.1"))
    desk.queue_up()
    desk.call(ev.AgentOffered(at=desk.later(1), extension="101"), ev.AgentAnswered(at=desk.later(0), extension="101"))
    assert "in a call" in (sessions.end(ANN) or "")
    desk.agents.take(ag.LineGone(endpoint=ENDPOINT, leg="line.1", hung_up=False))
    desk.agents.take(ag.ContactSeen(endpoint=ENDPOINT, contact="sip:x", reachable=False))
    assert "not registered" in (sessions.start(ANN) or "")


async def test_a_new_process_knows_the_lines_of_the_one_before() -> None:
    desk, _, _ = await desk_of_sessions()
    desk.agents.take(ag.LineSeen(endpoint=ENDPOINT, leg="line.1"))
    desk.agents = desk.new_agents()
    await desk.begin(replace(person(ANN, "101"), works="session"))
    assert list(desk.agents.lines()) == [(ENDPOINT, "line.1")]
    assert desk.state() == "available"
    now = desk.agents.agent(DEFAULT_TENANT, "101")
    assert now is not None
    assert (now.session, now.registered) == (True, True)


@pytest.mark.parametrize("word_first", [True, False])
async def test_who_comes_back_to_the_queue_from_a_talk_is_on_another_visit(word_first: bool) -> None:
    world = World()
    world.arrive()
    deliver = world.calls.deliver
    deliver("a.1", ev.CallerPressed(at=world.later(1), digit="1"))
    deliver("a.1", ev.QueueJoined(at=world.later(0), queue="sales", position=3))
    deliver("a.1", ev.AgentAnswered(at=world.later(5), extension="101", agent_leg="line.1"))
    over = ev.AgentLeft(at=world.later(7), extension="101", by_caller=False)
    back = ev.QueueJoined(at=world.time + timedelta(milliseconds=2), queue="sales", position=1)
    for event in (over, back) if word_first else (back, over):
        deliver("a.1", event)
    call = world.calls.get("a.1")
    assert call is not None
    assert (call.state, call.visits, call.joined, call.agent) == ("queued", 2, True, "")
    entered = [row.fact for row in world.rows if isinstance(row.fact, f.QueueEntered)]
    assert [(fact.visit, fact.returned) for fact in entered] == [(1, False), (2, True)]
    assert world.kinds().count("call.talk_ended") == 1
    deliver("a.1", ev.AgentAnswered(at=world.later(3), extension="102", agent_leg="line.2"))
    assert [row.fact.waited_s for row in world.rows if isinstance(row.fact, f.CallConnected)] == [5.0, 2.998]


@pytest.mark.parametrize("caller_comes", ["before", "after"])
async def test_a_line_that_is_lost_in_hand_sends_the_caller_back_to_the_head_of_the_queue(caller_comes: str) -> None:
    world = World()
    world.arrive()
    deliver = world.calls.deliver
    deliver("a.1", ev.CallerPressed(at=world.later(1), digit="1"))
    deliver("a.1", ev.AgentAnswered(at=world.later(5), extension="101", agent_leg="line.1", line=True))
    call = world.calls.get("a.1")
    assert call is not None
    assert world.calls.ask(call.id, rq.HoldRequested(at=world.later(3))) == ""
    arrivals = {"before": ("a.1", "line.1"), "after": ("line.1",)}[caller_comes]
    for leg in arrivals:
        deliver(leg, ev.LegArrived(at=world.later(0)))
    deliver("line.1", ev.LegLeft(at=world.later(7)))
    if caller_comes == "after":
        deliver("a.1", ev.LegArrived(at=world.later(0)))
    sent = [command for command in world.commands if isinstance(command, do.SendToQueue)]
    assert [command.priority for command in sent] == [0, HEAD]
    entered = [row.fact for row in world.rows if isinstance(row.fact, f.QueueEntered)]
    assert [(fact.visit, fact.returned) for fact in entered] == [(1, False), (2, True)]
    assert world.kinds().count("call.talk_ended") == 1
    assert not any(isinstance(command, do.Hangup) for command in world.commands)


async def test_an_echo_of_the_first_join_is_no_return() -> None:
    world = World()
    world.arrive()
    world.calls.deliver("a.1", ev.CallerPressed(at=world.later(1), digit="1"))
    join = ev.QueueJoined(at=world.later(0), queue="sales", position=3)
    world.calls.deliver("a.1", ev.AgentAnswered(at=world.later(5), extension="101", agent_leg="line.1"))
    world.calls.deliver("a.1", join)
    call = world.calls.get("a.1")
    assert call is not None
    assert (call.state, call.visits) == ("talking", 1)


def test_lines_have_names_of_their_own() -> None:
    for session in (True, False):
        assert {endpoint_of(name) for name in interfaces(ENDPOINT, session=session)} == {ENDPOINT}
    assert line_of(f"Local/{ENDPOINT}@join-0000000a;1") == ENDPOINT
    assert [line_of(name) for name in (f"PJSIP/{ENDPOINT}-0000000a", f"Local/{ENDPOINT}@to-agent", "")] == ["", "", ""]


def test_a_queue_s_answer_names_the_line_and_not_the_way_to_it() -> None:
    event = ami.AgentConnect(
        uniqueid="a.1", member_name="101", dest_channel=f"Local/{ENDPOINT}@join-0000000a;1", dest_uniqueid="b.2"
    )
    told = observe.call_event(event, World().now(), {ENDPOINT: "line.1"}.__getitem__)
    assert told is not None
    assert isinstance(told[1], ev.AgentAnswered)
    assert told[1].agent_leg == "line.1"


def test_the_device_of_a_line_is_not_the_phone_s() -> None:
    seen = observe.board_event(ami.DeviceStateChange(device=f"Agent:{ENDPOINT}", state="INUSE"))
    assert seen == ag.DeviceSeen(endpoint=ENDPOINT, device=ag.Device.INUSE, line=True)


def test_a_line_is_its_channel_until_that_is_gone() -> None:
    watched: list[str] = []
    told: list[ag.BoardEvent] = []
    lines = Lines(watched.append, told.append)
    lines.keep(ENDPOINT, "line.1")
    lines.take(ag.LineSeen(endpoint=ENDPOINT, leg="line.1"))  # back from a call in hand
    assert (watched, lines.leg_of(ENDPOINT), lines.endpoint_of("line.1")) == (["line.1"], "line.1", ENDPOINT)
    lines.watch_all()
    lines.gone("another.leg", 16)
    lines.gone("line.1", 16)
    lines.gone("line.1")
    assert told == [ag.LineGone(endpoint=ENDPOINT, leg="line.1", hung_up=True)]
    assert (watched, lines.leg_of(ENDPOINT), lines.endpoint_of("line.1")) == (["line.1", "line.1"], "", "")
    lines.keep(ENDPOINT, "line.2")
    lines.gone("line.2", 44)
    assert told[-1] == ag.LineGone(endpoint=ENDPOINT, leg="line.2", hung_up=False)


def test_a_return_within_the_second_of_the_answer_is_read_from_the_ledger_in_its_order() -> None:
    world = World()
    world.arrive()
    deliver = world.calls.deliver
    deliver("a.1", ev.CallerPressed(at=world.later(1), digit="1"))
    deliver("a.1", ev.QueueJoined(at=world.later(0), queue="sales", position=1))
    deliver("a.1", ev.AgentAnswered(at=world.later(2.8), extension="101", agent_leg="line.1", line=True))
    call = world.calls.get("a.1")
    assert call is not None
    second = world.time.replace(microsecond=0)
    ledger: list[ev.Event] = [
        ev.QueueJoined(at=second - timedelta(seconds=2), queue="sales", position=1),
        ev.AgentAnswered(at=second, extension="101"),
        ev.AgentLeft(at=second, extension="101", by_caller=False),
        ev.QueueJoined(at=second, queue="sales", position=1),
        ev.AgentAnswered(at=second + timedelta(seconds=1), extension="102"),
    ]
    for word in missed(call, ledger):
        deliver("a.1", word)
    after = world.calls.get("a.1")
    assert after is not None
    assert (after.state, after.agent, after.visits) == ("talking", "102", 2)
    assert missed(after, ledger) == [], "a second reading changes nothing"
    deliver("a.1", ev.AgentLeft(at=world.time, extension="101", by_caller=False))
    assert "call.unexpected" not in world.kinds()
