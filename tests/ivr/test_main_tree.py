"""The mission's tree, every way a caller can take through it."""

from __future__ import annotations

import pytest

from m3voip.core import commands as do
from m3voip.core import events as ev
from m3voip.core import facts as f
from m3voip.core.call import State
from m3voip.core.causes import EndReason, QueueExit
from tests.ivr.support import CALL_ID, T0, Story, sample

pytestmark = pytest.mark.unit

MAIN = sample("main")
WELCOME = "Welcome to M3Core Real Estate. Press 1 for sales, 2 for support, 3 for billing."


def test_a_caller_hears_the_welcome_at_once() -> None:
    story = Story(MAIN)
    assert story.heard == WELCOME
    assert story.kinds() == ["Play"]
    assert story.all_of(f.NodeEntered) == [
        f.NodeEntered(node="welcome", verb="menu", prompt=f"{CALL_ID}-2-p"),
    ]
    assert story.call.due_at is None, "the clock runs only when the prompt has ended"


@pytest.mark.parametrize(("key", "queue"), [("1", "sales"), ("2", "support"), ("3", "billing"), ("0", "support")])
def test_a_key_during_the_prompt_silences_it_and_leads_to_the_queue(key: str, queue: str) -> None:
    story = Story(MAIN).press(key)
    stop, send = story.commands
    assert stop == do.StopPlaying(leg="leg", prompt=f"{CALL_ID}-2-p")
    assert isinstance(send, do.SendToQueue)
    assert (send.queue, send.timeout_s, send.record, send.box) == (queue, 30, True, queue)
    assert story.state is State.QUEUED
    assert story.last(f.DigitsTaken) == f.DigitsTaken(node="welcome", digits=key)
    assert story.last(f.QueueEntered) == f.QueueEntered(queue=queue, visit=1, record=True, timeout_s=30)


@pytest.mark.parametrize("key", ["1", "2", "3", "0"])
def test_a_key_after_the_prompt_stops_nothing(key: str) -> None:
    assert Story(MAIN).listen().press(key).kinds() == ["SendToQueue"]


@pytest.mark.parametrize(("key", "box"), [("1", "sales"), ("2", "support"), ("3", "billing"), ("0", "support")])
def test_nobody_in_the_queue_leads_to_its_mailbox_and_goodbye(key: str, box: str) -> None:
    story = Story(MAIN).press(key).leave_queue()
    (send,) = story.commands
    assert isinstance(send, do.SendToVoicemail)
    assert send.box == box
    assert story.leave_voicemail().heard == "Thank you for calling. Goodbye."
    assert story.listen().kinds() == ["Hangup"]
    story.hang_up()
    assert story.last(f.CallEnded).reason is EndReason.COMPLETED


@pytest.mark.parametrize("outcome", [e for e in QueueExit if e not in {QueueExit.CONTINUED, QueueExit.ABANDONED}])
def test_every_way_out_of_the_queue_without_an_agent_overflows(outcome: QueueExit) -> None:
    assert Story(MAIN).press("1").leave_queue(outcome).state is State.VOICEMAIL


def test_a_served_caller_does_not_overflow() -> None:
    story = Story(MAIN).press("1").agent_answers().leave_queue(QueueExit.CONTINUED)
    assert story.kinds() == ["Hangup"]
    assert story.last(f.TalkEnded).by_caller is False


def test_star_repeats_without_costing_an_attempt() -> None:
    story = Story(MAIN)
    for _ in range(20):
        story.press("*")
        assert story.heard == WELCOME
        assert story.kinds() == ["StopPlaying", "Play"]
    assert story.call.cursor.attempt == 1


def test_four_times_no_key_in_ten_seconds_leads_to_the_operator() -> None:
    story = Story(MAIN)
    for attempt in (2, 3, 4):
        before = story.listen().now
        story.wait()
        assert (story.now - before).total_seconds() == 10
        assert story.heard == f"Sorry, we did not hear your choice. {WELCOME}"
        assert story.call.cursor.attempt == attempt
    story.listen().wait()
    assert story.at == "operator"
    assert len(story.all_of(f.InputMissing)) == 4


def test_four_wrong_keys_lead_to_the_operator() -> None:
    story = Story(MAIN)
    for _ in range(3):
        assert story.press("9").heard == f"Sorry, that is not one of the choices. {WELCOME}"
    story.press("#")
    assert story.at == "operator"
    assert [fact.digits for fact in story.all_of(f.InputInvalid)] == ["9", "9", "9", "#"]


def test_wrong_and_missing_keys_count_together() -> None:
    assert Story(MAIN).press("9").listen().wait().press("8").press("7").at == "operator"


def test_the_end_of_an_interrupted_prompt_starts_no_clock() -> None:
    story = Story(MAIN).press("9")
    story.take(ev.PromptFinished(at=story.now, prompt=f"{CALL_ID}-2-p"))
    assert story.call.due_at is None
    assert story.call.cursor.playing


def test_a_late_deadline_of_an_earlier_prompt_changes_nothing() -> None:
    story = Story(MAIN).listen().press("9").take(ev.TimeUp(at=T0))
    assert story.call.cursor.attempt == 2


HANG_UPS = [
    ("", EndReason.CALLER_HUNG_UP, "welcome"),
    ("l", EndReason.CALLER_HUNG_UP, "welcome"),
    ("9", EndReason.CALLER_HUNG_UP, "welcome"),
    ("1", EndReason.CALLER_HUNG_UP, "sales"),
    ("2", EndReason.CALLER_HUNG_UP, "support"),
    ("3", EndReason.CALLER_HUNG_UP, "billing"),
    ("0", EndReason.CALLER_HUNG_UP, "operator"),
    ("1q", EndReason.CALLER_HUNG_UP, "sales_mailbox"),
    ("2q", EndReason.CALLER_HUNG_UP, "support_mailbox"),
    ("3q", EndReason.CALLER_HUNG_UP, "billing_mailbox"),
    ("1qv", EndReason.CALLER_HUNG_UP, "goodbye"),
    ("1qvl", EndReason.COMPLETED, "goodbye"),
]


@pytest.mark.parametrize(("script", "reason", "node"), HANG_UPS)
def test_a_hang_up_at_every_node_ends_the_call_once(script: str, reason: EndReason, node: str) -> None:
    story = Story(MAIN)
    moves = {"l": story.listen, "q": story.leave_queue, "v": story.leave_voicemail}
    for what in script:
        moves[what]() if what in moves else story.press(what)
    assert story.at == node
    story.hang_up().hang_up().press("1").listen()
    assert [end.reason for end in story.all_of(f.CallEnded)] == [reason]
    assert len(story.all_of(f.QueueCallAbandoned)) == (1 if story.call.queue and "q" not in script else 0)
