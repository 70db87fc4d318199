"""Each verb, on small trees."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

import pytest

from m3voip.core import commands as do
from m3voip.core import events as ev
from m3voip.core import facts as f
from m3voip.core.call import State
from m3voip.core.causes import ConferenceExit, EndReason, QueueExit
from m3voip.ivr.compile import compile_text, recompile_text
from m3voip.ivr.finding import TreeError
from m3voip.ivr.interpreter import MAX_SILENT_HOPS, CompiledTree
from m3voip.ivr.node import Node
from m3voip.ivr.verbs.goto import GotoNode
from m3voip.ivr.verbs.queue import MAX_VISITS
from tests.ivr.support import T0, Story, sample, tree_of

pytestmark = pytest.mark.unit


# ---- say, play ----
def test_say_goes_on_when_it_has_been_heard_and_ignores_keys() -> None:
    story = Story(tree_of("a: {say: {text: One moment., then: b}}\nb: {hangup: Bye.}", "a"))
    assert story.press("1").commands == ()
    assert story.listen().heard == "Bye."


def test_say_with_barge_in_is_skipped_by_a_key() -> None:
    story = Story(tree_of("a: {say: {text: One moment., barge_in: true, then: b}}\nb: {hangup: Bye.}", "a"))
    assert story.press("1").kinds() == ["StopPlaying", "Play"]
    assert story.heard == "Bye."


def test_variables_are_spoken_between_the_words() -> None:
    nodes = "a: {set: {values: {n: '42'}, then: b}}\nb: {hangup: 'You call from {digits:caller}, number {number:n}.'}"
    story = Story(tree_of(nodes, "a"), caller="+1555")
    assert story.heard == "You call from <digits 1555> number <number 42>"


@pytest.mark.parametrize(("value", "media"), [("", "silence:1"), ("abc", "silence:1"), ("99999999999", "silence:1")])
def test_a_variable_that_cannot_be_spoken_is_passed_over(value: str, media: str) -> None:
    nodes = f"a: {{set: {{values: {{n: '{value}'}}, then: b}}}}\nb: {{hangup: '{{number:n}}'}}"
    (play,) = Story(tree_of(nodes, "a")).commands
    assert isinstance(play, do.Play)
    assert play.media == (media,)


def test_play_plays_the_file() -> None:
    tree = tree_of("a: {play: {file: chime.wav, then: b}}\nb: {hangup: }", "a")
    story = Story(tree)
    (play,) = story.commands
    assert isinstance(play, do.Play)
    assert tree.prompts[play.media[0].removeprefix("prompt:")].file == "chime.wav"
    assert story.listen().kinds() == ["Hangup"]


# ---- menu ----
MENU = """
m:
  menu:
    prompt: Choose.
    keys: {1: a, "*": b, "#": a}
    repeat: false
    barge_in: false
    retries: 0
a: {hangup: A.}
b: {hangup: B.}
"""


def test_without_barge_in_keys_over_the_prompt_are_ignored() -> None:
    story = Story(tree_of(MENU, "m")).press("1")
    assert (story.at, story.commands) == ("m", ())
    assert story.listen().press("1").at == "a"


def test_star_is_a_key_like_others_when_it_does_not_repeat() -> None:
    assert Story(tree_of(MENU, "m")).listen().press("*").at == "b"


def test_without_operator_and_retries_the_call_ends() -> None:
    story = Story(tree_of(MENU, "m")).listen().wait()
    assert story.kinds() == ["Hangup"]
    assert story.hang_up().last(f.CallEnded).reason is EndReason.COMPLETED


# ---- collect ----
def test_typed_digits_end_with_the_terminator_and_are_remembered() -> None:
    story = Story(sample("account")).press("1")
    assert story.kinds() == ["StopPlaying"], "the first digit silences the prompt"
    story.press("234#")
    assert story.at == "pin"
    assert story.call.variables == {"account": "1234"}
    assert story.last(f.DigitsTaken).digits == "1234"


def test_typed_digits_end_with_the_last_possible_one() -> None:
    assert Story(sample("account")).press("1234567890").at == "pin"


def test_typed_digits_end_when_no_more_come() -> None:
    story = Story(sample("account")).press("12345")
    before = story.now
    assert story.wait().at == "pin"
    assert story.now - before == timedelta(seconds=5)


def test_too_few_digits_are_asked_for_again() -> None:
    story = Story(sample("account")).press("12#")
    assert story.heard.startswith("Sorry, an account number")
    assert story.call.cursor.attempt == 2
    assert story.press("*").press("#").at == "billing", "retries used up"


def test_sensitive_digits_are_in_no_fact_and_reach_only_the_crm() -> None:
    story = Story(sample("account")).press("1234#9876")
    (ask,) = story.commands
    assert isinstance(ask, do.AskCrm)
    assert ask.body == {"account": "1234", "pin": "9876", "caller": "+15557654321"}
    stored = b"".join(f.encode_fact(row.fact) for row in story.facts)
    assert b"9876" not in stored
    assert story.last(f.DigitsTaken) == f.DigitsTaken(node="pin", digits="", sensitive=True)
    assert "9876" not in repr(story.call)


def test_wrong_sensitive_digits_are_in_no_fact_either() -> None:
    story = Story(sample("account")).press("1234#98*")
    assert story.last(f.InputInvalid).digits == ""
    assert "98" not in repr(story.call)


# ---- http ----
def asked() -> Story:
    return Story(sample("account")).press("1234#9876")


def answer(story: Story, status: int = 200, **values: str) -> Story:
    request = story.call.cursor.request
    return story.take(ev.CrmAnswered(at=story.now, request=request, status=status, values=values))


def test_the_crms_answer_is_spoken() -> None:
    story = answer(asked(), balance="120", other="dropped")
    assert story.heard == "The balance of account <digits 1234> is <number 120> dollars."
    assert story.call.variables["balance"] == "120"
    assert "other" not in story.call.variables
    assert story.last(f.CrmAsked) == f.CrmAsked(node="look_up", status=200)
    assert story.call.due_at is None


@pytest.mark.parametrize("status", [302, 404, 500])
def test_a_bad_status_is_an_error(status: int) -> None:
    assert answer(asked(), status, balance="1").at == "sorry"


def test_no_answer_is_an_error() -> None:
    story = asked()
    story.take(ev.CrmFailed(at=story.now, request=story.call.cursor.request, why="timeout"))
    assert story.at == "sorry"


def test_an_answer_that_gets_lost_costs_three_seconds_at_most() -> None:
    story = asked()
    before = story.now
    assert story.wait().at == "sorry"
    assert story.now - before == timedelta(seconds=3)


def test_the_answer_to_an_earlier_question_changes_nothing() -> None:
    story = asked().take(ev.CrmAnswered(at=T0, request="other", status=200, values={}))
    assert story.at == "look_up"


def test_a_value_in_a_path_can_neither_climb_nor_add_parameters() -> None:
    nodes = "a: {http: {path: '/v1/c/{caller}', method: GET, on_ok: b, on_error: b}}\nb: {hangup: }"
    (ask,) = Story(tree_of(nodes, "a"), caller="../../x?y=1&z/..%2f5").commands
    assert isinstance(ask, do.AskCrm)
    assert ask.url == "/v1/c/xy1z2f5"


# ---- set, goto, hours ----
def test_silent_nodes_are_passed_within_one_event() -> None:
    nodes = "a: {goto: b}\nb: {set: {values: {x: 'from {did}'}, then: c}}\nc: {goto: {node: d}}\nd: {hangup: Hi.}"
    story = Story(tree_of(nodes, "a"))
    assert [type(row.fact).__name__ for row in story.facts] == ["CallStarted", "VariableSet", "NodeEntered"]
    assert story.call.variables == {"x": "from 15550100100"}


@pytest.mark.parametrize(
    ("said", "heard"), [("de", "Hallo."), ("DE ", "Hallo."), ("fr", "Bonjour."), ("it", "Hello."), ("", "Hello.")]
)
def test_switch_goes_by_a_variable_of_the_route_or_the_tree(said: str, heard: str) -> None:
    nodes = f"""
a: {{set: {{values: {{language: '{said}'}}, then: b}}}}
b: {{switch: {{variable: language, cases: {{de: german, FR: french}}, otherwise: english}}}}
german: {{hangup: Hallo.}}
french: {{hangup: Bonjour.}}
english: {{hangup: Hello.}}
"""
    story = Story(tree_of(nodes, "a"))
    assert story.heard == heard


def test_a_silent_loop_that_lint_never_saw_ends_the_call() -> None:
    nodes: dict[str, Node] = {"a": GotoNode("a", "b"), "b": GotoNode("b", "a")}
    story = Story(CompiledTree(name="t", version=1, entry="a", nodes=nodes, prompts={}))
    assert story.kinds() == ["Hangup"]
    assert story.hang_up().last(f.CallEnded).reason is EndReason.FAILED
    assert MAX_SILENT_HOPS == 100


@pytest.mark.parametrize(
    ("local", "node"),
    [
        ("2026-11-23T09:00-05:00", "menu"),
        ("2026-11-23T08:59-05:00", "closed"),
        ("2026-11-23T17:59-05:00", "menu"),
        ("2026-11-23T18:00-05:00", "closed"),
        ("2026-11-21T12:59-05:00", "menu"),
        ("2026-11-21T13:30-05:00", "closed"),
        ("2026-11-21T14:00-05:00", "menu"),
        ("2026-11-22T12:00-05:00", "closed"),
        ("2026-11-26T12:00-05:00", "holiday"),  # Thanksgiving
        ("2026-04-20T12:00-04:00", "holiday"),  # Patriots' Day, Massachusetts only
        ("2026-12-24T12:00-05:00", "holiday"),  # closed date
        ("2026-03-09T13:00+00:00", "menu"),  # 09:00 on the first summer-time Monday
        ("2026-03-06T13:30+00:00", "closed"),  # 08:30 in winter time
    ],
)
def test_hours_follow_the_local_clock_and_calendar(local: str, node: str) -> None:
    at = datetime.fromisoformat(local).astimezone(UTC)
    assert Story(sample("office-hours"), at=at).at == node


# ---- queue ----
def test_a_queue_exit_with_its_own_node_goes_there() -> None:
    nodes = "q: {queue: {name: s, overflow: a, outcomes: {full: b}}}\na: {hangup: A.}\nb: {hangup: B.}"
    assert Story(tree_of(nodes, "q")).leave_queue(QueueExit.FULL).at == "b"
    assert Story(tree_of(nodes, "q")).leave_queue(QueueExit.TIMEOUT).at == "a"


def test_visits_are_counted() -> None:
    nodes = "q: {queue: {name: s, overflow: p}}\np: {queue: {name: t, overflow: a}}\na: {voicemail: box}"
    story = Story(tree_of(nodes, "q")).leave_queue()
    assert [fact.visit for fact in story.all_of(f.QueueEntered)] == [1, 2]


def test_a_call_does_not_go_round_in_queues_for_ever() -> None:
    nodes = "q: {queue: {name: s, overflow: w}}\nw: {say: {text: Still busy., then: q}}"
    story = Story(tree_of(nodes, "q"))
    for _ in range(MAX_VISITS - 1):
        story.leave_queue(QueueExit.JOIN_EMPTY).listen()
    assert story.state is State.QUEUED
    assert story.leave_queue().listen().kinds() == ["Hangup"]


# ---- dial, voicemail ----
def test_dial_rings_the_agent() -> None:
    (send,) = Story(sample("direct-line")).commands
    assert isinstance(send, do.SendToAgent)
    assert (send.extension, send.timeout_s, send.box) == ("101", 20, "sales")


@pytest.mark.parametrize(
    ("status", "node"), [("BUSY", "busy"), ("NOANSWER", "team"), ("CHANUNAVAIL", "team"), ("", "team")]
)
def test_an_unanswered_dial_goes_on_by_its_outcome(status: str, node: str) -> None:
    assert Story(sample("direct-line")).leave_dial(status).at == node


def test_after_the_talk_the_call_ends() -> None:
    story = Story(sample("direct-line")).agent_answers().leave_dial("ANSWER")
    assert story.kinds() == ["Hangup"]


def test_a_mailbox_that_cannot_be_used_has_its_own_way_out() -> None:
    tree = tree_of("v: {voicemail: {box: b, then: a, on_error: e}}\na: {hangup: A.}\ne: {hangup: E.}", "v")
    assert Story(tree).leave_voicemail("FAILED").at == "e"
    assert Story(tree).leave_voicemail("SUCCESS").at == "a"


# ---- a call whose tree is gone ----
def test_a_node_that_its_version_does_not_have_ends_the_call() -> None:
    story = Story(sample("main"))
    story.tree = sample("direct-line")
    assert story.press("1").kinds() == ["Hangup"]
    assert story.hang_up().last(f.CallEnded).reason is EndReason.FAILED


def test_nothing_more_is_asked_of_a_leg_that_is_being_hung_up() -> None:
    story = Story(sample("main")).press("1").take(ev.HangupRequested(at=T0))
    assert story.leave_queue().commands == ()
    assert story.hang_up().last(f.CallEnded).reason is EndReason.COMPLETED


def test_a_call_in_progress_keeps_a_tree_that_todays_rules_refuse() -> None:
    text = "version: 1\nentry: a\nnodes:\n  a: {say: {text: Hi., then: b}}\n  b: {goto: c}\n  c: {goto: b}\n"
    with pytest.raises(TreeError, match="silent-loop"):
        compile_text(text, name="old", version=3)
    story = Story(recompile_text(text, name="old", version=3))
    assert story.listen().kinds() == ["Hangup"]
    assert story.hang_up().last(f.CallEnded).reason is EndReason.FAILED


@pytest.mark.parametrize(
    "node", ["{hours: {timezone: X/Y, week: {}, open: a, closed: a}}", "{say: {text: '{x'}}", "{sai: x}"]
)
def test_a_tree_that_cannot_be_compiled_any_more_says_why(node: str) -> None:
    with pytest.raises(TreeError) as refused:
        recompile_text(f"version: 1\nentry: a\nnodes:\n  a: {node}\n", name="old", version=3)
    assert refused.value.findings


# ---- conference ----
ROOM = "room: {conference: {number: 800, then: bye, on_refused: sorry}}\nbye: {hangup: {}}\nsorry: {hangup: Sorry.}"


def test_a_conference_takes_the_caller_and_gives_them_back() -> None:
    story = Story(tree_of(ROOM, "room"))
    (send,) = story.commands
    assert isinstance(send, do.SendToConference)
    assert (send.conference, story.state) == ("800", State.CONFERENCE)
    story.take(ev.ConferenceMuted(at=story.now, muted=True))
    assert story.last(f.ConferenceMuted).muted
    story.now += timedelta(seconds=90)
    assert story.leave_conference().kinds() == ["Hangup"]
    assert story.at == "bye"
    assert (story.last(f.ConferenceDone).exit, story.last(f.ConferenceDone).stayed_s) == (ConferenceExit.LEFT, 90)


@pytest.mark.parametrize(
    "how", [how for how in ConferenceExit if how not in (ConferenceExit.LEFT, ConferenceExit.KICKED)]
)
def test_who_is_not_let_into_a_conference_goes_another_way(how: ConferenceExit) -> None:
    assert Story(tree_of(ROOM, "room")).leave_conference(how).at == "sorry"


def test_a_caller_found_in_a_conference_stays_and_one_who_never_got_there_is_sent_again() -> None:
    assert Story(tree_of(ROOM, "room")).recover(in_application=False).kinds() == []
    assert Story(tree_of(ROOM, "room")).recover().kinds() == ["SendToConference"]
    assert Story(tree_of(ROOM, "room")).recover(in_application=False).hang_up().state is State.ENDED
