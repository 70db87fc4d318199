"""What somebody may ask of a call in which people talk, and what comes of it."""

from __future__ import annotations

from datetime import datetime

from m3voip.core import commands as do
from m3voip.core import facts as f
from m3voip.core import requests as rq
from m3voip.core.call import Call, Flow, State, Step
from m3voip.core.handing import (
    agent,
    hand_over,
    invite,
    let_go,
    music_of,
    mute,
    park,
    parties,
    step_aside,
    take,
    take_over,
    together,
    transfer,
    with_music,
)
from m3voip.core.outside import dial_out, transfer_out
from m3voip.core.parties import Place, Role, Target, TargetKind

_PICK_UPS = (rq.PickUpRequested, rq.PickUpDialled)


def refusal(call: Call, request: rq.Request, flow: Flow | None) -> str:  # one case a request
    """Why a request cannot be done now, in a sentence for whoever asked; "" when it can."""
    if call.state not in (State.TALKING, State.IN_HAND) or call.ending is not None or call.hung_up is not None:
        return "nobody talks in this call"
    if call.floor:
        return "this call is served without the service and cannot be changed until it ends"
    if call.parked and not isinstance(request, _PICK_UPS):
        return f"the call is parked in slot {call.parked}: pick it up first"
    if call.state is State.TALKING and not call.agent_leg:
        return "the agent's phone is not known: the call was answered while the service was away"
    if call.state is State.TALKING and call.talk_over:
        return "the talk is over"
    if call.transfer is not None and call.state is State.IN_HAND:
        return "the caller is being handed on"
    guests = parties(call, Role.GUEST)
    match request:
        case rq.PickUpRequested() | rq.PickUpDialled() if not call.parked:
            return "the call is not parked"
        case rq.PickUpRequested() | rq.PickUpDialled() if guests:
            return f"{guests[0].called} is picking the call up already"
        case rq.MuteRequested() if request.extension and not _named(call, request.extension):
            return f"{request.extension} is not in this call"
        case rq.DropRequested() if request.extension not in [guest.called for guest in guests]:
            return f"{request.extension} is not a guest in this call"
        case rq.ConsultRequested() | rq.DialRequested(how=rq.How.CONSULT) if guests:
            return f"{guests[0].called} is in the call already: hand over, cancel, or add another"
        case rq.DialRequested(how=rq.How.TRANSFER) if guests:
            return f"{guests[0].called} is in the call already: let them go first, or leave the caller to them"
        case rq.DialRequested() if agent(call) is None and call.state is State.IN_HAND:
            return "no agent has the call at this moment"
        case rq.DialRequested() if _named(call, request.number):
            return f"{request.number} is in this call already"
        case rq.ParkRequested() if not call.agent:
            return "the call has no agent to whom it could come back"
        case rq.ConsultRequested() | rq.AddRequested() | rq.TakeOverRequested() if _named(call, request.extension):
            return f"{request.extension} is in this call already"
        case rq.TakeOverRequested() if request.leg in call.parties:
            return "this supervision has taken the call already"
        case rq.SwapRequested() | rq.ConferenceRequested() | rq.ConsultCancelled() if not guests:
            return "nobody is consulted"
        case rq.SwapRequested() if not any(guest.here for guest in guests):
            return f"{guests[0].called} has not answered yet"
        case rq.HandOverRequested() if not guests:
            return "nobody is consulted who could take the call"
        case rq.TransferRequested(target=Target(kind=TargetKind.NUMBER)):
            return "a number outside takes a clearance"
        case rq.TransferRequested(target=Target(kind=TargetKind.EXTENSION, name=name)) if _named(call, name):
            return f"{name} is in this call already"
        case rq.TransferRequested(target=Target(kind=TargetKind.NODE, name=name)) if flow is None or not flow.has(
            call, name
        ):
            return f"the call's tree has no node '{name}'"
        case _:
            return ""


def _named(call: Call, extension: str) -> bool:
    return extension == call.agent or any(p.called == extension for p in call.parties.values())


def asked(so_far: Step, event: rq.Request, now: datetime, flow: Flow | None) -> Step:
    """Do what is asked, if it can be done; who asked has been told why not by ``refusal``."""
    if refusal(so_far.call, event, flow):
        return so_far
    if isinstance(event, rq.DialRequested) and event.clearance is None:
        return so_far  # whether it could be done was the question
    return with_music(_asked(so_far, event, now, flow), music_of(so_far.call))


def _asked(so_far: Step, event: rq.Request, now: datetime, flow: Flow | None) -> Step:
    match event:
        case rq.DigitsRequested():
            sent = so_far.note(event.at, f.DigitsSent(count=len(event.digits)))
            return sent.do(do.SendDigits(leg=so_far.call.leg, digits=event.digits))
        case rq.TransferRequested():
            return transfer(so_far, event, now, flow)
        case rq.TakeOverRequested():
            return take_over(so_far, event, now)
        case rq.DialRequested(how=rq.How.TRANSFER):
            return transfer_out(so_far, event, now)
        case _:
            alone = isinstance(event, rq.ParkRequested)  # the agent is not wanted any more
            return _in_hand(take(so_far, event.at, now, alone=alone), event, now)


def _in_hand(so_far: Step, event: rq.Request, now: datetime) -> Step:  # one case a request
    call, at = so_far.call, event.at
    match event:
        case rq.HoldRequested():
            return step_aside(so_far, at, "hold", Place.ASIDE)
        case rq.ResumeRequested():
            return step_aside(so_far, at, "resume", Place.MAIN)
        case rq.MuteRequested():
            return mute(so_far, event)
        case rq.ConsultRequested():
            return invite(step_aside(so_far, at, "consult", Place.ASIDE), event.extension, at, Place.ASIDE)
        case rq.AddRequested() | rq.PickUpRequested():
            return invite(so_far, event.extension, at)
        case rq.DialRequested(how=rq.How.CONSULT):
            return dial_out(step_aside(so_far, at, "consult", Place.ASIDE), event, Place.ASIDE)
        case rq.DialRequested():
            return dial_out(so_far, event)
        case rq.PickUpDialled():
            so_far = so_far.note(at, f.PartyInvited(leg=event.leg, extension=event.extension))
            return so_far.do(do.WatchLeg(leg=event.leg))
        case rq.SwapRequested():
            mine = agent(call)
            there = Place.MAIN if mine is not None and mine.place is Place.ASIDE else Place.ASIDE
            return step_aside(so_far, at, "swap", there)
        case rq.ConferenceRequested():
            return together(so_far, at, "conference")
        case rq.HandOverRequested():
            return hand_over(so_far, at)
        case rq.ConsultCancelled():
            return step_aside(so_far.do(*let_go(*parties(call, Role.GUEST))), at, "resume", Place.MAIN)
        case rq.DropRequested():
            return so_far.do(*let_go(*(p for p in parties(call, Role.GUEST) if p.called == event.extension)))
        case rq.ParkRequested():
            return park(so_far, event, now)
        case _:
            raise TypeError(f"unknown request {type(event).__name__}")
