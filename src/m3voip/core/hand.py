"""A call in hand: caller and agent are joined by us, so they can be parted, joined with others and handed on.

Theory of operation. Queues and dials join caller and agent by themselves, and a talk needs nothing of us (ADR 0006). When
somebody asks for more than that can do, both legs are taken out of it, once, and stand in our application from then on
(ADR 0008). Each has a place (``core.parties``); a request changes places and nothing else, and a leg is put where its place
is whenever it arrives or the service is back. So a request is never pending, and repeating it changes nothing.

Who stays: a call is its caller's. When the caller goes, all go. When the agent goes, whoever they were consulting has the
call; with nobody left to talk to, the caller goes too.
"""

from __future__ import annotations

from datetime import datetime

from m3voip.core import commands as do
from m3voip.core import events as ev
from m3voip.core import facts as f
from m3voip.core import requests as rq
from m3voip.core.asking import asked, refusal
from m3voip.core.call import Call, Flow, Step
from m3voip.core.causes import UNKNOWN, EndReason
from m3voip.core.clearance import Clearance
from m3voip.core.dial_result import DialResult
from m3voip.core.ending import end, talk_over
from m3voip.core.handing import (
    ARRIVAL,
    PARKED_FOR,
    agent,
    agent_left,
    caller,
    dissolve,
    hand_on,
    heir,
    let_go,
    line_lost,
    music_of,
    parties,
    place_of,
    ringback_of,
    step_aside,
    together,
    transfer,
    with_music,
)
from m3voip.core.outside import reroute, wanted
from m3voip.core.parties import Place, Role, Target, TargetKind

TAKE = do.TakeInHand.__name__


def step(call: Call, event: ev.Event, now: datetime, flow: Flow | None) -> Step:
    """Answer one event of a call in hand."""
    anew = isinstance(event, ev.Recovered)  # then nobody knows where music plays
    return with_music(answer(call, event, now, flow), frozenset() if anew else music_of(call))


# fmt: off
def answer(call: Call, event: ev.Event, now: datetime, flow: Flow | None) -> Step:
    """What comes of one event, but for the music."""
    so_far = Step(call)
    match event:
        case rq.Request():                                return asked(so_far, event, now, flow)
        case ev.OfParty():                                return party(so_far, event, now, flow)
        case ev.LegArrived():                             return arrived(so_far, call.leg, event.at, now, flow)
        case ev.CallerHungUp():                           return over(so_far, event)
        case ev.LegLeft():                                return over(so_far, hung_up(event, call.ending_cause))
        case ev.HangupRequested():                        return so_far.hang_up(call.ending or EndReason.COMPLETED)
        case ev.CommandFailed() if event.gone:            return over(so_far, hung_up(event, UNKNOWN))
        case ev.CommandFailed() if event.command == TAKE: return not_taken(so_far, event)
        case ev.CommandFailed():                          return refused(so_far, event)
        case ev.Recovered():                              return resume(so_far, event, now, flow)
        case ev.TimeUp():                                 return time_up(so_far, event, now, flow)
        case _:                                           return so_far  # the echo of the queue or dial they were taken from
# fmt: on


def arrived(so_far: Step, leg: str, at: datetime, now: datetime, flow: Flow | None) -> Step:
    """A leg stands in our application: put it where its place is, and do what waited for it."""
    call = so_far.call
    party = call.parties.get(leg)
    if party is None or call.ending is not None:
        return so_far.do(do.Hangup(leg=leg))  # it came too late for whoever wanted it
    so_far = so_far.note(at, f.PartyJoined(leg=leg))
    if not call.parked:
        awaited = any(not p.here for p in so_far.call.parties.values() if p.role is not Role.GUEST)
        so_far = so_far.wait((call.due_at or now + ARRIVAL) if awaited else None)
    if leg == call.leg and call.transfer is not None:
        return hand_on(so_far, at, now, flow)
    if party.role is Role.GUEST:
        so_far = so_far.do(do.StopPlaying(leg=call.leg, prompt=ringback_of(leg)))
    so_far = so_far.do(place_of(so_far.call, leg))
    if party.muted:
        so_far = so_far.do(do.Mute(leg=leg, on=True))
    if party.role is not Role.GUEST:
        return inherited(so_far, at) if party.role is Role.CALLER else so_far
    if call.parked:
        picked_up = so_far.note(at, f.PickedUp(extension=party.extension, agent_leg=leg))
        so_far = picked_up.wait(None if caller(call).here else now + ARRIVAL)
        return together(so_far, at, "picked_up")
    if agent(call) is None:  # the one who called this guest has left meanwhile
        return heir(so_far, so_far.call.parties[leg], at)
    return so_far


def inherited(so_far: Step, at: datetime) -> Step:
    """The caller stands before us, and has no agent: whoever took the call over is here already."""
    here = next((guest for guest in parties(so_far.call, Role.GUEST) if guest.here), None)
    if here is None or agent(so_far.call) is not None or so_far.call.parked:
        return so_far
    return heir(so_far, here, at)


def party(so_far: Step, event: ev.OfParty, now: datetime, flow: Flow | None) -> Step:
    """Something happened to another leg than the caller's."""
    what = event.event
    match what:
        case ev.LegArrived():
            return arrived(so_far, event.leg, what.at, now, flow)
        case ev.DialFailed(clearance=Clearance()) if wanted(so_far.call, event.leg):
            return reroute(so_far, event.leg, what)
        case ev.DialFailed():
            return gone(so_far, event.leg, what.at, now, flow, result=what.result)
        case ev.CallerHungUp() | ev.LegLeft() | ev.CommandFailed(gone=True) | ev.CommandFailed(command="Invite"):
            return gone(so_far, event.leg, what.at, now, flow)
        case ev.CommandFailed():
            return refused(so_far, what)
        case ev.PhoneHeld() | ev.PhoneTransfers():
            return beside(so_far.call, event, now, flow)
        case _:
            return so_far


def beside(call: Call, event: ev.OfParty, now: datetime, flow: Flow | None) -> Step:
    """What the agent's phone does by itself, in hand or not."""
    so_far, what = Step(call), event.event
    if event.leg != call.agent_leg:
        return so_far
    match what:
        case ev.PhoneHeld():
            return so_far.note(what.at, f.HoldByPhone(extension=call.agent, on=what.on))
        case ev.PhoneTransfers():
            target = Target(kind=TargetKind.EXTENSION, name=what.to)
            request = rq.TransferRequested(at=what.at, target=target, by_phone=True)
            able = bool(what.to) and not refusal(call, request, flow)
            so_far = so_far.do(do.AnswerTransfer(leg=event.leg, done=able))
            return transfer(so_far, request, now, flow) if able else so_far
        case _:
            return so_far


def gone(
    so_far: Step, leg: str, at: datetime, now: datetime, flow: Flow | None, *, result: DialResult | None = None
) -> Step:
    """A leg other than the caller's is gone, or never came."""
    call = so_far.call
    party = call.parties.get(leg)
    if party is None:
        return so_far
    left = f.PartyLeft(
        leg=leg, extension=party.extension, answered=party.here, number=party.number, result=result.value if result else ""
    )  # fmt: skip
    so_far = so_far.note(at, left)
    if party.role is Role.GUEST:
        so_far = so_far.do(do.StopPlaying(leg=call.leg, prompt=ringback_of(leg)))
    if call.ending is not None or call.parked or call.transfer is not None:
        return so_far
    guests = parties(so_far.call, Role.GUEST)
    if party.role is Role.AGENT and call.returns and not guests:
        return line_lost(so_far, at, now, flow)
    if party.role is Role.AGENT:
        return agent_left(so_far, guests, at, now)
    if agent(so_far.call) is None and not guests:  # nobody is left of those the caller was handed to
        again = Target(kind=TargetKind.EXTENSION, name=call.agent)
        so_far = so_far.note(at, f.TransferOrdered(extension="", target=again))
        return hand_on(so_far, at, now, flow) if caller(so_far.call).here else so_far
    mine = agent(so_far.call)
    consulted = party.place is Place.ASIDE and all(guest.place is Place.MAIN for guest in guests)
    if mine is not None and mine.place is Place.ASIDE and consulted:
        return step_aside(so_far, at, "resume", Place.MAIN)
    return so_far


def time_up(so_far: Step, event: ev.TimeUp, now: datetime, flow: Flow | None) -> Step:
    """A parked caller has waited long enough, or a leg that was taken did not come."""
    call = so_far.call
    if call.ending is not None:  # the deadline rang while the call was being hung up
        return so_far
    if call.parked and caller(call).here:
        back = Target(kind=TargetKind.EXTENSION, name=call.agent)
        return hand_on(so_far.note(event.at, f.TransferOrdered(extension="", target=back)), event.at, now, flow)
    if not caller(call).here:
        return so_far.hang_up(EndReason.FAILED)
    missing = [p for p in parties(call, Role.AGENT) if not p.here]
    for lost in missing:
        so_far = gone(so_far.do(do.Hangup(leg=lost.leg)), lost.leg, event.at, now, flow)
    return so_far


def over(so_far: Step, event: ev.CallerHungUp) -> Step:
    """The caller is gone: so is everybody."""
    call = so_far.call
    rest = [p for p in call.parties.values() if p.leg != call.leg]
    so_far = so_far if call.parked else talk_over(so_far, event.at, by_caller=call.ending is None)
    so_far = dissolve(so_far.do(*let_go(*rest)))
    return end(so_far, event.at, call.ending or EndReason.CALLER_HUNG_UP, event.cause)


def hung_up(event: ev.Event, cause: int) -> ev.CallerHungUp:
    """What ends a leg, said by another event."""
    return ev.CallerHungUp(at=event.at, cause=cause)


def not_taken(so_far: Step, event: ev.CommandFailed) -> Step:
    """Whoever joins them has them still, unless one has come to us already: then the other will."""
    if any(party.here for party in so_far.call.parties.values() if party.role is not Role.GUEST):
        return refused(so_far, event)
    so_far = so_far.do(*let_go(*parties(so_far.call, Role.GUEST)))
    return so_far.note(event.at, f.HandRefused(why=event.why)).wait(None)


def refused(so_far: Step, event: ev.CommandFailed) -> Step:
    """Somebody does not hear what they should; whoever asked sees it in the events and asks again."""
    return so_far.note(event.at, f.CommandRefused(command=event.command, why=event.why))


def resume(so_far: Step, event: ev.Recovered, now: datetime, flow: Flow | None) -> Step:
    """The service is back: every leg is put where its place is, once more."""
    call = so_far.call
    so_far = so_far.note(event.at, f.CallResumed(state=call.state.value))
    if call.ending is not None:
        return so_far.hang_up(call.ending)
    mine = caller(call)
    if len(call.parties) == 1 and not call.parked and call.transfer is None:
        return so_far.hang_up(
            EndReason.AGENT_HUNG_UP
        )  # the others had left, and the order to let the caller go was lost
    so_far = so_far.wait(now + (PARKED_FOR if call.parked else ARRIVAL))
    if not event.in_application:  # nothing came of our taking the call in hand
        other = next((p.leg for p in parties(call, Role.AGENT)), "")
        return so_far.do(do.TakeInHand(leg=call.leg, other=other)).wait(now + ARRIVAL)
    if not mine.here:
        return arrived(so_far, call.leg, event.at, now, flow)
    if call.transfer is not None:
        return hand_on(so_far, event.at, now, flow)
    return so_far.do(*(place_of(call, p.leg) for p in call.parties.values() if p.here))
