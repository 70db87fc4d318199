"""What is done with a call in hand: who is where, who is invited, who has the call, and where its caller is handed on to.

Moves only; what they answer is in ``hand`` (events) and ``asking`` (requests).
"""

from __future__ import annotations

from collections.abc import Mapping
from datetime import datetime, timedelta

from m3voip.core import commands as do
from m3voip.core import facts as f
from m3voip.core import requests as rq
from m3voip.core import survey
from m3voip.core.call import ATTENDED, BLIND, Call, Flow, State, Step
from m3voip.core.causes import EndReason
from m3voip.core.ending import talk_over
from m3voip.core.ids import step_id
from m3voip.core.parties import Party, Place, Role, Target, TargetKind, bridge_of, music

ARRIVAL = timedelta(seconds=3)
"""A leg that was taken out of a queue is in our application within milliseconds, or never."""
RINGS_S = 25
"""How long the phone of one who is invited rings."""
HEAD = 1000
"""The priority of who comes back to a queue: above those that trees give (dialplans/to-queue.conf has the same)."""
QUEUE_WAIT_S = 300
"""How long a caller who was handed to a queue waits there before the tree goes on."""
PARKED_FOR = timedelta(minutes=3)
"""Then a parked caller goes back to the agent who parked them."""


def parties(call: Call, role: Role) -> list[Party]:
    """Those with this role, in the order in which they came."""
    return [party for party in call.parties.values() if party.role is role]


def agent(call: Call) -> Party | None:
    """Whose call it is; None while it is parked, or between two agents."""
    return next(iter(parties(call, Role.AGENT)), None)


def caller(call: Call) -> Party:
    """The caller."""
    return call.parties[call.leg]


def put(so_far: Step, at: datetime, why: str, places: Mapping[str, Place]) -> Step:
    """Change places; legs that are not here yet are put there when they come."""
    now_in = so_far.call.parties
    changed = {leg: place for leg, place in places.items() if now_in[leg].place is not place}
    if not changed:
        return so_far
    so_far = so_far.note(at, f.PartiesPlaced(places=changed, why=why))
    return so_far.do(*(place_of(so_far.call, leg) for leg in changed if so_far.call.parties[leg].here))


def together(so_far: Step, at: datetime, why: str) -> Step:
    """Everybody hears everybody."""
    return put(so_far, at, why, dict.fromkeys(so_far.call.parties, Place.MAIN))


def place_of(call: Call, leg: str) -> do.Place:
    """The order that puts a leg where its place is."""
    return do.Place(leg=leg, bridge=bridge_of(call.id, call.parties[leg].place))


def music_of(call: Call) -> frozenset[Place]:
    """Where in this call there is music."""
    if call.state is not State.IN_HAND or not caller(call).here or call.transfer is not None or call.ending is not None:
        return frozenset()
    return music(call.parties.values())


def with_music(so_far: Step, before: frozenset[Place]) -> Step:
    """Let music begin and end where that has changed: the last thing that is done in a step. A bridge that is dissolved
    takes its music with it."""
    call = so_far.call
    if call.state is not State.IN_HAND:
        return so_far
    now_on = music_of(call)
    return so_far.do(
        *(
            do.Music(leg=call.leg, bridge=bridge_of(call.id, place), on=place in now_on)
            for place in Place
            if (place in now_on) is not (place in before)
        )
    )


def ringback_of(leg: str) -> str:
    """The ringing that those ASIDE hear while this leg rings."""
    return f"{leg}-ringing"


def let_go(*legs: Party) -> tuple[do.Command, ...]:
    """Hang up these legs."""
    return tuple(do.Hangup(leg=party.leg) for party in legs)


def take(so_far: Step, at: datetime, now: datetime, *, alone: bool = False) -> Step:
    """Take caller and agent out of what joins them, unless that is done. ``alone``: the caller only; what joined them then
    lets go of the agent."""
    call = so_far.call
    if call.state is State.IN_HAND:
        return so_far
    other = "" if alone else call.agent_leg
    so_far = so_far.note(at, f.HandTaken(agent_leg=other)).do(do.TakeInHand(leg=call.leg, other=other))
    return so_far.wait(now + ARRIVAL)


def mute(so_far: Step, event: rq.MuteRequested) -> Step:
    """Silence one party for all others."""
    call = so_far.call
    leg = next((p.leg for p in call.parties.values() if event.extension and p.called == event.extension), call.leg)
    if call.parties[leg].muted == event.on:
        return so_far
    so_far = so_far.note(event.at, f.PartyMuted(leg=leg, on=event.on))
    return so_far.do(do.Mute(leg=leg, on=event.on)) if call.parties[leg].here else so_far


def step_aside(so_far: Step, at: datetime, why: str, place: Place) -> Step:
    """The agent leaves the caller, or comes back."""
    mine = agent(so_far.call)
    return so_far if mine is None else put(so_far, at, why, {mine.leg: place})


def invite(so_far: Step, extension: str, at: datetime, place: Place = Place.MAIN) -> Step:
    """Ring somebody's phone. Those ASIDE hear it ring if that is where they are wanted."""
    call = so_far.call
    leg = step_id(call.id, call.seq + 1, "party")
    ring = do.Invite(
        leg=leg, tenant_id=call.tenant_id, call_id=call.id, extension=extension, timeout_s=RINGS_S, caller=call.caller,
        caller_name=call.caller_name,
    )  # fmt: skip
    so_far = so_far.note(at, f.PartyInvited(leg=leg, extension=extension, place=place)).do(ring)
    if place is Place.MAIN:
        return so_far
    return so_far.do(do.Ringback(leg=call.leg, bridge=bridge_of(call.id, place), prompt=ringback_of(leg)))


def agent_left(so_far: Step, guests: list[Party], at: datetime, now: datetime) -> Step:
    """The agent hung up: the call is the first guest's, answered or still ringing; without one it is over, but for the
    survey that the queue wants."""
    if not guests:
        so_far = talk_over(so_far, at)
        if so_far.call.survey_after and caller(so_far.call).here:
            return dissolve(survey.enter(so_far, so_far.call.survey_after, at, now, by_queue=True))
        return so_far.hang_up(EndReason.AGENT_HUNG_UP)
    here = next((guest for guest in guests if guest.here), None)
    if here is not None:
        return heir(so_far, here, at)
    return talk_over(so_far, at)


def line_lost(so_far: Step, at: datetime, now: datetime, flow: Flow | None) -> Step:
    """The agent's line is lost, and nobody else is there: the caller goes back to the queue, as its next one."""
    queue = Target(kind=TargetKind.QUEUE, name=so_far.call.queue)
    so_far = talk_over(so_far, at).note(at, f.TransferOrdered(extension="", target=queue))
    return hand_on(so_far, at, now, flow) if caller(so_far.call).here else so_far


def hand_over(so_far: Step, at: datetime, now: datetime) -> Step:
    """The agent steps back for the guest."""
    call, mine = so_far.call, agent(so_far.call)
    if mine is None:
        return so_far
    so_far = so_far.do(do.Hangup(leg=mine.leg)).note(
        at, f.PartyLeft(leg=mine.leg, extension=mine.extension, answered=True)
    )
    return agent_left(so_far, parties(call, Role.GUEST), at, now)


def take_over(so_far: Step, event: rq.TakeOverRequested, now: datetime) -> Step:
    """A supervisor has the call, as soon as its caller stands before us. What joins caller and agent lets go of the agent when
    the caller is taken out of it."""
    so_far = take(so_far, event.at, now, alone=True)
    mine = agent(so_far.call)
    invited = f.PartyInvited(leg=event.leg, extension=event.extension, place=Place.MAIN)
    so_far = so_far.note(event.at, invited, f.PartyJoined(leg=event.leg))
    if mine is not None:
        left = f.PartyLeft(leg=mine.leg, extension=mine.extension, answered=mine.here)
        so_far = so_far.do(do.Hangup(leg=mine.leg)).note(event.at, left)
    so_far = so_far.do(place_of(so_far.call, event.leg))
    return heir(so_far, so_far.call.parties[event.leg], event.at) if caller(so_far.call).here else so_far


def heir(so_far: Step, guest: Party, at: datetime) -> Step:
    """This guest has the call from now on."""
    call = so_far.call
    fact = f.Transferred(
        way=ATTENDED, extension=call.agent, agent_leg=guest.leg,
        target=Target(kind=TargetKind.NUMBER if guest.number else TargetKind.EXTENSION, name=guest.called),
    )  # fmt: skip
    return together(talk_over(so_far, at).note(at, fact), at, "transfer")


def transfer(so_far: Step, event: rq.TransferRequested, now: datetime, flow: Flow | None) -> Step:
    """Hand the caller on: at once when they stand before us, else when they do."""
    ordered = f.TransferOrdered(extension=so_far.call.agent, target=event.target, by_phone=event.by_phone)
    so_far = take(so_far, event.at, now, alone=True).note(event.at, ordered)
    return hand_on(so_far, event.at, now, flow) if caller(so_far.call).here else so_far


def hand_on(so_far: Step, at: datetime, now: datetime, flow: Flow | None) -> Step:
    """The caller goes where the transfer leads; everybody else is let go."""
    call = so_far.call
    target = call.transfer
    if target is None:
        return so_far
    leave = [p for p in call.parties.values() if p.leg != call.leg]
    so_far = talk_over(so_far, at).do(*let_go(*leave)).wait(None)
    so_far = so_far.note(at, f.Transferred(way=BLIND, extension=call.transfer_by, target=target))
    if caller(call).muted:
        so_far = so_far.do(do.Mute(leg=call.leg, on=False))
    match target.kind:
        case TargetKind.QUEUE:
            queued = f.QueueEntered(
                queue=target.name, visit=call.visits + 1, record=call.recorded, timeout_s=QUEUE_WAIT_S,
                returned=not call.transfer_by,
            )  # fmt: skip
            so_far = send_on(so_far.note(at, queued))
        case TargetKind.EXTENSION:
            so_far = ring(so_far, at)
        case TargetKind.VOICEMAIL:
            so_far = send_on(so_far.note(at, f.VoicemailEntered(box=target.name)))
        case TargetKind.NUMBER:  # a number is dialled first (core.outside), and the caller left to whoever answers
            so_far = so_far.hang_up(EndReason.FAILED)
        case TargetKind.NODE:
            so_far = so_far.hang_up(EndReason.FAILED) if flow is None else flow.enter(so_far, target.name, at, now)
        case TargetKind.SURVEY:
            so_far = survey.enter(so_far, target.name, at, now, by_queue=False)
    return dissolve(so_far)


def ring(so_far: Step, at: datetime) -> Step:
    """Ring the one to whom the caller is handed on."""
    assert so_far.call.transfer is not None
    return send_on(so_far.note(at, f.DialStarted(extension=so_far.call.transfer.name, record=so_far.call.recorded)))


def send_on(so_far: Step) -> Step:
    """Order what the call's state says of its transfer; also when the order was lost."""
    call = so_far.call
    assert call.transfer is not None
    name = call.transfer.name
    match call.state:
        case State.QUEUED:
            return so_far.do(
                do.SendToQueue(
                    leg=call.leg, call_id=call.id, tenant_id=call.tenant_id, queue=name, timeout_s=QUEUE_WAIT_S,
                    record=call.recorded, priority=HEAD if call.returned else 0,
                )
            )  # fmt: skip
        case State.RINGING:
            return so_far.do(
                do.SendToAgent(
                    leg=call.leg, call_id=call.id, tenant_id=call.tenant_id, extension=name, timeout_s=RINGS_S,
                    record=call.recorded,
                )
            )  # fmt: skip
        case _:
            return so_far.do(do.SendToVoicemail(leg=call.leg, call_id=call.id, tenant_id=call.tenant_id, box=name))


def park(so_far: Step, event: rq.ParkRequested, now: datetime) -> Step:
    """Leave the caller with music; all others are let go."""
    call = so_far.call
    leave = [p for p in call.parties.values() if p.leg != call.leg]
    so_far = talk_over(so_far, event.at).do(*let_go(*leave))
    so_far = so_far.note(event.at, f.CallParked(slot=event.slot, extension=call.agent))
    return so_far.wait(now + PARKED_FOR)


def dissolve(so_far: Step) -> Step:
    """The call's bridges are needed no more."""
    call = so_far.call
    return so_far.do(*(do.Dissolve(leg=call.leg, bridge=bridge_of(call.id, place)) for place in Place))
