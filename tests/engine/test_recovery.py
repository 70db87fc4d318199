"""What a call is told after the service was away: each story is one way to have missed something."""

from __future__ import annotations

import asyncio
from datetime import timedelta
from functools import reduce

import pytest

from m3voip.config import DEFAULT_TENANT
from m3voip.core import commands as do
from m3voip.core import events as ev
from m3voip.core.call import Call, State, evolve
from m3voip.core.causes import EndReason, QueueExit
from m3voip.engine.calls import Calls
from m3voip.engine.recovery import Recovery
from m3voip.ports import LedgerReading
from m3voip.storage.errors import StorageUnavailable
from tests.engine.support import T0, OneQueueFlow, World, arrived
from tests.support.eventually import eventually

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
    await world.recovery.reconcile()
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
    await world.recovery.reconcile()
    assert world.commands == []
    world.calls.deliver("a.1", ev.CallerPressed(at=world.time, digit="1"))
    assert isinstance(world.commands[-1], do.SendToQueue)


async def test_a_hang_up_nobody_heard_ends_the_call_at_the_time_the_ledger_knows() -> None:
    before = World()
    before.arrive()
    world = after_a_kill(before)
    at = T0 + timedelta(seconds=1.25)
    world.reading = LedgerReading(queue={}, hangups={"a.1": ev.CallerHungUp(at=at, cause=16)}, floor={})
    await world.recovery.reconcile()
    assert world.rows[-1].at == at
    assert world.ended()[0].duration_s == 1.25
    assert len(world.calls) == 0


async def test_when_asterisk_died_its_calls_are_closed_with_that_reason() -> None:
    before = World()
    before.arrive()
    world = after_a_kill(before)
    world.node_started = T0 + timedelta(seconds=2)
    await world.recovery.reconcile()
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
    gone = ev.CallerHungUp(at=T0 + timedelta(seconds=3.5), cause=16)
    world.reading = LedgerReading(queue={"a.1": entries}, hangups={"a.1": gone}, floor={})
    await world.recovery.reconcile()
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
    await world.recovery.reconcile()
    first = world.kinds()
    world.later(1)
    await world.recovery.reconcile()
    assert first == ["queue.joined", "agent.ring_no_answer", "call.resumed"]
    assert world.kinds()[len(first) :] == ["call.resumed"]


async def test_a_leg_that_came_back_from_the_queue_unheard_goes_on_in_its_tree() -> None:
    before = World()
    before.arrive()
    before.calls.deliver("a.1", ev.CallerPressed(at=before.time, digit="1"))
    world = after_a_kill(before)
    left = ev.QueueLeft(at=world.time, queue="sales", exit=QueueExit.TIMEOUT)
    world.hold("a.1", in_application=True, returned=left)
    await world.recovery.reconcile()
    assert isinstance(world.commands[-1], do.SendToVoicemail)
    world.later(1)
    await world.recovery.reconcile()
    assert {type(command).__name__ for command in world.commands} == {"SendToVoicemail"}
    assert world.kinds().count("queue.left") == 1


async def test_a_leg_that_was_never_sent_to_its_queue_is_sent_now_without_a_second_visit() -> None:
    before = World()
    before.arrive()
    before.calls.deliver("a.1", ev.CallerPressed(at=before.time, digit="1"))
    world = after_a_kill(before)
    world.hold("a.1", in_application=True, arrived=arrived("a.1", T0))
    await world.recovery.reconcile()
    assert isinstance(world.commands[-1], do.SendToQueue)
    assert "queue.entered" not in world.kinds()


async def test_a_caller_who_arrived_unheard_is_served() -> None:
    world = World()
    world.hold("a.9", in_application=True, arrived=arrived("a.9", T0))
    world.later(5)
    await world.recovery.reconcile()
    assert world.kinds() == ["call.started", "ivr.node_entered"]
    world.later(5)
    await world.recovery.reconcile()
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
    gone = ev.CallerHungUp(at=T0 + timedelta(seconds=9.5), cause=16)
    world.reading = LedgerReading(queue={"a.5": entries}, hangups={"a.5": gone}, floor={"a.5": took})
    await world.recovery.reconcile(T0 - timedelta(seconds=5))
    assert world.kinds() == [
        "call.started", "call.on_floor", "queue.joined", "call.connected", "call.talk_ended", "call.ended",
    ]  # fmt: skip
    assert world.ended()[0].talk_s == 5.0
    await world.recovery.reconcile(T0 - timedelta(seconds=5))
    assert world.kinds().count("call.started") == 1


async def test_a_stray_leg_in_our_application_is_released() -> None:
    world = World()
    world.hold("a.3", in_application=True)
    world.later(5)
    await world.recovery.reconcile()
    assert world.released == ["a.3"]


async def test_the_patrol_ends_a_call_only_when_its_leg_is_gone_twice() -> None:
    world = World()
    await world.recovery.reconcile()
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


def hear_a_talk(before: World) -> World:
    """A caller was sent to a queue; then the service was killed."""
    before.arrive()
    before.calls.deliver("a.1", ev.CallerPressed(at=before.time, digit="1"))
    return after_a_kill(before)


async def test_a_hang_up_heard_before_the_ledger_was_read_does_not_hide_the_talk_before_it() -> None:
    world = hear_a_talk(World())
    entries: list[ev.Event] = [
        ev.QueueJoined(at=T0, queue="sales", position=1),
        ev.AgentAnswered(at=T0 + timedelta(seconds=1), extension="101"),
    ]
    gone = ev.CallerHungUp(at=T0 + timedelta(seconds=2.5), cause=16)
    world.reading = LedgerReading(queue={"a.1": entries}, hangups={"a.1": gone}, floor={})
    world.recovery.hear("a.1", ev.AgentLeft(at=T0 + timedelta(seconds=2.4), extension="101", by_caller=False))
    world.recovery.hear("a.1", gone)
    assert world.kinds() == []
    await world.recovery.reconcile()
    assert world.kinds() == ["queue.joined", "call.connected", "call.talk_ended", "call.ended"]
    assert (world.ended()[0].reason, world.ended()[0].talk_s) == (EndReason.AGENT_HUNG_UP, 0.9)


async def test_a_prompt_that_ends_while_we_look_whether_it_plays_leaves_nobody_in_silence() -> None:
    before = World()
    before.arrive()
    world = after_a_kill(before)
    world.hold("a.1", in_application=True, arrived=arrived("a.1", T0))
    call = world.calls.get("a.1")
    assert call is not None
    prompt = call.cursor.prompt

    async def is_playing(_: str) -> bool:
        world.recovery.hear("a.1", ev.PromptFinished(at=world.time, prompt=prompt))
        return True

    world.is_playing = is_playing  # type: ignore[method-assign,assignment]
    await world.recovery.reconcile()
    after = world.calls.get("a.1")
    assert after is not None
    assert after.due_at is not None


async def test_a_new_caller_is_served_at_once_while_old_calls_are_being_told() -> None:
    world = hear_a_talk(World())
    world.recovery.hear("a.2", arrived("a.2", world.time))
    world.recovery.hear("a.2", ev.CallerPressed(at=world.later(1), digit="1"))
    assert isinstance(world.commands[-1], do.SendToQueue)
    world.hold("a.1", in_application=False)
    world.hold("a.2", in_application=False)
    await world.recovery.reconcile()
    second = world.calls.get("a.2")
    assert second is not None
    assert [str(r.fact.__struct_config__.tag) for r in world.rows if r.call_id == second.id].count("call.resumed") == 0


async def test_a_caller_who_came_and_went_unheard_has_a_record() -> None:
    world = World()
    world.later(60)
    came = ev.FloorTook(at=T0, leg="a.6", node="n", created=T0, did="15550100100", caller="+15550100200")
    gone = ev.CallerHungUp(at=T0 + timedelta(seconds=4), cause=16)
    world.reading = LedgerReading(queue={}, hangups={"a.6": gone}, floor={}, unheard={"a.6": came})
    await world.recovery.reconcile(T0 - timedelta(seconds=5))
    assert world.kinds() == ["call.started", "call.on_floor", "call.ended"]
    assert world.commands == []
    await world.recovery.reconcile(T0 - timedelta(seconds=5))
    assert world.kinds().count("call.started") == 1


async def test_a_call_that_came_to_the_floor_while_we_connected_is_found_by_the_patrol() -> None:
    world = World()
    await world.recovery.reconcile(T0)
    took = ev.FloorTook(at=T0, leg="a.7", node="n", created=T0, did="15550100100", caller="+15550100200")
    world.hold("a.7", in_application=False, floor=took)
    await world.recovery.patrol()
    assert world.kinds() == ["call.started", "call.on_floor"]
    assert world.watched == ["a.7"]


async def test_calls_of_the_floor_are_looked_for_again_when_postgres_could_not_say_whether_it_knows_them() -> None:
    world = World()
    took = ev.FloorTook(at=T0, leg="a.8", node="n", created=T0, did="15550100100", caller="+15550100200")
    gone = ev.CallerHungUp(at=T0 + timedelta(seconds=9), cause=16)
    world.reading = LedgerReading(queue={}, hangups={"a.8": gone}, floor={"a.8": took})
    known, world.find = world.find, postgres_away  # type: ignore[method-assign]
    await world.recovery.reconcile(T0)
    assert world.kinds() == []
    world.arrive("a.9")
    assert world.kinds() == ["call.started", "ivr.node_entered"]
    world.find = known  # type: ignore[method-assign]
    await world.recovery.patrol()
    assert world.kinds()[2:] == ["call.started", "call.on_floor", "call.ended"]


async def postgres_away(**_: object) -> None:
    raise StorageUnavailable("Postgres is away")


async def test_a_queue_whose_last_words_do_not_come_is_looked_up_before_the_call_ends() -> None:
    world = World()
    asked: list[str] = []
    world.calls = Calls(
        event_log=world, telephony=world, crm=world, agents=world, clock=world, router=world._route,
        explain=asked.append,
    )  # fmt: skip
    world.recovery = Recovery(calls=world.calls, source=world, ledger=world, finder=world)
    await world.recovery.reconcile()
    world.arrive()
    world.calls.deliver("a.1", ev.CallerPressed(at=world.time, digit="1"))
    entries: list[ev.Event] = [
        ev.AgentAnswered(at=T0 + timedelta(seconds=3), extension="102"),
        ev.AgentLeft(at=T0 + timedelta(seconds=9), extension="102", by_caller=True),
    ]
    world.reading = LedgerReading(queue={"a.1": entries}, hangups={}, floor={})
    world.calls.deliver("a.1", ev.CallerHungUp(at=world.later(9), cause=16))
    await eventually(lambda: asked == ["a.1"])
    world.recovery.explain("a.1")
    running = asyncio.create_task(world.recovery.run())
    await eventually(world.ended)
    running.cancel()
    assert world.kinds()[-3:] == ["call.connected", "call.talk_ended", "call.ended"]
    assert world.ended()[0].talk_s == 6.0


async def test_when_the_queues_are_heard_again_their_calls_are_told_what_happened() -> None:
    world = World()
    await world.recovery.reconcile()
    world.arrive()
    world.calls.deliver("a.1", ev.CallerPressed(at=world.time, digit="1"))
    answered = ev.AgentAnswered(at=T0 + timedelta(seconds=3), extension="102")
    world.reading = LedgerReading(queue={"a.1": [answered]}, hangups={}, floor={})
    await world.recovery.review()
    await world.recovery.review()
    assert world.kinds().count("call.connected") == 1


async def test_a_caller_whom_plain_asterisk_sent_to_the_mailbox_is_not_sent_anywhere_by_us() -> None:
    world = hear_a_talk(World())
    left = ev.QueueLeft(at=T0 + timedelta(seconds=2), queue="sales", exit=QueueExit.TIMEOUT)
    world.reading = LedgerReading(queue={"a.1": [left]}, hangups={}, floor={})
    world.hold("a.1", in_application=False)
    await world.recovery.reconcile()
    assert world.kinds()[:2] == ["call.on_floor", "queue.left"]
    assert world.commands == []
    world.recovery.hear("a.1", ev.VoicemailLeft(at=world.later(20), box="sales", status="SUCCESS"))
    assert isinstance(world.commands[-1], do.Hangup)


async def test_a_leg_that_comes_back_from_where_nobody_sent_it_is_not_left_in_silence() -> None:
    world = World()
    await world.recovery.reconcile()
    world.arrive()
    world.calls.deliver("a.1", ev.VoicemailLeft(at=world.later(20), box="sales", status="SUCCESS"))
    assert world.kinds()[-2:] == ["call.unexpected", "ivr.node_entered"]
    assert isinstance(world.commands[-1], do.Play)


async def test_a_leg_that_vanished_without_a_word_has_ended_when_we_saw_it_gone() -> None:
    before = World()
    before.arrive()
    world = after_a_kill(before)
    await world.recovery.reconcile()
    assert world.ended()[0].reason is EndReason.CALLER_HUNG_UP
    assert world.rows[-1].at == world.time


@pytest.mark.parametrize(
    ("agent_s", "talked", "reason"),
    [(2.0, 2.0, EndReason.AGENT_HUNG_UP), (5.999, 6.0, EndReason.CALLER_HUNG_UP)],
)
async def test_a_talk_was_over_when_the_agent_s_leg_ended_whoever_else_says_nothing_of_it(
    agent_s: float, talked: float, reason: EndReason
) -> None:
    """As behind a dial: nothing but the ends of legs is written down. Legs that end together do not tell who hung up."""
    world = World()
    world.arrive()
    world.calls.deliver("a.1", ev.CallerPressed(at=T0, digit="1"))
    world.hold("a.1", in_application=False)
    await world.recovery.reconcile()
    world.calls.deliver("a.1", ev.AgentAnswered(at=T0, extension="101", agent_leg="b.1"))
    world.recovery.lost()
    world.legs.clear()
    ends = {"b.1": agent_s, "a.1": 6.0}
    gone = {leg: ev.CallerHungUp(at=T0 + timedelta(seconds=end), cause=16) for leg, end in ends.items()}
    world.reading = LedgerReading(queue={}, hangups=gone, floor={})
    world.later(30)
    await world.recovery.reconcile()
    await eventually(world.ended)
    assert world.ended()[0].talk_s == talked
    assert world.ended()[0].reason is reason


async def test_a_leg_too_young_to_tell_does_not_hold_up_the_others_and_is_looked_at_again() -> None:
    world = World()
    settling = asyncio.create_task(world.recovery.settle())
    world.hold("a.9", in_application=True, arrived=arrived("a.9", T0))
    await world.recovery.reconcile()
    assert world.kinds() == []
    world.later(1)
    await eventually(lambda: "call.started" in world.kinds())
    settling.cancel()
