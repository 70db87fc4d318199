"""An agent's laws, one by one and in random orders of events: dropped, doubled, reordered, from another call."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from random import Random
from uuid import UUID

import pytest

from m3voip.core import agent_state as a
from m3voip.core.agent import AgentState
from m3voip.core.agent_life import Step, step
from m3voip.core.agent_state import Agent, Busy, Change, Duty

pytestmark = pytest.mark.unit

T0 = datetime(2026, 11, 25, 9, 0, tzinfo=UTC)
ME, TENANT = UUID(int=1), UUID(int=2)
CALLS = (UUID(int=11), UUID(int=12))
CALL, OTHER = CALLS


@dataclass
class Life:
    """An agent, the clock, and everything that was written down or ordered."""

    agent: Agent = field(default_factory=lambda: Agent(id=ME, tenant_id=TENANT))
    now: datetime = T0
    facts: list[a.AgentFact] = field(default_factory=list)
    holds: list[str] = field(default_factory=list)
    refusals: list[str] = field(default_factory=list)

    def take(self, event: type[a.AgentEvent], **fields: object) -> Life:
        made = step(self.agent, event(at=self.now, **fields), self.now)
        self.agent = made.agent
        self.facts += made.facts
        self.holds += [command.reason for command in made.commands]
        self.refusals += [made.refusal] if made.refusal else []
        return self

    def later(self, seconds: float) -> Life:
        """Time passes, and what is due in it happens then."""
        until = self.now + timedelta(seconds=seconds)
        while self.agent.due_at is not None and self.agent.due_at <= until:
            self.now = max(self.now, self.agent.due_at)
            self.take(a.DeadlinePassed)
        self.now = until
        return self

    @property
    def state(self) -> str:
        return self.agent.state.value

    @property
    def kinds(self) -> list[str]:
        return [fact.kind.value for fact in self.facts]


def available(**more: object) -> Life:
    return Life(Agent(id=ME, tenant_id=TENANT, **more)).take(a.PhoneBack).take(a.SignInAsked)  # type: ignore[arg-type]


def talking(wrap_up_s: int = 0, **more: object) -> Life:
    return available(**more).take(a.Offered, call=CALL, limit_s=30).take(a.Connected, call=CALL, wrap_up_s=wrap_up_s)


def test_a_phone_that_registers_signs_its_agent_in_where_that_is_how_they_sign_in() -> None:
    assert Life().take(a.PhoneBack).state == "available"
    explicit = Life(Agent(id=ME, tenant_id=TENANT, by_phone=False)).take(a.PhoneBack)
    assert explicit.state == "logged_out"
    assert explicit.take(a.SignInAsked).state == "available"
    assert explicit.holds == [""]


def test_a_call_goes_from_offer_to_talk_to_wrap_up_to_the_next() -> None:
    life = available().take(a.Offered, call=CALL, limit_s=30)
    assert life.state == "reserved"
    assert life.take(a.Connected, call=CALL, wrap_up_s=20).state == "on_call"
    assert (life.take(a.TalkEnded, call=CALL).state, life.agent.call) == ("wrap_up", CALL)
    assert life.holds[-1] == "wrap_up"
    assert (life.later(19).state, life.later(1).state) == ("wrap_up", "available")
    assert (life.agent.call, life.holds[-1]) == (None, "")
    assert life.kinds[-4:] == ["offered", "connected", "wrap_up_began", "wrap_up_ended"]


def test_a_wrap_up_is_extended_and_ended_by_the_agent() -> None:
    life = talking(10).take(a.TalkEnded, call=CALL)
    life.take(a.WrapUpExtendAsked, seconds=30)
    assert (life.later(39).state, life.take(a.WrapUpEndAsked).state) == ("wrap_up", "available")
    assert life.take(a.WrapUpExtendAsked, seconds=30).refusals == ["The agent is not in wrap-up."]
    far = talking(10).take(a.TalkEnded, call=CALL).take(a.WrapUpExtendAsked, seconds=10**6)
    assert far.agent.busy_until == T0 + a.LONGEST_WRAP_UP


def test_a_pause_asked_for_in_a_call_is_pending_and_takes_effect_after_it_instead_of_a_wrap_up() -> None:
    life = talking(20).take(a.PauseAsked, reason="lunch", limit_s=60)
    assert (life.state, life.agent.pending, life.holds) == ("on_call", AgentState.PAUSED, ["lunch"])
    life.later(100).take(a.TalkEnded, call=CALL)
    assert (life.state, life.agent.reason, life.agent.pending) == ("paused", "lunch", None)
    assert life.agent.limit_at == life.now + timedelta(seconds=60)  # the limit counts from now
    unpaused = talking().take(a.PauseAsked).take(a.UnpauseAsked).take(a.TalkEnded, call=CALL)
    assert unpaused.state == "available"


@pytest.mark.parametrize("asked", [a.PauseAsked, a.UnpauseAsked, a.AvailableAsked, a.SignInAsked, a.SignOutAsked])
def test_nothing_that_is_asked_of_an_agent_in_a_talk_ends_it(asked: type[a.AgentEvent]) -> None:
    """All that the life of an agent can order is that queues hold calls off."""
    life = talking().take(asked).take(a.UnpauseAsked)
    assert (life.state, life.agent.call) == ("on_call", CALL)
    assert Step.__annotations__["commands"] == "tuple[a.Hold, ...]"


def test_a_sign_out_asked_for_in_a_call_takes_effect_after_it() -> None:
    life = talking().take(a.SignOutAsked)
    assert (life.state, life.agent.pending) == ("on_call", AgentState.LOGGED_OUT)
    assert life.take(a.TalkEnded, call=CALL).state == "logged_out"


def test_who_signed_out_by_hand_is_not_signed_in_by_a_flickering_phone() -> None:
    life = available().take(a.SignOutAsked).take(a.PhoneGone).later(5).take(a.PhoneBack)
    assert life.state == "logged_out"
    assert life.take(a.PhoneGone).later(31).take(a.PhoneBack).state == "available"


def test_a_missed_offer_pauses_if_it_is_to_and_a_withdrawn_one_does_not() -> None:
    missed = available().take(a.Offered, call=CALL, limit_s=30).take(a.OfferEnded, call=CALL, missed=True, pause=True)
    assert (missed.state, missed.agent.reason, missed.holds[-1]) == ("paused", "ring_no_answer", "ring_no_answer")
    for ended in ({"missed": True}, {"missed": False, "pause": True}):
        life = available().take(a.Offered, call=CALL, limit_s=30).take(a.OfferEnded, call=CALL, **ended)
        assert (life.state, life.agent.call) == ("available", None)


def test_a_pause_has_a_limit_that_is_shown_when_it_has_passed() -> None:
    life = available().take(a.PauseAsked, reason="lunch", limit_s=60).later(59)
    assert not life.agent.over_limit
    assert (life.later(1).agent.over_limit, life.state, life.kinds[-1]) == (True, "paused", "pause_over_limit")
    assert (life.take(a.UnpauseAsked).agent.over_limit, life.agent.limit_at) == (False, None)


def test_a_lost_phone_is_seen_at_once_and_of_consequence_after_its_grace_time() -> None:
    life = available(by_phone=False, grace_s=30).take(a.PhoneGone)
    assert (life.agent.reachable, life.state) == (False, "available")
    assert life.later(29).take(a.PhoneBack).later(100).state == "available"
    life.take(a.PhoneGone).later(30)
    assert (life.state, life.agent.reason) == ("paused", "phone_lost")
    assert life.take(a.PhoneBack).state == "available"
    assert available(by_phone=True).take(a.PhoneGone).later(30).state == "logged_out"


def test_a_phone_lost_in_a_talk_drops_nothing() -> None:
    for by_phone, afterwards in ((True, "logged_out"), (False, "paused")):
        life = talking(20, by_phone=by_phone).take(a.PhoneGone).later(300)
        assert life.state == "on_call"
        assert life.take(a.TalkEnded, call=CALL).state == afterwards
    assert talking().take(a.PhoneGone).later(10).take(a.PhoneBack).take(a.TalkEnded, call=CALL).state == "available"


def session(**more: object) -> Life:
    return Life(Agent(id=ME, tenant_id=TENANT, by_session=True, **more)).take(a.LineUp, leg="x")  # type: ignore[arg-type]


@pytest.mark.parametrize("by_phone", [True, False])
def test_a_session_signs_in_and_whoever_hangs_it_up_goes_home(by_phone: bool) -> None:
    assert session(by_phone=by_phone).state == "available"
    life = session(by_phone=by_phone).take(a.LineDown, leg="x", hung_up=True)
    assert (life.state, life.kinds[-2:]) == ("logged_out", ["session_ended", "signed_out"])
    assert life.take(a.LineUp, leg="y").state == "available"
    # In a call it is pending.
    talks = session().take(a.Connected, call=CALL).take(a.LineDown, leg="x", hung_up=True)
    assert (talks.state, talks.take(a.TalkEnded, call=CALL).state) == ("on_call", "logged_out")


def test_a_line_that_is_lost_is_waited_for_like_a_lost_phone() -> None:
    life = session(by_phone=False, grace_s=30).take(a.LineDown, leg="x")
    assert (life.agent.there, life.state, life.kinds[-1]) == (False, "available", "phone_lost")
    assert life.later(29).take(a.LineUp, leg="y").later(100).state == "available"
    life.take(a.LineDown, leg="y").later(30)
    assert (life.state, life.agent.reason) == ("paused", "phone_lost")
    assert life.take(a.LineUp, leg="z").state == "available"


def test_without_a_session_nobody_who_works_by_it_can_be_available() -> None:
    life = Life(Agent(id=ME, tenant_id=TENANT, by_session=True)).take(a.PhoneBack)
    assert life.take(a.SignInAsked).take(a.AvailableAsked).state == "logged_out"
    assert [refusal.startswith("The agent has no session") for refusal in life.refusals] == [True, True]
    # The registration alone is of no consequence, nor is the end of a line that is not theirs any more.
    gone = session().take(a.PhoneBack).take(a.PhoneGone).take(a.LineDown, leg="y").later(100)
    assert gone.state == "available"


def test_who_signs_out_with_the_line_up_is_offered_nothing_until_they_sign_in_again() -> None:
    life = session().take(a.SignOutAsked)
    assert (life.state, life.holds[-1]) == ("logged_out", "logged_out")
    assert life.take(a.AvailableAsked).state == "available"


def test_who_is_not_signed_in_cannot_pause() -> None:
    life = Life().take(a.PauseAsked).take(a.UnpauseAsked)
    assert (life.state, len(life.refusals), life.facts) == ("logged_out", 2, [])


def test_available_is_whatever_it_takes() -> None:
    assert Life().take(a.AvailableAsked).state == "available"
    assert available().take(a.PauseAsked).take(a.AvailableAsked).state == "available"
    assert talking(20).take(a.TalkEnded, call=CALL).take(a.AvailableAsked).state == "available"
    assert talking().take(a.PauseAsked).take(a.AvailableAsked).agent.pending is None


def test_what_speaks_of_another_call_changes_nothing() -> None:
    life = talking()
    before = life.agent
    for kind in (a.OfferEnded, a.TalkEnded):
        life.take(kind, call=OTHER)
    life.take(a.Offered, call=OTHER, limit_s=30)
    assert life.agent == before


def test_an_offer_of_which_nothing_more_is_heard_is_not_believed_in_for_ever() -> None:
    assert available().take(a.Offered, call=CALL, limit_s=30).later(30).state == "available"


def test_what_calls_really_make_of_an_agent_is_found_out_after_a_crash() -> None:
    assert talking(20).take(a.Recovered).state == "wrap_up"
    assert talking().take(a.Recovered, talking=CALL).state == "on_call"
    assert available().take(a.Recovered, talking=CALL).state == "on_call"
    assert available().take(a.Offered, call=CALL, limit_s=30).take(a.Recovered).state == "available"
    kept = available().take(a.Offered, call=CALL, limit_s=30).take(a.Recovered, offered=CALL)
    assert (kept.state, kept.agent.busy_until) == ("reserved", T0 + timedelta(seconds=30))


def test_the_last_change_of_an_event_holds_all_that_a_new_process_needs() -> None:
    life = talking(20).take(a.PauseAsked, reason="lunch", limit_s=60).take(a.TalkEnded, call=CALL)
    assert life.facts[-1].saved == life.agent
    assert [fact.seq for fact in life.facts] == list(range(1, len(life.facts) + 1))


ORDERS = 100_000
PASSING = tuple(timedelta(seconds=seconds) for seconds in (0, 0, 1, 3, 10))
LATE = tuple(timedelta(seconds=seconds) for seconds in (0, 0, 0, 7))


Maker = Callable[[Random, datetime, UUID], a.AgentEvent]

# fmt: off
MAKERS: tuple[tuple[int, Maker], ...] = (
    (2, lambda r, at, call: a.SignInAsked(at=at)),
    (1, lambda r, at, call: a.SignOutAsked(at=at)),
    (2, lambda r, at, call: a.PauseAsked(at=at, reason=r.choice(("", "lunch", "break")), limit_s=r.choice((0, 5)))),
    (1, lambda r, at, call: a.UnpauseAsked(at=at)),
    (1, lambda r, at, call: a.AvailableAsked(at=at)),
    (1, lambda r, at, call: a.WrapUpEndAsked(at=at)),
    (1, lambda r, at, call: a.WrapUpExtendAsked(at=at, seconds=r.choice((1, 60)))),
    (3, lambda r, at, call: a.Offered(at=at, call=call, limit_s=r.choice((1, 30)))),
    (2, lambda r, at, call: a.OfferEnded(at=at, call=call, missed=r.random() < 0.5, pause=r.random() < 0.5)),
    (3, lambda r, at, call: a.Connected(at=at, call=call, wrap_up_s=r.choice((0, 0, 5)))),
    (2, lambda r, at, call: a.TalkEnded(at=at, call=call)),
    (1, lambda r, at, call: a.PhoneGone(at=at)),
    (1, lambda r, at, call: a.PhoneBack(at=at)),
    (2, lambda r, at, call: a.LineUp(at=at, leg=r.choice("xy"))),
    (2, lambda r, at, call: a.LineDown(at=at, leg=r.choice("xy"), hung_up=r.random() < 0.5)),
    (2, lambda r, at, call: a.DeadlinePassed(at=at)),
    (1, lambda r, at, call: a.Recovered(at=at, talking=r.choice((None, call)), offered=r.choice((None, *CALLS)))),
)
# fmt: on
ONE_OF = [maker for weight, maker in MAKERS for _ in range(weight)]


OUTSIDE_CALLS = a.PhoneGone | a.LineUp | a.LineDown | a.DeadlinePassed | a.Asked
"""What neither begins nor ends a talk."""


def random_event(random: Random, at: datetime) -> a.AgentEvent:
    return random.choice(ONE_OF)(random, at, CALLS[random.random() < 0.3])


def lawful(before: Agent, made_of: a.AgentEvent, agent: Agent, facts: tuple[a.AgentFact, ...], holds: int) -> None:
    busy, due = agent.busy, agent.busy_until
    assert (agent.call is None) is (busy is Busy.FREE), "on a call without a call, or free with one"
    assert (due is not None) is (busy in (Busy.OFFERED, Busy.WRAPPING)), "waiting for time without a deadline"
    if agent.duty is Duty.ON and not agent.there:
        assert agent.gone_until is not None, "a lost phone that nobody waits for"
    if agent.there:
        assert agent.gone_until is None
    if agent.limit_s and agent.state is AgentState.PAUSED:
        assert agent.limit_at is not None or agent.over_limit, "a pause whose limit nobody watches"
    if agent.duty is not Duty.PAUSED:
        assert (agent.reason, agent.limit_at, agent.over_limit) == ("", None, False)
    assert [fact.seq for fact in facts] == list(range(before.seq + 1, agent.seq + 1)), "a gap"
    assert holds == (agent.held != before.held), "queues are told of every change and of nothing else"
    ready = agent.state in (AgentState.AVAILABLE, AgentState.RESERVED, AgentState.ON_CALL)
    comes = agent.by_phone or agent.by_session  # signed in by a phone or line, and not rung while that is away
    assert agent.held or ready or comes, "queues may ring somebody who is not at work"
    if agent.state is not before.state:
        assert facts, f"{type(made_of).__name__} changed the state and nothing was written down"
        assert facts[-1].state is agent.state
    if facts:
        assert facts[-1].saved == agent
    if busy is Busy.TALKING and isinstance(made_of, OUTSIDE_CALLS):
        assert before.busy is Busy.TALKING, "a talk that began of itself"
    if before.busy is Busy.TALKING and isinstance(made_of, OUTSIDE_CALLS):
        assert busy is Busy.TALKING, "a talk that something else than its end ended"


def test_an_agent_keeps_these_laws_in_100_000_random_orders_of_events() -> None:
    random = Random(6)
    kinds: set[Change] = set()
    for _ in range(ORDERS):
        by_phone, by_session = random.random() < 0.5, random.random() < 0.5
        agent = Agent(id=ME, tenant_id=TENANT, by_phone=by_phone, by_session=by_session, grace_s=5)
        now = T0
        last: a.AgentEvent | None = None
        for _ in range(random.randrange(2, 9)):
            now += random.choice(PASSING)
            # doubled, or from the past, or new
            again = last if last is not None and random.random() < 0.1 else None
            event = again or random_event(random, now - random.choice(LATE))
            made = step(agent, event, now)
            lawful(agent, event, made.agent, made.facts, len(made.commands))
            kinds.update(fact.kind for fact in made.facts)
            agent, last = made.agent, event
        always_a_way_back(agent, now)
    assert kinds == set(Change), "some change never came up"


def always_a_way_back(agent: Agent, now: datetime) -> None:
    """What Asterisk says is that there is no call; the phone is there; somebody wants to work."""
    back = a.PhoneBack(at=now), a.LineUp(at=now, leg="z")
    for event in (a.Recovered(at=now), *back, a.AvailableAsked(at=now)):
        agent = step(agent, event, now).agent
    assert (agent.state, agent.call, agent.due_at, agent.held) == (AgentState.AVAILABLE, None, None, "")
