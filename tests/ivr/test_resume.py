"""The service was killed, or lost its connection: callers carry on where they are."""

from __future__ import annotations

import pytest

from m3voip.core import commands as do
from m3voip.core import events as ev
from m3voip.core import facts as f
from m3voip.core.call import State
from m3voip.core.causes import EndReason
from tests.ivr.support import CALL_ID, T0, Story, sample, tree_of

pytestmark = pytest.mark.unit

MAIN = sample("main")


@pytest.mark.parametrize("crash", [True, False])
def test_a_prompt_that_still_plays_is_left_alone_and_keys_work(crash: bool) -> None:
    story = Story(MAIN).recover(playing=True, crash=crash)
    assert story.commands == ()
    assert story.call.cursor.prompt == f"{CALL_ID}-2-p"
    assert story.press("1").kinds() == ["StopPlaying", "SendToQueue"]


def test_a_prompt_that_still_plays_starts_the_clock_when_it_ends() -> None:
    story = Story(MAIN).recover(playing=True).listen()
    assert story.call.due_at is not None


@pytest.mark.parametrize("crash", [True, False])
def test_a_silent_caller_is_asked_again_at_the_same_attempt(crash: bool) -> None:
    story = Story(MAIN).press("9").press("9").listen().recover(crash=crash)
    assert story.kinds() == ["Play"]
    assert story.call.cursor.attempt == 3
    assert story.call.cursor.prompt != f"{CALL_ID}-2-p"
    assert story.call.due_at is None or not crash


def test_a_caller_in_the_queue_is_left_there() -> None:
    story = Story(MAIN).press("1").recover(in_application=False)
    assert (story.commands, story.state) == ((), State.QUEUED)


def test_a_caller_who_never_got_into_the_queue_is_sent_again_as_the_same_visit() -> None:
    story = Story(MAIN).press("1").recover()
    assert story.kinds() == ["SendToQueue"]
    assert len(story.all_of(f.QueueEntered)) == 1
    assert story.call.visits == 1


def test_a_caller_whose_agent_hung_up_meanwhile_is_not_queued_again() -> None:
    story = Story(MAIN).press("1").agent_answers().recover()
    assert story.kinds() == ["Hangup"]
    assert len(story.all_of(f.TalkEnded)) == 1


def test_a_caller_on_the_way_to_an_agent_or_a_mailbox_is_sent_again() -> None:
    assert Story(sample("direct-line")).recover().kinds() == ["SendToAgent"]
    story = Story(MAIN).press("1").leave_queue().recover()
    assert story.kinds() == ["SendToVoicemail"]
    assert len(story.all_of(f.VoicemailEntered)) == 1


def test_a_dialled_talk_that_ended_meanwhile_ends_the_call() -> None:
    assert Story(sample("direct-line")).agent_answers().recover().kinds() == ["Hangup"]


def test_a_call_without_a_node_begins_at_the_entry() -> None:
    story = Story(MAIN)
    story.facts = story.facts[:1]  # the service died between two facts of one event
    assert story.recover().heard.startswith("Welcome")


def test_the_crm_is_asked_again_and_the_answer_to_the_first_question_is_ignored() -> None:
    nodes = "a: {http: {path: /v1/x, on_ok: b, on_error: c}}\nb: {hangup: B.}\nc: {hangup: C.}"
    story = Story(tree_of(nodes, "a"))
    first = story.call.cursor.request
    story.recover()
    assert story.kinds() == ["AskCrm"]
    assert story.call.cursor.request != first
    assert story.take(ev.CrmFailed(at=T0, request=first, why="late")).at == "a"
    assert story.take(ev.CrmAnswered(at=T0, request=story.call.cursor.request, status=200, values={})).at == "b"


def test_sensitive_digits_lost_in_a_crash_are_an_error_not_an_empty_question() -> None:
    story = Story(sample("account")).press("1234#9876").recover()
    assert story.at == "sorry"
    assert "AskCrm" not in story.kinds()
    assert story.last(f.CrmAsked).status == 0


def test_typed_digits_lost_in_a_crash_are_asked_for_again() -> None:
    story = Story(sample("account")).press("123").recover()
    assert story.heard.startswith("Please enter")
    assert story.press("1234#").call.variables == {"account": "1234"}


def test_a_lost_tree_ends_the_call_and_loses_no_fact() -> None:
    story = Story(MAIN).press("1")
    story.tree = None
    story.recover()
    assert story.commands == (do.Hangup(leg="leg"),)
    assert story.hang_up().last(f.CallEnded).reason is EndReason.FAILED


def test_an_order_to_hang_up_that_got_lost_is_given_again() -> None:
    story = Story(MAIN).take(ev.HangupRequested(at=T0)).recover(crash=False)
    assert story.kinds() == ["Hangup"]
