"""The owner of calls: facts before commands, one id per call, timers, refusals."""

from __future__ import annotations

import asyncio
from datetime import timedelta

import pytest

from m3voip.core import commands as do
from m3voip.core import events as ev
from m3voip.core import facts as f
from m3voip.core.causes import EndReason, QueueExit
from tests.engine.support import World

pytestmark = pytest.mark.unit


async def test_a_call_is_written_down_before_its_first_prompt_is_ordered() -> None:
    world = World()
    order: list[str] = []
    world.append = lambda rows: order.extend("fact" for _ in rows)  # type: ignore[method-assign]
    world.calls._log = world
    world.perform = lambda command: order.append(type(command).__name__)  # type: ignore[method-assign]
    world.arrive()
    assert order == ["fact", "fact", "Play"]


async def test_the_same_leg_always_makes_the_same_call_id() -> None:
    first, second = World(), World()
    first.arrive("a.7")
    second.arrive("a.7")
    assert first.rows[0].call_id == second.rows[0].call_id
    third = World()
    third.arrive("a.8")
    assert third.rows[0].call_id != first.rows[0].call_id


async def test_a_call_without_a_tree_is_rejected_and_still_has_its_record() -> None:
    world = World()
    world.flow = None
    world.arrive()
    assert isinstance(world.commands[-1], do.Hangup)
    world.calls.deliver("a.1", ev.CallerHungUp(at=world.later(0.1), cause=21))
    assert world.kinds() == ["call.started", "call.ended"]
    assert world.ended()[0].reason is EndReason.REJECTED


@pytest.mark.parametrize("word_first", [True, False])
async def test_hanging_up_in_the_queue_is_an_abandonment_with_its_wait(word_first: bool) -> None:
    world = World()
    world.arrive()
    world.calls.deliver("a.1", ev.CallerPressed(at=world.later(1), digit="1"))
    gone = ev.CallerHungUp(at=world.later(12.5), cause=16)
    word = ev.QueueAbandoned(at=world.time, queue="sales", position=1)
    for event in (word, gone) if word_first else (gone, word):
        world.calls.deliver("a.1", event)
    abandoned = [row.fact for row in world.rows if isinstance(row.fact, f.QueueCallAbandoned)]
    assert [fact.waited_s for fact in abandoned] == [12.5]
    assert world.kinds().count("call.ended") == 1


async def test_a_timeout_that_the_queue_calls_an_abandonment_is_none() -> None:
    world = World()
    world.arrive()
    world.calls.deliver("a.1", ev.CallerPressed(at=world.time, digit="1"))
    world.calls.deliver("a.1", ev.QueueAbandoned(at=world.later(30), queue="sales", position=1))
    world.calls.deliver("a.1", ev.QueueLeft(at=world.time, queue="sales", exit=QueueExit.TIMEOUT))
    world.calls.deliver("a.1", ev.CallerHungUp(at=world.later(5), cause=16))
    assert "queue.abandoned" not in world.kinds()


async def test_an_answer_that_is_heard_of_after_the_hang_up_is_still_an_answer() -> None:
    world = World()
    world.arrive()
    world.calls.deliver("a.1", ev.CallerPressed(at=world.time, digit="1"))
    answered, gone = world.later(3), world.later(2)
    world.calls.deliver("a.1", ev.CallerHungUp(at=gone, cause=16))
    world.calls.deliver("a.1", ev.AgentAnswered(at=answered, extension="101"))
    world.calls.deliver("a.1", ev.AgentLeft(at=gone, extension="101", by_caller=True))
    assert "queue.abandoned" not in world.kinds()
    assert [(end.reason, end.talk_s) for end in world.ended()] == [(EndReason.CALLER_HUNG_UP, 2.0)]


@pytest.mark.parametrize("word_first", [True, False])
async def test_who_ended_a_talk_is_known_in_whichever_order_the_transports_report_it(word_first: bool) -> None:
    world = World()
    world.arrive()
    world.calls.deliver("a.1", ev.CallerPressed(at=world.time, digit="1"))
    world.calls.deliver("a.1", ev.AgentAnswered(at=world.later(3), extension="101"))
    word = ev.AgentLeft(at=world.later(20), extension="101", by_caller=False)
    gone = ev.CallerHungUp(at=world.time, cause=16)
    for event in (word, gone) if word_first else (gone, word):
        world.calls.deliver("a.1", event)
    (end,) = world.ended()
    assert (end.reason, end.talk_s) == (EndReason.AGENT_HUNG_UP, 20.0)
    assert len(world.calls) == 0


async def test_a_talk_whose_end_nobody_explains_ends_after_the_closing_wait() -> None:
    world = World()
    world.arrive()
    world.calls.deliver("a.1", ev.CallerPressed(at=world.time, digit="1"))
    world.calls.deliver("a.1", ev.AgentAnswered(at=world.time, extension="101"))
    world.calls.deliver("a.1", ev.CallerHungUp(at=world.later(5), cause=16))
    assert world.ended() == []
    async with asyncio.timeout(5):
        while not world.ended():
            await asyncio.sleep(0.02)
    assert world.ended()[0].reason is EndReason.CALLER_HUNG_UP
    assert world.rows[-1].at == world.time


async def test_a_timer_that_was_moved_rings_once_at_its_last_place() -> None:
    world = World()
    rung: list[str] = []
    from m3voip.engine.timers import Timers

    timers = Timers(rung.append, world.now)
    timers.set("x", world.time + timedelta(seconds=30))
    timers.set("x", world.time + timedelta(milliseconds=10))
    timers.set("y", world.time + timedelta(milliseconds=5))
    timers.set("y", None)
    async with asyncio.timeout(5):
        while not rung:
            await asyncio.sleep(0.005)
    await asyncio.sleep(0)
    assert rung == ["x"]
    assert len(timers) == 0


async def test_a_bug_in_a_tree_costs_that_call_only(capsys: pytest.CaptureFixture[str]) -> None:
    world = World()
    world.arrive("a.1")
    world.arrive("a.2")

    def broken(*_: object) -> None:
        raise ZeroDivisionError

    owned = world.calls._by_leg["a.1"]
    owned.flow = type("Broken", (), {"answer": broken})()
    world.calls.deliver("a.1", ev.CallerPressed(at=world.time, digit="1"))
    assert isinstance(world.commands[-1], do.Hangup)
    world.calls.deliver("a.2", ev.CallerPressed(at=world.time, digit="1"))
    assert isinstance(world.commands[-1], do.SendToQueue)
    assert "call.step_failed" in capsys.readouterr().out


async def test_a_service_that_leaves_hands_its_callers_to_the_floor_and_takes_no_new_ones() -> None:
    world = World()
    world.arrive("a.1")
    world.arrive("a.2")
    world.calls.deliver("a.2", ev.CallerPressed(at=world.time, digit="1"))
    world.calls.leave()
    world.commands.clear()
    world.arrive("a.3")
    assert world.calls.in_trees() == 1
    world.calls.hand_over()
    sent = [(type(c).__name__, c.leg) for c in world.commands]
    assert sent == [("SendToFloor", "a.3"), ("StopPlaying", "a.1"), ("SendToFloor", "a.1")]
    assert world.calls.in_trees() == 0
    world.calls.deliver("a.1", ev.QueueJoined(at=world.time, queue="sales", position=1))
    world.calls.deliver("a.1", ev.AgentAnswered(at=world.later(2), extension="101"))
    world.calls.deliver("a.1", ev.AgentLeft(at=world.later(3), extension="101", by_caller=True))
    world.calls.deliver("a.1", ev.CallerHungUp(at=world.time, cause=16))
    assert [fact.talk_s for fact in world.ended()] == [3.0]


async def test_a_talk_that_died_with_asterisk_still_counts_its_time() -> None:
    world = World()
    world.arrive()
    world.calls.deliver("a.1", ev.CallerPressed(at=world.time, digit="1"))
    world.calls.deliver("a.1", ev.AgentAnswered(at=world.later(3), extension="101"))
    world.calls.deliver("a.1", ev.TelephonyRestarted(at=world.later(300)))
    (end,) = world.ended()
    assert (end.reason, end.talk_s) == (EndReason.TELEPHONY_RESTARTED, 300.0)


async def test_an_offer_that_is_missed_as_the_wait_ends_counts_wherever_the_caller_is_by_then() -> None:
    world = World()
    world.arrive()
    world.calls.deliver("a.1", ev.CallerPressed(at=world.time, digit="1"))
    world.calls.deliver("a.1", ev.QueueLeft(at=world.later(30), queue="sales", exit=QueueExit.TIMEOUT))
    world.calls.deliver("a.1", ev.QueueAbandoned(at=world.time, queue="sales", position=1))
    world.calls.deliver("a.1", ev.AgentDidNotAnswer(at=world.time, extension="101", rang_ms=9000))
    assert world.kinds()[-1] == "agent.ring_no_answer"
    assert "call.unexpected" not in world.kinds()


async def test_a_number_that_the_dialplan_does_not_know_yet_is_answered_by_us() -> None:
    world = World()
    event = ev.CallArrived(at=world.time, leg="a.1", node="n", created=world.time, did="1", caller="2", answered=False)
    world.calls.deliver("a.1", event)
    assert [type(command).__name__ for command in world.commands] == ["Answer", "Play"]
