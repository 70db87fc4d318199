"""What a call is told after the service was away: each story is one way to have missed something."""

from __future__ import annotations

from datetime import timedelta
from functools import reduce

import pytest

from m3voip.config import DEFAULT_TENANT
from m3voip.core import commands as do
from m3voip.core import events as ev
from m3voip.core.call import Call, State, evolve
from m3voip.core.causes import EndReason, QueueExit
from m3voip.ports import LedgerReading
from tests.engine.support import T0, OneQueueFlow, World, arrived

pytestmark = pytest.mark.unit


def after_a_kill(before: World) -> World:
    """The next life of the service: nothing but the stored facts is left."""
    world = World()
    world.time = before.later(3)
    calls: dict[object, Call] = {}
    for row in before.rows:
        calls[row.call_id] = evolve(calls.get(row.call_id, Call(id=row.call_id, tenant_id=DEFAULT_TENANT)), row)
    world.calls.adopt([(call, OneQueueFlow()) for call in calls.values() if call.state is not State.ENDED])
    return world


async def test_a_caller_in_a_menu_hears_the_menu_again() -> None:
    before = World()
    before.arrive()
    world = after_a_kill(before)
    world.hold("a.1", in_application=True, arrived=arrived("a.1", T0))
    await world.recovery.reconcile(world.time)
    assert world.kinds() == ["call.resumed", "ivr.node_entered"]
    assert isinstance(world.commands[-1], do.Play)


async def test_a_prompt_that_still_plays_is_left_to_play() -> None:
    before = World()
    before.arrive()
    world = after_a_kill(before)
    world.hold("a.1", in_application=True, arrived=arrived("a.1", T0))
    call = world.calls.get("a.1")
    assert call is not None
    world.playing = {call.cursor.prompt}
    await world.recovery.reconcile(world.time)
    assert world.commands == []
    world.calls.deliver("a.1", ev.CallerPressed(at=world.time, digit="1"))
    assert isinstance(world.commands[-1], do.SendToQueue)


async def test_a_hang_up_nobody_heard_ends_the_call_at_the_time_the_ledger_knows() -> None:
    before = World()
    before.arrive()
    world = after_a_kill(before)
    at = T0 + timedelta(seconds=1.25)
    world.reading = LedgerReading(queue={}, hangups={"a.1": ev.CallerHungUp(at=at, cause=16)}, floor={})
    await world.recovery.reconcile(world.time)
    assert world.rows[-1].at == at
    assert world.ended()[0].duration_s == 1.25
    assert len(world.calls) == 0


async def test_when_asterisk_died_its_calls_are_closed_with_that_reason() -> None:
    before = World()
    before.arrive()
    world = after_a_kill(before)
    world.node_started = T0 + timedelta(seconds=2)
    await world.recovery.reconcile(world.time)
    assert world.ended()[0].reason is EndReason.TELEPHONY_RESTARTED
    assert world.rows[-1].at == world.node_started


async def test_an_agent_answered_and_the_talk_ended_while_nobody_listened() -> None:
    before = World()
    before.arrive()
    before.calls.deliver("a.1", ev.CallerPressed(at=before.time, digit="1"))
    world = after_a_kill(before)
    entries: list[ev.Event] = [
        ev.QueueJoined(at=T0, queue="sales", position=1),
        ev.AgentDidNotAnswer(at=T0 + timedelta(seconds=1), extension="102", rang_ms=1000),
        ev.AgentAnswered(at=T0 + timedelta(seconds=2), extension="101"),
        ev.AgentLeft(at=T0 + timedelta(seconds=3), extension="101", by_caller=False),
    ]
    gone = ev.CallerHungUp(at=T0 + timedelta(seconds=3), cause=16)
    world.reading = LedgerReading(queue={"a.1": entries}, hangups={"a.1": gone}, floor={})
    await world.recovery.reconcile(world.time)
    assert world.kinds() == [
        "queue.joined", "agent.ring_no_answer", "call.connected", "call.talk_ended", "call.ended",
    ]  # fmt: skip
    assert (world.ended()[0].reason, world.ended()[0].talk_s) == (EndReason.AGENT_HUNG_UP, 1.0)


async def test_reading_the_same_ledger_twice_changes_nothing() -> None:
    before = World()
    before.arrive()
    before.calls.deliver("a.1", ev.CallerPressed(at=before.time, digit="1"))
    world = after_a_kill(before)
    entries: list[ev.Event] = [
        ev.QueueJoined(at=T0, queue="sales", position=1),
        ev.AgentDidNotAnswer(at=T0 + timedelta(seconds=1), extension="102", rang_ms=1000),
    ]
    world.reading = LedgerReading(queue={"a.1": entries}, hangups={}, floor={})
    world.hold("a.1", in_application=False)
    await world.recovery.reconcile(world.time)
    first = world.kinds()
    await world.recovery.reconcile(world.later(1))
    assert first == ["queue.joined", "agent.ring_no_answer", "call.resumed"]
    assert world.kinds()[len(first) :] == ["call.resumed"]


async def test_a_leg_that_came_back_from_the_queue_unheard_goes_on_in_its_tree() -> None:
    before = World()
    before.arrive()
    before.calls.deliver("a.1", ev.CallerPressed(at=before.time, digit="1"))
    world = after_a_kill(before)
    left = ev.QueueLeft(at=world.time, queue="sales", exit=QueueExit.TIMEOUT)
    world.hold("a.1", in_application=True, returned=left)
    await world.recovery.reconcile(world.time)
    assert isinstance(world.commands[-1], do.SendToVoicemail)
    await world.recovery.reconcile(world.later(1))
    assert {type(command).__name__ for command in world.commands} == {"SendToVoicemail"}
    assert world.kinds().count("queue.left") == 1


async def test_a_leg_that_was_never_sent_to_its_queue_is_sent_now_without_a_second_visit() -> None:
    before = World()
    before.arrive()
    before.calls.deliver("a.1", ev.CallerPressed(at=before.time, digit="1"))
    world = after_a_kill(before)
    world.hold("a.1", in_application=True, arrived=arrived("a.1", T0))
    await world.recovery.reconcile(world.time)
    assert isinstance(world.commands[-1], do.SendToQueue)
    assert "queue.entered" not in world.kinds()


async def test_a_caller_who_arrived_unheard_is_served() -> None:
    world = World()
    world.hold("a.9", in_application=True, arrived=arrived("a.9", T0))
    world.later(5)
    await world.recovery.reconcile(world.time)
    assert world.kinds() == ["call.started", "ivr.node_entered"]
    await world.recovery.reconcile(world.later(5))
    assert world.kinds().count("call.started") == 1


async def test_calls_served_on_the_floor_get_their_record_once() -> None:
    world = World()
    world.later(60)
    took = ev.FloorTook(at=T0, leg="a.5", node="n", created=T0, did="15550100100", caller="+15550100200")
    entries: list[ev.Event] = [
        ev.QueueJoined(at=T0 + timedelta(seconds=1), queue="sales", position=1),
        ev.AgentAnswered(at=T0 + timedelta(seconds=4), extension="101"),
        ev.AgentLeft(at=T0 + timedelta(seconds=9), extension="101", by_caller=True),
    ]
    gone = ev.CallerHungUp(at=T0 + timedelta(seconds=9), cause=16)
    world.reading = LedgerReading(queue={"a.5": entries}, hangups={"a.5": gone}, floor={"a.5": took})
    await world.recovery.reconcile(world.time, deaf_since=T0 - timedelta(seconds=5))
    assert world.kinds() == [
        "call.started", "call.on_floor", "queue.joined", "call.connected", "call.talk_ended", "call.ended",
    ]  # fmt: skip
    assert world.ended()[0].talk_s == 5.0
    await world.recovery.reconcile(world.later(1), deaf_since=T0 - timedelta(seconds=5))
    assert world.kinds().count("call.started") == 1


async def test_a_stray_leg_in_our_application_is_released() -> None:
    world = World()
    world.hold("a.3", in_application=True)
    world.later(5)
    await world.recovery.reconcile(world.time)
    assert world.released == ["a.3"]


async def test_the_patrol_ends_a_call_only_when_its_leg_is_gone_twice() -> None:
    world = World()
    world.arrive()
    await world.recovery.patrol()
    assert world.ended() == []
    world.later(30)
    await world.recovery.patrol()
    assert len(world.ended()) == 1


async def test_the_state_is_the_fold_of_its_facts_in_all_these_stories() -> None:
    world = World()
    world.arrive()
    world.calls.deliver("a.1", ev.CallerPressed(at=world.time, digit="1"))
    world.calls.deliver("a.1", ev.AgentAnswered(at=world.later(2), extension="101"))
    live = world.calls.get("a.1")
    folded = reduce(evolve, world.rows, Call(id=world.rows[0].call_id, tenant_id=DEFAULT_TENANT))
    assert folded == live
