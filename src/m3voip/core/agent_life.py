"""The life of an agent. Everything that changes an agent's state lives in this file.

Theory of operation: ``step(agent, event, now)`` answers one event with the agent after it, the changes to write down, and a
command where queues must begin or cease to offer calls. Events may be late, doubled or lost: one that speaks of another call
changes nothing, waiting for time always has a deadline, and ``Recovered`` says what is true.
"""

from __future__ import annotations

from datetime import datetime, timedelta

from msgspec import Struct
from msgspec.structs import replace

from m3voip.core import agent_state as a
from m3voip.core.agent_state import Agent, Busy, Change, Duty


class Step(Struct, frozen=True):
    """What one event led to. ``refusal`` says why what was asked for cannot be, in words for the one who asked."""

    agent: Agent
    facts: tuple[a.AgentFact, ...] = ()
    commands: tuple[a.Hold, ...] = ()
    refusal: str = ""


class Draft(Struct, frozen=True):
    """An agent while an event is being answered, and what has been noted so far."""

    agent: Agent
    event: a.AgentEvent
    facts: tuple[a.AgentFact, ...] = ()
    refusal: str = ""

    def become(self, **changes: object) -> Draft:
        """Change the agent."""
        return replace(self, agent=replace(self.agent, **changes))

    def note(self, kind: Change, via: a.Via, *, until: datetime | None = None) -> Draft:
        """Write a change down as it stands now."""
        agent, event = replace(self.agent, seq=self.agent.seq + 1), self.event
        fact = a.AgentFact(
            agent_id=agent.id,
            tenant_id=agent.tenant_id,
            seq=agent.seq,
            at=event.at,
            kind=kind,
            state=agent.state,
            via=_said(event, via),
            by=event.by if isinstance(event, a.Asked) else None,
            reason=agent.reason,
            call_id=agent.call,
            until=until,
        )
        return replace(self, agent=agent, facts=(*self.facts, fact))

    def refuse(self, why: str) -> Draft:
        """What was asked for cannot be."""
        return replace(self, refusal=why)


def step(agent: Agent, event: a.AgentEvent, now: datetime) -> Step:
    """Answer one event."""
    draft = _answer(Draft(agent, event), event, now)
    after = _limited(draft.agent, event.at)
    if after is agent:
        return Step(agent, refusal=draft.refusal)
    if after.state is not agent.state:
        after = replace(after, since=event.at)
    facts = draft.facts and (*draft.facts[:-1], replace(draft.facts[-1], saved=after))
    commands = () if after.held == agent.held else (a.Hold(after.held),)
    return Step(after, facts, commands, draft.refusal)


# fmt: off
def _answer(d: Draft, event: a.AgentEvent, now: datetime) -> Draft:
    """The whole life of an agent on one screen."""
    match event:
        case a.SignInAsked():       return sign_in(d)
        case a.SignOutAsked():      return sign_out(d, by_hand=True)
        case a.PauseAsked():        return pause(d, event)
        case a.UnpauseAsked():      return unpause(d)
        case a.AvailableAsked():    return available(d)
        case a.WrapUpEndAsked():    return wrap_up_over(d)
        case a.WrapUpExtendAsked(): return extend(d, event, now)
        case a.Offered():           return offered(d, event)
        case a.OfferEnded():        return offer_ended(d, event)
        case a.Connected():         return connected(d, event)
        case a.TalkEnded():         return talk_ended(d, event)
        case a.PhoneGone():         return phone_gone(d)
        case a.PhoneBack():         return phone_back(d)
        case a.LineUp():            return line_up(d, event)
        case a.LineDown():          return line_down(d, event)
        case a.DeadlinePassed():    return overdue(d, now)
        case a.Recovered():         return recovered(d, event)
        case _:                     raise TypeError(f"no event of an agent: {type(event).__name__}")
# fmt: on


NO_SESSION = "The agent has no session; start one first (dial *56, or POST …/session), which signs in."


def available(d: Draft) -> Draft:
    """Whatever keeps calls away does so no longer. A line that is not up only the agent's phone can change."""
    if d.agent.by_session and not d.agent.line:
        return d.refuse(NO_SESSION)
    return wrap_up_over(unpause(sign_in(d)))


def sign_in(d: Draft, via: a.Via = a.Via.SERVICE) -> Draft:
    """Begin to work. Who works already goes on."""
    if d.agent.duty is not Duty.OFF:
        return d
    if d.agent.by_session and not d.agent.line:
        return d.refuse(NO_SESSION)
    return _watched(d.become(duty=Duty.ON, by_hand=False)).note(Change.SIGNED_IN, via)


def sign_out(d: Draft, via: a.Via = a.Via.SERVICE, *, by_hand: bool) -> Draft:
    """Stop working; a call is finished first."""
    if d.agent.duty is Duty.OFF:
        return d.become(by_hand=d.agent.by_hand or by_hand)
    d = wrap_up_over(d)
    return d.become(duty=Duty.OFF, reason="", limit_s=0, by_hand=by_hand).note(Change.SIGNED_OUT, via)


def pause(d: Draft, event: a.PauseAsked) -> Draft:
    """No calls for now; one that is there is finished first, a wrap-up is over with it."""
    if d.agent.duty is Duty.OFF:
        return d.refuse("The agent is not signed in; sign in first.")
    if d.agent.duty is Duty.PAUSED and d.agent.reason == event.reason:
        return d
    return _paused(wrap_up_over(d), event.reason, event.limit_s, a.Via.SERVICE)


def unpause(d: Draft, via: a.Via = a.Via.SERVICE) -> Draft:
    """Calls again."""
    if d.agent.duty is Duty.OFF:
        return d.refuse("The agent is not signed in; sign in first.")
    if d.agent.duty is Duty.ON:
        return d
    return _watched(d.become(duty=Duty.ON, reason="", limit_s=0)).note(Change.UNPAUSED, via)


def wrap_up_over(d: Draft, via: a.Via = a.Via.SERVICE) -> Draft:
    """The wrap-up ends, if there is one."""
    return _free(d, Change.WRAP_UP_ENDED, via) if d.agent.busy is Busy.WRAPPING else d


def extend(d: Draft, event: a.WrapUpExtendAsked, now: datetime) -> Draft:
    """The wrap-up takes longer, within reason."""
    until = d.agent.busy_until
    if d.agent.busy is not Busy.WRAPPING or until is None:
        return d.refuse("The agent is not in wrap-up.")
    longer = max(until, min(until + timedelta(seconds=event.seconds), now + a.LONGEST_WRAP_UP))
    return d.become(busy_until=longer).note(Change.WRAP_UP_EXTENDED, a.Via.SERVICE, until=longer)


def offered(d: Draft, event: a.Offered) -> Draft:
    """It rings. A talk is not left for a ring; a wrap-up is, because the phone rings all the same."""
    if d.agent.busy is Busy.TALKING or (d.agent.busy is Busy.OFFERED and d.agent.call == event.call):
        return d
    until = event.at + timedelta(seconds=event.limit_s)
    rings = wrap_up_over(d, a.Via.CALL).become(busy=Busy.OFFERED, call=event.call, busy_until=until)
    return rings.note(Change.OFFERED, a.Via.CALL)


def offer_ended(d: Draft, event: a.OfferEnded) -> Draft:
    """It rings no more. Who misses a call is probably not there, and the next caller should not find that out."""
    if d.agent.busy is not Busy.OFFERED or d.agent.call != event.call:
        return d
    kind = Change.OFFER_MISSED if event.missed else Change.OFFER_WITHDRAWN
    d = _free(d, kind, a.Via.CALL)
    if event.missed and event.pause and d.agent.duty is Duty.ON:
        return _paused(d, a.RING_NO_ANSWER, 0, a.Via.CALL)
    return d


def connected(d: Draft, event: a.Connected) -> Draft:
    """Agent and caller talk. Who talks in this call already may have become the one who has the work after it."""
    if d.agent.busy is Busy.TALKING and d.agent.call == event.call:
        return d.become(wrap_up_s=max(d.agent.wrap_up_s, event.wrap_up_s))
    talking = {"busy": Busy.TALKING, "call": event.call, "busy_until": None, "wrap_up_s": event.wrap_up_s}
    return wrap_up_over(d, a.Via.CALL).become(**talking).note(Change.CONNECTED, a.Via.CALL)


def talk_ended(d: Draft, event: a.TalkEnded) -> Draft:
    """They talk no more: the queue's wrap-up follows, unless a pause or the end of work was asked for meanwhile."""
    if d.agent.busy is not Busy.TALKING or d.agent.call != event.call:
        return d
    if d.agent.wrap_up_s == 0 or d.agent.duty is not Duty.ON:
        return _free(d, Change.TALK_ENDED, a.Via.CALL)
    until = event.at + timedelta(seconds=d.agent.wrap_up_s)
    return d.become(busy=Busy.WRAPPING, busy_until=until).note(Change.WRAP_UP_BEGAN, a.Via.CALL, until=until)


def phone_gone(d: Draft) -> Draft:
    """The phone is lost: seen at once, and of consequence only when it stays so."""
    if not d.agent.reachable:
        return d
    d = d.become(reachable=False)
    return d if d.agent.by_session else _watched(d).note(Change.PHONE_LOST, a.Via.PHONE)


def phone_back(d: Draft) -> Draft:
    """The phone is there. It signs its agent in, if that is how they sign in; and a pause that it was the cause of ends."""
    if d.agent.reachable:
        return d
    if d.agent.by_session:
        return d.become(reachable=True)
    d = d.become(reachable=True, gone_until=None).note(Change.PHONE_BACK, a.Via.PHONE)
    if d.agent.duty is Duty.OFF and d.agent.by_phone and not d.agent.by_hand:
        return sign_in(d, a.Via.PHONE)
    if d.agent.duty is Duty.PAUSED and d.agent.reason == a.PHONE_LOST:
        return unpause(d, a.Via.PHONE)
    return d


def line_up(d: Draft, event: a.LineUp) -> Draft:
    """A session begins, which is how its agent signs in; and a pause that the lost line was the cause of ends."""
    if d.agent.line == event.leg:
        return d
    d = d.become(line=event.leg)
    if not d.agent.by_session:
        return d
    d = d.become(gone_until=None).note(Change.SESSION_STARTED, a.Via.PHONE)
    if d.agent.duty is Duty.OFF:
        return sign_in(d, a.Via.PHONE)
    if d.agent.duty is Duty.PAUSED and d.agent.reason == a.PHONE_LOST:
        return unpause(d, a.Via.PHONE)
    return d


def line_down(d: Draft, event: a.LineDown) -> Draft:
    """Whoever hangs up their line goes home; a line that is lost is waited for, like a lost phone."""
    if not event.leg or d.agent.line != event.leg:
        return d
    d = d.become(line="")
    if not d.agent.by_session:
        return d
    if not event.hung_up:
        return _watched(d).note(Change.PHONE_LOST, a.Via.PHONE)
    return sign_out(d.note(Change.SESSION_ENDED, a.Via.PHONE), a.Via.PHONE, by_hand=False)


def overdue(d: Draft, now: datetime) -> Draft:
    """Everything whose time has come; an early alarm changes nothing."""
    if _past(d.agent.busy_until, now):
        over = Change.WRAP_UP_ENDED if d.agent.busy is Busy.WRAPPING else Change.OFFER_WITHDRAWN
        d = _free(d, over, a.Via.TIME)
    if _past(d.agent.gone_until, now):
        d = _stayed_away(d.become(gone_until=None))
    if _past(d.agent.limit_at, now):
        d = d.become(limit_at=None, over_limit=True).note(Change.PAUSE_OVER_LIMIT, a.Via.TIME)
    return d


def recovered(d: Draft, event: a.Recovered) -> Draft:
    """What calls really make of the agent."""
    agent, at = d.agent, event.at
    if event.talking is not None:
        return connected(d, a.Connected(at=at, call=event.talking, wrap_up_s=event.wrap_up_s))
    if agent.busy is Busy.TALKING and agent.call is not None:
        d = talk_ended(d, a.TalkEnded(at=at, call=agent.call))
    if agent.busy is Busy.OFFERED and agent.call is not None and agent.call != event.offered:
        d = offer_ended(d, a.OfferEnded(at=at, call=agent.call))
    if event.offered is not None:
        d = offered(d, a.Offered(at=at, call=event.offered, limit_s=a.OFFER_MARGIN_S))
    return d


def _free(d: Draft, kind: Change, via: a.Via) -> Draft:
    """No call has the agent any more; the change still names the one that had."""
    return d.become(busy=Busy.FREE, busy_until=None, wrap_up_s=0).note(kind, via).become(call=None)


def _paused(d: Draft, reason: str, limit_s: int, via: a.Via) -> Draft:
    return d.become(duty=Duty.PAUSED, reason=reason, limit_s=limit_s, limit_at=None, over_limit=False).note(
        Change.PAUSED, via
    )


def _stayed_away(d: Draft) -> Draft:
    """The grace time is over. Calls go on as long as they may; only offers do not come any more."""
    d = d.become(by_hand=False)
    if d.agent.by_phone:
        return sign_out(d, a.Via.PHONE, by_hand=False)
    return _paused(d, a.PHONE_LOST, 0, a.Via.PHONE) if d.agent.duty is Duty.ON else d


def _watched(d: Draft) -> Draft:
    """A phone that is not there is waited for."""
    agent = d.agent
    if agent.there or agent.gone_until is not None:
        return d
    return d.become(gone_until=d.event.at + timedelta(seconds=agent.grace_s))


def _limited(agent: Agent, at: datetime) -> Agent:
    """A pause's time counts from when it takes effect."""
    if agent.duty is not Duty.PAUSED:
        watched = agent.limit_at is not None or agent.over_limit
        return replace(agent, limit_at=None, over_limit=False) if watched else agent
    waits = agent.limit_s and agent.busy is Busy.FREE and agent.limit_at is None and not agent.over_limit
    return replace(agent, limit_at=at + timedelta(seconds=agent.limit_s)) if waits else agent


def _said(event: a.AgentEvent, via: a.Via) -> a.Via:
    """People's own way goes before what a change usually comes by; what was found out by comparing came by no event."""
    if isinstance(event, a.Asked):
        return event.via
    return a.Via.SERVICE if isinstance(event, a.Recovered) else via


def _past(at: datetime | None, now: datetime) -> bool:
    return at is not None and at <= now
