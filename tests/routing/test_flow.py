"""A call with a route: decided at once or with the CRM's answer, led on, and found again after a crash at any point."""

from __future__ import annotations

from typing import Any

import pytest

from m3voip.core import commands as do
from m3voip.core import events as ev
from m3voip.core import facts as f
from m3voip.core.call import State, Step
from m3voip.core.causes import EndReason
from tests.ivr.support import Story
from tests.routing.support import (
    AGENT,
    OTHER,
    QUEUE,
    REJECT,
    TO_AGENT,
    TO_BOX,
    TO_OTHER,
    TO_QUEUE,
    TO_TREE,
    TREE,
    flow_of,
    route,
    rule,
)

pytestmark = pytest.mark.unit

CRM = {"path": "/v1/callers", "extract": {"vip": "data.vip", "priority": "data.priority", "owner": "data.owner"}}
VIP = rule("vip", TO_QUEUE, when={"crm": {"vip": "true"}}, set={"priority": 9})
LAST = rule("last", TO_QUEUE, preferred={"last_agent_days": 30, "ring_sec": 12})


def answered(story: Story, **values: str) -> Story:
    request = story.call.cursor.request
    return story.take(ev.CrmAnswered(at=story.now, request=request, status=200, values=values))


def found(story: Story, extension: str) -> Story:
    return story.take(ev.AgentFound(at=story.now, request=story.call.cursor.request, extension=extension))


def routed(story: Story) -> tuple[str, str, str]:
    (fact,) = story.all_of(f.CallRouted)
    assert (fact.route, fact.version) == ("main-line", 3)
    return fact.rule, fact.target, fact.to


@pytest.mark.parametrize(
    ("to", "target", "command"),
    [
        (TO_QUEUE, ("all", "queue", "sales"), "SendToQueue"),
        (TO_TREE, ("all", "tree", "main"), "Play"),
        (TO_BOX, ("all", "mailbox", "801"), "SendToVoicemail"),
        (TO_AGENT, ("all", "agent", "101"), "SendToAgent"),
        (REJECT, ("all", "reject", ""), "Hangup"),
    ],
)
def test_a_call_goes_at_once_where_its_rule_leads(
    to: dict[str, Any], target: tuple[str, str, str], command: str
) -> None:
    story = Story(flow_of(route(rule("all", to))))
    assert routed(story) == target
    assert story.kinds() == [command]


def test_the_tree_it_enters_answers_from_there_on_and_is_what_the_record_names() -> None:
    story = Story(flow_of(route()))
    assert (story.call.tree, story.call.tree_version, story.at) == ("main", 7, "hello")
    assert story.listen().kinds() == ["SendToQueue"]
    assert story.leave_queue().at == "bye"


def test_a_call_can_be_sent_to_nodes_of_the_tree_it_entered_and_to_no_other() -> None:
    flow = flow_of(route())
    story = Story(flow)
    assert (flow.has(story.call, "desk"), flow.has(story.call, "queue0")) == (True, False)
    entered = flow.enter(Step(story.call), "desk", story.now, story.now)
    assert [type(command).__name__ for command in entered.commands][-1] == "SendToQueue"
    routing = Story(flow_of(route(LAST)))
    assert not flow.has(routing.call, "desk")


def test_a_rejected_caller_is_refused_and_written_down() -> None:
    story = Story(
        flow_of(route(rule("nuisance", REJECT, when={"lists": ["nuisance"]})), lists={"15557654321": "nuisance"})
    )
    assert story.commands == (do.Hangup(leg="leg", cause=21),)
    assert story.hang_up().last(f.CallEnded).reason is EndReason.REJECTED


def test_a_rejected_caller_is_still_rejected_after_a_crash() -> None:
    story = answered(Story(flow_of(route(rule("poor", REJECT, when={"crm": {"vip": "false"}}), crm=CRM))), vip="false")
    assert story.recover().commands == (do.Hangup(leg="leg", cause=21),)
    assert len(story.all_of(f.CallRouted)) == 1


def test_what_cannot_be_reached_is_passed_over_for_otherwise() -> None:
    story = Story(flow_of(route(rule("all", TO_OTHER), otherwise=TO_QUEUE), without=frozenset({OTHER})))
    assert routed(story) == ("", "queue", "sales")
    assert story.kinds() == ["SendToQueue"]
    nothing = Story(flow_of(route(rule("all", TO_OTHER), otherwise=TO_QUEUE), without=frozenset({OTHER, QUEUE})))
    assert nothing.hang_up().last(f.CallEnded).reason is EndReason.FAILED


# The CRM


def test_the_crm_is_asked_with_the_caller_and_its_answer_sets_variables_and_priority() -> None:
    story = Story(flow_of(route(VIP, crm=CRM)))
    (ask,) = story.commands
    assert isinstance(ask, do.AskCrm)
    assert (ask.method, ask.url, ask.timeout_ms) == ("POST", "/v1/callers", 300)
    assert ask.body == {"caller": "+15557654321", "did": "+15550100100", "route": "main-line"}
    assert (story.state, story.at) == (State.IVR, "ask-crm")
    story.press("1")
    answered(story, vip="true", owner="")
    assert routed(story) == ("vip", "queue", "sales")
    (send,) = story.commands
    assert isinstance(send, do.SendToQueue)
    assert (send.priority, story.call.variables["vip"]) == (9, "true")


@pytest.mark.parametrize(("said", "priority"), [("7", 7), ("99", 10), ("1", 2), ("-1", 2), ("high", 2), ("", 2)])
def test_the_crm_may_name_the_priority_and_the_higher_one_counts(said: str, priority: int) -> None:
    story = answered(
        Story(flow_of(route(rule("all", TO_TREE, when={"crm": {"vip": "*"}}), crm=CRM))), vip="1", priority=said
    )
    (send,) = story.listen().commands
    assert isinstance(send, do.SendToQueue)
    assert send.priority == priority


@pytest.mark.parametrize("how", ["failed", "late", "refused"])
def test_without_a_good_answer_in_time_the_rule_does_not_hold_and_the_call_goes_on(how: str) -> None:
    story = Story(flow_of(route(VIP, rule("rest", TO_OTHER), crm=CRM)))
    request = story.call.cursor.request
    if how == "late":
        story.wait()
    elif how == "failed":
        story.take(ev.CrmFailed(at=story.now, request=request, why="no answer within 300 ms"))
    else:
        story.take(ev.CrmAnswered(at=story.now, request=request, status=500, values={"vip": "true"}))
    assert routed(story) == ("rest", "queue", "support")
    assert story.last(f.CrmAsked).status == (500 if how == "refused" else 0)
    state = story.state
    story.take(ev.CrmAnswered(at=story.now, request=request, status=200, values={"vip": "true"}))
    assert (len(story.all_of(f.CallRouted)), story.state, story.commands) == (1, state, ())


def test_a_crash_while_the_crm_is_asked_asks_again() -> None:
    story = Story(flow_of(route(VIP, crm=CRM)))
    first = story.call.cursor.request
    story.recover()
    assert story.kinds() == ["AskCrm"]
    assert story.take(ev.CrmAnswered(at=story.now, request=first, status=200, values={})).at == "ask-crm"
    assert routed(answered(story, vip="true")) == ("vip", "queue", "sales")


# The preferred agent


def test_the_last_agent_is_rung_first_and_then_the_queue_takes_over() -> None:
    story = Story(flow_of(route(LAST)))
    (find,) = story.commands
    assert isinstance(find, do.FindAgent)
    assert (find.caller, find.days, find.extension, find.timeout_ms) == ("15557654321", 30, "", 50)
    found(story, "103")
    (send,) = story.commands
    assert isinstance(send, do.SendToAgent)
    assert (send.extension, send.timeout_s, story.state) == ("103", 12, State.RINGING)
    story.leave_dial("NOANSWER")
    assert (story.kinds(), story.call.tree) == (["SendToQueue"], "direct-sales")


def test_a_talk_with_the_preferred_agent_ends_the_call() -> None:
    story = found(Story(flow_of(route(LAST))), "103").agent_answers("103").leave_dial("ANSWER")
    assert story.kinds() == ["Hangup"]
    assert story.hang_up().last(f.CallEnded).reason is EndReason.COMPLETED


@pytest.mark.parametrize("how", ["nobody", "late"])
def test_nobody_or_no_answer_is_the_queue_at_once(how: str) -> None:
    story = Story(flow_of(route(LAST)))
    story = story.wait() if how == "late" else found(story, "")
    assert story.kinds() == ["SendToQueue"]


def test_for_a_withheld_number_no_last_agent_is_looked_for() -> None:
    assert Story(flow_of(route(LAST)), caller="").kinds() == ["SendToQueue"]


@pytest.mark.parametrize(
    ("preferred", "owner", "looked_for"),
    [
        ({"agent_id": str(AGENT)}, "", "101"),
        ({"crm": "owner"}, "104", "104"),
        ({"crm": "owner"}, "104,evil", None),
        ({"crm": "owner"}, "", None),
    ],
)
def test_a_rule_or_the_crm_names_the_agent(preferred: dict[str, str], owner: str, looked_for: str | None) -> None:
    written = route(rule("all", TO_QUEUE, when={"crm": {"vip": "*"}}, preferred=preferred), crm=CRM)
    (command,) = answered(Story(flow_of(written)), vip="1", owner=owner).commands
    if looked_for is None:
        assert isinstance(command, do.SendToQueue)
    else:
        assert isinstance(command, do.FindAgent)
        assert (command.extension, command.days) == (looked_for, 0)


def test_after_a_crash_the_search_or_the_ringing_or_the_queue_goes_on() -> None:
    story = Story(flow_of(route(LAST))).recover()
    assert story.kinds() == ["FindAgent"]
    found(story, "103").recover()
    assert (story.kinds(), len(story.all_of(f.DialStarted))) == (["SendToAgent"], 1)
    story.recover(in_application=False)
    assert (story.commands, story.state) == ((), State.RINGING)
    story.leave_dial("BUSY").recover()
    assert (story.kinds(), len(story.all_of(f.QueueEntered)), len(story.all_of(f.CallRouted))) == (
        ["SendToQueue"],
        1,
        1,
    )


def test_a_split_leads_to_the_same_branch_after_a_crash() -> None:
    halves = [{"percent": 50, "to": TO_QUEUE}, {"percent": 50, "to": TO_OTHER}]
    seen = set()
    for number in range(20):
        written = route(rule("trial", split=halves, preferred={"last_agent_days": 3}))
        story = Story(flow_of(written), caller=f"+1555765{number:04}").recover()
        found(story, "")
        (send,) = story.commands
        assert isinstance(send, do.SendToQueue)
        assert routed(story) == ("trial", "queue", send.queue)
        seen.add(send.queue)
    assert seen == {"sales", "support"}


def test_a_call_whose_tree_the_route_no_longer_knows_ends() -> None:
    story = Story(flow_of(route()))
    story.tree = flow_of(route(), without=frozenset({TREE}))
    story.recover()
    assert story.commands == (do.Hangup(leg="leg"),)
