"""Numbers outside in a call in hand: dialled, dialled again through the next trunk, given the caller.

Law: what dials is the clearance that comes with a request or with the word that a trunk failed; a call keeps none. So a call
that is found again after a crash dials nothing: it looks for the leg that it meant, and where there is none, it never was.
"""

from __future__ import annotations

from datetime import datetime

from m3voip.core import commands as do
from m3voip.core import events as ev
from m3voip.core import facts as f
from m3voip.core import requests as rq
from m3voip.core.call import Call, State, Step
from m3voip.core.ending import talk_over
from m3voip.core.handing import hand_over, ringback_of, take
from m3voip.core.ids import step_id
from m3voip.core.parties import Place, Role, bridge_of

RINGS_S = 45
"""How long a phone outside rings: six seconds a ring, and a mailbox answers after four to six."""


def dial_out(so_far: Step, event: rq.DialRequested, place: Place = Place.MAIN) -> Step:
    """Dial a number. Those ASIDE hear it ring if that is where it is wanted."""
    clearance = event.clearance
    if clearance is None:
        return so_far
    leg = step_id(so_far.call.id, so_far.call.seq + 1, "outside")
    invited = f.PartyInvited(
        leg=leg, extension="", place=place, number=clearance.number, attempt=clearance.attempt_id, trunk=event.trunk
    )
    so_far = so_far.note(event.at, invited)
    return _dial(so_far, leg, do.DialOut(
        leg=leg, clearance=clearance, call_id=so_far.call.id, trunk=event.trunk, timeout_s=RINGS_S
    ))  # fmt: skip


def transfer_out(so_far: Step, event: rq.DialRequested, now: datetime) -> Step:
    """The agent goes, and the caller hears music until the number answers. If it does not, they are back with the agent."""
    talking = so_far.call.state is State.TALKING
    so_far = take(so_far, event.at, now, alone=True)
    if talking:
        so_far = talk_over(so_far, event.at)
    so_far = dial_out(so_far, event)
    return so_far if talking else hand_over(so_far, event.at)


def wanted(call: Call, leg: str) -> bool:
    """Whether anybody still waits for the number that this leg was to reach."""
    party = call.parties.get(leg)
    return party is not None and not party.here and party.role is Role.GUEST and call.ending is None


def reroute(so_far: Step, leg: str, failed: ev.DialFailed) -> Step:
    """A trunk did not get through: dial through the next one, by the same clearance."""
    call, clearance = so_far.call, failed.clearance
    if clearance is None or clearance.attempt_id != call.parties[leg].attempt:
        return so_far
    new_leg = step_id(call.id, call.seq + 1, "outside")
    so_far = so_far.do(do.StopPlaying(leg=call.leg, prompt=ringback_of(leg)))
    rerouted = f.PartyRerouted(leg=leg, new_leg=new_leg, trunk=failed.trunk, why=failed.why)
    return _dial(so_far.note(failed.at, rerouted), new_leg, do.DialOut(
        leg=new_leg, clearance=clearance, call_id=call.id, trunk=failed.trunk, timeout_s=RINGS_S
    ))  # fmt: skip


def _dial(so_far: Step, leg: str, order: do.DialOut) -> Step:
    call = so_far.call
    so_far = so_far.do(order)
    place = call.parties[leg].place
    if place is Place.MAIN:
        return so_far
    return so_far.do(do.Ringback(leg=call.leg, bridge=bridge_of(call.id, place), prompt=ringback_of(leg)))
