"""The ways into a survey, and what is kept of it."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from functools import reduce
from uuid import UUID

import pytest

from m3voip.core import commands as do
from m3voip.core import events as ev
from m3voip.core import facts as f
from m3voip.core.call import Call, State, Step, evolve
from m3voip.core.causes import EndReason, QueueExit
from m3voip.core.life import step
from m3voip.core.survey import DOOR, answered

pytestmark = pytest.mark.unit

NOW = datetime(2026, 11, 23, 9, 0, tzinfo=UTC)
ID = UUID(int=1)


class Csat:
    """A survey of one node."""

    name, version = "csat", 7

    def start(self, made: Step, at: datetime, now: datetime) -> Step:
        return made.note(at, f.NodeEntered(node="how", verb="menu"))

    def has(self, call: Call, node: str) -> bool:
        return node == "how"

    def enter(self, made: Step, node: str, at: datetime, now: datetime) -> Step:
        return made

    def answer(self, made: Step, event: ev.Event, now: datetime) -> Step:
        return made.hang_up(EndReason.COMPLETED)

    def resume(self, made: Step, event: ev.Recovered, now: datetime) -> Step:
        return made


def talking(survey: str = "csat", *, floor: bool = False) -> Call:
    facts: list[f.AnyFact] = [
        f.CallStarted(leg="l", did="1", caller="2", tree="main", tree_version=1),
        f.QueueEntered(queue="sales", visit=1, record=True),
    ]
    rows = [f.Recorded(ID, ID, n, NOW, fact) for n, fact in enumerate(facts, 1)]
    call = reduce(evolve, rows, Call(id=ID, tenant_id=ID))
    if floor:
        call = step(call, ev.FloorTook(at=NOW, leg="l", node="n", created=NOW, did="1", caller="2"), NOW, None).call
    return step(call, ev.AgentAnswered(at=NOW, extension="101", agent_leg="a", survey=survey), NOW, None).call


def back(call: Call, exit_: QueueExit = QueueExit.CONTINUED) -> Step:
    return step(call, ev.QueueLeft(at=NOW, queue="sales", exit=exit_), NOW, Csat())


def test_who_comes_back_from_the_talk_is_sent_to_the_queue_s_survey_and_follows_it() -> None:
    made = back(talking())
    entered = made.facts[-1].fact
    assert entered == f.SurveyEntered(tree="csat", extension="101", queue="sales", by_queue=True)
    assert made.commands == (do.EnterSurvey(leg="l", tenant_id=ID, tree="csat"),)
    assert (made.call.state, made.call.due_at) == (State.IVR, NOW + DOOR)
    inside = step(made.call, ev.SurveyReady(at=NOW), NOW, Csat())
    assert [type(row.fact) for row in inside.facts] == [f.TreeEntered, f.NodeEntered]
    assert (inside.call.tree, inside.call.tree_version, inside.call.due_at) == ("csat", 7, None)
    assert answered(inside.call, node="how", name="how", value="5") == (
        f.SurveyAnswered(tree="csat", node="how", name="how", value="5"),
    )


@pytest.mark.parametrize(
    "call", [talking(""), talking(floor=True)], ids=["the queue has none", "plain Asterisk served the call"]
)
def test_without_a_survey_the_talk_ends_as_ever(call: Call) -> None:
    made = back(call)
    assert not any(isinstance(command, do.EnterSurvey) for command in made.commands)
    assert answered(made.call, node="how", name="how", value="5") == ()


@pytest.mark.parametrize("event", [ev.SurveyReady(at=NOW), ev.TimeUp(at=NOW + DOOR)])
def test_a_tree_that_is_gone_lets_the_caller_go(event: ev.Event) -> None:
    made = step(back(talking()).call, event, NOW, None)
    assert made.call.ending is EndReason.COMPLETED


def test_after_a_crash_at_the_door_the_tree_is_asked_for_again() -> None:
    at_door = back(talking()).call
    made = step(at_door, ev.Recovered(at=NOW + timedelta(seconds=9), in_application=True), NOW, Csat())
    assert do.EnterSurvey(leg="l", tenant_id=ID, tree="csat") in made.commands
