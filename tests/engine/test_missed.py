"""What a call has not heard of: the ledger's whole seconds against events, each thing once."""

from __future__ import annotations

from datetime import timedelta

import pytest

from m3voip.config import DEFAULT_TENANT
from m3voip.core import events as ev
from m3voip.core.call import Call, State
from m3voip.engine.missed import merged, missed
from tests.engine.support import T0, World

pytestmark = pytest.mark.unit


def after(seconds: float) -> ev.Event:
    return ev.AgentAnswered(at=T0 + timedelta(seconds=seconds), extension="101")


def call(state: State, **fields: object) -> Call:
    arrived = World()
    arrived.arrive()
    return Call(id=arrived.rows[0].call_id, tenant_id=DEFAULT_TENANT, leg="a.1", state=state, **fields)  # type: ignore[arg-type]


def test_what_is_in_the_ledger_and_was_heard_counts_once_and_the_exact_time_stays() -> None:
    heard = [after(2.9), ev.AgentLeft(at=T0 + timedelta(seconds=8.2), extension="101", by_caller=True)]
    ledger = [
        ev.QueueJoined(at=T0, queue="sales", position=1),
        after(3),  # written in the second after
        ev.AgentLeft(at=T0 + timedelta(seconds=8), extension="101", by_caller=True),
    ]
    assert merged(ledger, heard) == [ledger[0], *heard]


def test_events_are_told_in_the_order_in_which_they_happened_whoever_told_them() -> None:
    joined, left = ev.QueueJoined(at=T0, queue="s", position=1), ev.CallerHungUp(at=T0 + timedelta(seconds=9))
    assert merged([joined, after(3)], [left]) == [joined, after(3), left]


def test_a_caller_in_a_menu_has_missed_nothing_of_the_queue_that_lies_behind_him() -> None:
    ledger = [ev.QueueJoined(at=T0, queue="sales", position=1), after(3)]
    assert missed(call(State.IVR, queued_at=T0), ledger) == []


def test_a_talk_by_a_dial_has_nothing_to_do_with_the_queue_before_it() -> None:
    ledger = [ev.QueueJoined(at=T0, queue="sales", position=1), ev.AgentDidNotAnswer(at=T0, extension="101")]
    talking = call(State.TALKING, queued_at=T0, dialed_at=T0 + timedelta(seconds=30))
    assert missed(talking, ledger) == []


def test_the_end_of_a_talk_is_the_end_of_the_leg_when_the_ledger_names_that_second() -> None:
    left = ev.AgentLeft(at=T0 + timedelta(seconds=8), extension="101", by_caller=True)
    gone = T0 + timedelta(seconds=8.7)
    (told,) = missed(call(State.TALKING, queued_at=T0, talk_over=False), [left], gone)
    assert told.at == gone
    (alone,) = missed(call(State.TALKING, queued_at=T0), [left], gone + timedelta(seconds=30))
    assert alone.at == left.at + timedelta(seconds=0.5)


def test_a_dialled_talk_that_nobody_took_back_ends_with_its_leg() -> None:
    left, gone = (
        ev.DialLeft(at=T0 + timedelta(seconds=8), extension="104", status="ANSWER"),
        T0 + timedelta(seconds=8.9),
    )
    (told,) = missed(call(State.TALKING, dialed_at=T0), [left], gone)
    assert told.at == gone


def test_a_talk_of_less_than_a_second_ends_after_it_began() -> None:
    left = ev.AgentLeft(at=T0 + timedelta(seconds=3), extension="101", by_caller=True)
    told = missed(call(State.QUEUED, queued_at=T0), [after(3), left])
    assert [type(event) for event in merged(told, [])] == [ev.AgentAnswered, ev.AgentLeft]
    gone = T0 + timedelta(seconds=3.2)
    assert [event.at for event in missed(call(State.QUEUED, queued_at=T0), [after(3), left], gone)] == [gone, gone]


def test_nothing_in_the_ledger_is_older_than_the_queue_it_belongs_to() -> None:
    queued = call(State.QUEUED, queued_at=T0 + timedelta(milliseconds=600))
    (told,) = missed(queued, [ev.QueueJoined(at=T0, queue="sales", position=1)])
    assert told.at == queued.queued_at
