"""A call: one caller's whole journey. What it is, and how facts make it; how events make facts is in ``life``.

The state is the fold of the facts: ``evolve`` applies one. So the stored rows are the snapshot from which recovery rebuilds
every call. Only the fields listed in ``VOLATILE`` are not facts (deadlines, what plays right now); after a crash
``Recovered`` sets them anew.
"""

from __future__ import annotations

from datetime import datetime
from enum import StrEnum
from typing import Protocol
from uuid import UUID

from msgspec import Struct
from msgspec.structs import replace

from m3voip.core import commands as do
from m3voip.core import events as ev
from m3voip.core import facts as f
from m3voip.core.causes import NORMAL_CLEARING, EndReason
from m3voip.core.parties import Party, Role, Target, TargetKind


class State(StrEnum):
    """Where the caller is."""

    NEW = "new"  # not heard of yet
    IVR = "ivr"  # in the hands of a tree
    QUEUED = "queued"  # waiting in a queue
    RINGING = "ringing"  # one agent's phone rings for a dial node
    TALKING = "talking"  # with an agent
    IN_HAND = "in_hand"  # with an agent, or parked, and joined by us: hold, consult, conference (core.hand)
    VOICEMAIL = "voicemail"  # leaving a message
    CONFERENCE = "conference"  # in a conference, or being asked for its PIN
    FLOOR = "floor"  # served by plain Asterisk because the service was away; observed, not commanded
    ENDED = "ended"


class Cursor(Struct, frozen=True, kw_only=True):
    """Where in its tree a call is."""

    node: str = ""
    attempt: int = 1
    prompt: str = ""
    playing: bool = False
    digits: str = ""
    request: str = ""


class Call(Struct, frozen=True, kw_only=True):
    """One call. ``seq`` is that of its last fact."""

    id: UUID
    tenant_id: UUID
    state: State = State.NEW
    seq: int = 0
    leg: str = ""
    did: str = ""
    caller: str = ""
    caller_name: str = ""
    direction: str = "inbound"
    tree: str = ""
    tree_version: int = 0
    cursor: Cursor = Cursor()
    variables: dict[str, str] = {}
    rule: str | None = None  # of the route that led the call on; "" for what it does otherwise
    queue: str = ""
    visits: int = 0
    queued_at: datetime | None = None
    dialed_at: datetime | None = None
    joined: bool = False
    floor: bool = False
    missed_offers: int = 0
    recorded: bool = False
    agent: str = ""
    agent_leg: str = ""
    returns: bool = False  # to the queue, should the agent's line be lost
    returned: bool = False  # to the head of the queue where the caller waits, for that reason
    parties: dict[str, Party] = {}
    transfer: Target | None = None
    transfer_by: str = ""
    parked: int = 0
    connected_at: datetime | None = None
    talk_s: float = 0.0
    talk_over: bool = False
    agent_hung_up: bool = False
    abandoned: bool = False
    conference: str = ""
    met_at: datetime | None = None
    survey: str = ""  # the tree by which the caller is, or was, asked about the talk
    to_survey: str = ""  # the same until the call follows it
    survey_after: str = ""  # where the caller goes if the agent hangs up first
    remarks: frozenset[UUID] = frozenset()
    started_at: datetime | None = None
    ended_at: datetime | None = None
    # volatile
    due_at: datetime | None = None
    ending: EndReason | None = None
    ending_cause: int = NORMAL_CLEARING
    hung_up: ev.CallerHungUp | None = None
    gave_up: bool = False


VOLATILE = ("due_at", "ending", "ending_cause", "hung_up", "gave_up")
"""Fields of Call that are not folded from facts; of the cursor: playing, digits, request."""


class Step(Struct, frozen=True):
    """What one event led to."""

    call: Call
    commands: tuple[do.Command, ...] = ()
    facts: tuple[f.Recorded, ...] = ()

    def note(self, at: datetime, *facts: f.AnyFact) -> Step:
        """Write facts down and evolve the call by them."""
        call, recorded = self.call, self.facts
        for fact in facts:
            row = f.Recorded(call.id, call.tenant_id, call.seq + 1, at, fact)
            recorded += (row,)
            call = evolve(call, row)
        return Step(call, self.commands, recorded)

    def do(self, *commands: do.Command) -> Step:
        """Order commands, in this order."""
        return Step(self.call, self.commands + commands, self.facts)

    def wait(self, until: datetime | None) -> Step:
        """Set or clear the deadline."""
        return Step(replace(self.call, due_at=until), self.commands, self.facts)

    def cursor(self, **changes: object) -> Step:
        """Change the volatile part of the cursor."""
        cursor = replace(self.call.cursor, **changes)
        return Step(replace(self.call, cursor=cursor), self.commands, self.facts)

    def hang_up(self, reason: EndReason, cause: int = NORMAL_CLEARING) -> Step:
        """End the caller's leg; the call ends when the leg is gone."""
        call = replace(self.call, ending=reason, ending_cause=cause, due_at=None)
        return Step(call, (*self.commands, do.Hangup(leg=call.leg, cause=cause)), self.facts)


class Flow(Protocol):
    """A compiled tree, as a call sees it. Pure. Implemented by ``ivr.interpreter.CompiledTree``."""

    @property
    def name(self) -> str:
        """The tree's name."""
        ...

    @property
    def version(self) -> int:
        """Which version of the tree; a call keeps the one it began with."""
        ...

    def start(self, step: Step, at: datetime, now: datetime) -> Step:
        """Enter the first node of a call that has just been written down."""
        ...

    def has(self, call: Call, node: str) -> bool:
        """Whether the tree that the call is in has this node."""
        ...

    def enter(self, step: Step, node: str, at: datetime, now: datetime) -> Step:
        """Go on at a node, from wherever the caller was."""
        ...

    def answer(self, step: Step, event: ev.Event, now: datetime) -> Step:
        """Answer an event at the call's node: digit, prompt finished, time up, CRM, or back from queue, agent, mailbox."""
        ...

    def resume(self, step: Step, event: ev.Recovered, now: datetime) -> Step:
        """Carry on at the call's node after the service was away."""
        ...


# fmt: off
def evolve(call: Call, row: f.Recorded) -> Call:
    """Apply one stored fact. ``reduce(evolve, rows, Call(id=…, tenant_id=…))`` is the call."""
    fact, at, seq = row.fact, row.at, row.seq
    match fact:
        case f.CallStarted():        return replace(call, seq=seq, state=State.IVR, leg=fact.leg, did=fact.did, caller=fact.caller,
                                                    caller_name=fact.caller_name, direction=fact.direction, tree=fact.tree,
                                                    tree_version=fact.tree_version, started_at=at)
        case f.NodeEntered():        return replace(call, seq=seq, state=State.IVR, floor=False, transfer=None, transfer_by="",
                                                    cursor=Cursor(node=fact.node, attempt=fact.attempt, prompt=fact.prompt))
        case f.VariableSet():        return replace(call, seq=seq, variables={**call.variables, **fact.values})
        case f.CallRouted():         return replace(call, seq=seq, rule=fact.rule)
        case f.TreeEntered():        return replace(call, seq=seq, state=State.IVR, tree=fact.tree, tree_version=fact.version, cursor=Cursor(),
                                                    to_survey="")
        case f.SurveyEntered():      return replace(call, seq=seq, state=State.IVR, parties={}, parked=0, transfer=None, transfer_by="",
                                                    survey=fact.tree, to_survey=fact.tree, survey_after="", cursor=Cursor())
        case f.QueueEntered():       return replace(call, seq=seq, state=State.QUEUED, queue=fact.queue, visits=fact.visit, queued_at=at,
                                                    recorded=call.recorded or fact.record, abandoned=False, agent="", talk_over=False, due_at=None,
                                                    joined=False, missed_offers=0, gave_up=False, survey_after="", returned=fact.returned)
        case f.QueuePositionKnown(): return replace(call, seq=seq, joined=True, queue=fact.queue, queued_at=call.queued_at or at)
        case f.QueueCallAbandoned(): return replace(call, seq=seq, abandoned=True)
        case f.QueueExited():        return replace(call, seq=seq, state=State.FLOOR if call.floor else State.IVR, joined=False, transfer=None,
                                                    transfer_by="")
        case f.OfferMade():          return replace(call, seq=seq, agent=fact.extension)
        case f.OfferMissed():        return replace(call, seq=seq, missed_offers=call.missed_offers + 1)
        case f.FloorServed():        return replace(call, seq=seq, state=State.FLOOR, floor=True)
        case f.CallConnected():      return replace(call, seq=seq, state=State.TALKING, agent=fact.extension, agent_leg=fact.agent_leg, connected_at=at,
                                                    talk_over=False, parties={}, survey_after=fact.survey,
                                                    returns=fact.line and bool(fact.queue))
        case f.TalkEnded():          return replace(call, seq=seq, talk_s=round(call.talk_s + fact.talked_s, 3), talk_over=True,
                                                    agent_hung_up=not fact.by_caller)
        case f.DialStarted():        return replace(call, seq=seq, state=State.RINGING, agent=fact.extension, dialed_at=at, recorded=call.recorded or fact.record,
                                                    talk_over=False, due_at=None)
        case f.DialEnded():          return replace(call, seq=seq, state=State.IVR, transfer=None, transfer_by="")
        case f.VoicemailEntered():   return replace(call, seq=seq, state=State.VOICEMAIL, due_at=None)
        case f.VoicemailDone():      return replace(call, seq=seq, state=State.IVR)
        case f.ConferenceEntered():  return replace(call, seq=seq, state=State.CONFERENCE, conference=fact.conference, met_at=at, due_at=None)
        case f.ConferenceDone():     return replace(call, seq=seq, state=State.IVR)
        case f.HandTaken():          return replace(call, seq=seq, state=State.IN_HAND, parties=taken(call, fact), transfer=None, transfer_by="")
        case f.PartyInvited():       return party(call, seq, Party(leg=fact.leg, role=Role.GUEST, extension=fact.extension, place=fact.place,
                                                                   number=fact.number, attempt=fact.attempt, trunk=fact.trunk))
        case f.PartyRerouted():      return rerouted(call, seq, fact)
        case f.PartyJoined():        return party(call, seq, replace(call.parties[fact.leg], here=True))
        case f.PartyMuted():         return party(call, seq, replace(call.parties[fact.leg], muted=fact.on))
        case f.PartyLeft():          return replace(call, seq=seq, parties={leg: p for leg, p in call.parties.items() if leg != fact.leg})
        case f.PartiesPlaced():      return replace(call, seq=seq, parties={leg: replace(p, place=fact.places.get(leg, p.place))
                                                                            for leg, p in call.parties.items()})
        case f.TransferOrdered():    return replace(call, seq=seq, transfer=fact.target, transfer_by=fact.extension)
        case f.Transferred() if fact.way == BLIND:
                                     return replace(call, seq=seq, state=State.IVR, parties={}, parked=0)
        case f.Transferred():        return new_agent(call, seq, at, "" if fact.target.kind is TargetKind.NUMBER else fact.target.name,
                                                      fact.agent_leg)
        case f.CallParked():         return replace(call, seq=seq, parked=fact.slot, parties={leg: p for leg, p in call.parties.items() if p.role is Role.CALLER})
        case f.PickedUp():           return new_agent(call, seq, at, fact.extension, fact.agent_leg)
        case f.HandRefused():        return replace(call, seq=seq, state=State.TALKING, parties={}, transfer=None, transfer_by="")
        case f.CallNoted() | f.DispositionSet():
                                     return replace(call, seq=seq, remarks=call.remarks | {f.remark_id(fact)})
        case f.CallEnded():          return replace(call, seq=seq, state=State.ENDED, ended_at=at)
        case _:                      return replace(call, seq=seq)
# fmt: on


BLIND, ATTENDED = "blind", "attended"
"""Kinds of transfer."""


def party(call: Call, seq: int, changed: Party) -> Call:
    """One party of the call is as this says."""
    return replace(call, seq=seq, parties={**call.parties, changed.leg: changed})


def rerouted(call: Call, seq: int, fact: f.PartyRerouted) -> Call:
    """A number is dialled by another leg from now on."""
    others = {leg: p for leg, p in call.parties.items() if leg != fact.leg}
    again = replace(call.parties[fact.leg], leg=fact.new_leg, trunk=fact.trunk)
    return replace(call, seq=seq, parties={**others, fact.new_leg: again})


def taken(call: Call, fact: f.HandTaken) -> dict[str, Party]:
    """The parties of a call when it is taken in hand."""
    caller = Party(leg=call.leg, role=Role.CALLER)
    if not fact.agent_leg:
        return {caller.leg: caller}
    return {caller.leg: caller, fact.agent_leg: Party(leg=fact.agent_leg, role=Role.AGENT, extension=call.agent)}


def new_agent(call: Call, seq: int, at: datetime, extension: str, leg: str) -> Call:
    """The call is another agent's from now on; who had it before is no party any more."""
    stay = {key: p for key, p in call.parties.items() if p.role is not Role.AGENT}
    stay[leg] = replace(stay[leg], role=Role.AGENT)
    return replace(
        call, seq=seq, agent=extension, agent_leg=leg, returns=False, parties=stay, connected_at=at, talk_over=False, agent_hung_up=False,
        parked=0, transfer=None, transfer_by="",
    )  # fmt: skip


def seconds(since: datetime | None, until: datetime) -> float:
    """A duration in seconds, never negative (bar R-16: clocks step); 0 when it has no beginning."""
    return round(max(0.0, (until - since).total_seconds()), 3) if since else 0.0
