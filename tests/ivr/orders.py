"""Random orders of events: dropped, doubled, reordered, from the wrong place. The laws of a call hold in every one.

Plain ``random`` with a seed, because a million orders are wanted; hypothesis drives the same laws for short examples.
"""

from __future__ import annotations

from collections.abc import Callable
from datetime import datetime, timedelta
from functools import reduce
from random import Random
from uuid import UUID

from msgspec.structs import replace

from m3voip.core import commands as do
from m3voip.core import events as ev
from m3voip.core import facts as f
from m3voip.core import requests as rq
from m3voip.core.call import Call, Flow, State, evolve
from m3voip.core.causes import ConferenceExit, QueueExit
from m3voip.core.dial_result import DialResult
from m3voip.core.life import step
from m3voip.core.parties import Role, Target, TargetKind
from tests.ivr.support import CALL_ID, T0, TENANT, settled
from tests.support.clearances import a_clearance

Maker = Callable[[Random, Call, datetime], ev.Event]

CLEARED = tuple(a_clearance(f"+1202555014{n}", attempt=UUID(int=n)) for n in range(3))
_KEYS = "0123456789*#A"
_DIAL = ("ANSWER", "BUSY", "NOANSWER", "CHANUNAVAIL", "CONGESTION", "CANCEL", "")
_EXITS = tuple(QueueExit)
_MET = tuple(ConferenceExit)


def _prompt(random: Random, call: Call) -> str:
    return call.cursor.prompt if random.random() < 0.8 else f"{CALL_ID}-{random.randrange(9)}-p"


def _request(random: Random, call: Call) -> str:
    return call.cursor.request if random.random() < 0.8 else f"{CALL_ID}-{random.randrange(9)}-r"


def _leg(random: Random, call: Call) -> str:
    return random.choice([*(leg for leg in call.parties if leg != call.leg), call.agent_leg or "agent", "nobody"])


def _of_party(random: Random, at: datetime) -> ev.Event:
    return random.choice(
        (
            ev.LegArrived(at=at), ev.LegArrived(at=at), ev.LegArrived(at=at), ev.CallerHungUp(at=at), ev.LegLeft(at=at),
            ev.PhoneHeld(at=at, on=random.random() < 0.5), ev.PhoneTransfers(at=at, to=random.choice(("", "102"))),
            ev.CommandFailed(at=at, command=random.choice(("Invite", "Place")), why="no", gone=random.random() < 0.3),
        )
    )  # fmt: skip


def _number(random: Random, _: Call, at: datetime) -> ev.Event:
    clearance = random.choice((*CLEARED, None))
    number = clearance.number if clearance else "+12025550143"
    return rq.DialRequested(at=at, number=number, how=random.choice(tuple(rq.How)), clearance=clearance, trunk="a")


def _outside(random: Random, call: Call, at: datetime) -> ev.Event:
    """What becomes of a number that is dialled."""
    party = random.choice([party for party in call.parties.values() if party.number] or [None])
    leg = party.leg if party else "nobody"
    mine = [one for one in CLEARED if party and one.attempt_id == party.attempt and random.random() < 0.9] or CLEARED
    event = random.choice(
        (
            ev.DialRings(at=at), ev.LegArrived(at=at), ev.DialFailed(at=at, result=DialResult.BUSY, why="17"),
            ev.DialFailed(at=at, result=DialResult.TRUNK_FAILED, why="34", trunk="b", clearance=random.choice(mine)),
        )
    )  # fmt: skip
    return ev.OfParty(at=at, leg=leg, event=event)


def _asked(random: Random, call: Call, at: datetime) -> rq.Request:
    who = random.choice(("101", "102", "103"))
    if call.parked and random.random() < 0.8:
        return rq.PickUpRequested(at=at, extension=who)
    target = Target(kind=random.choice(tuple(TargetKind)), name=random.choice(("102", "sales", "menu")))
    return random.choice(
        (
            rq.HoldRequested(at=at), rq.ResumeRequested(at=at), rq.SwapRequested(at=at), rq.HandOverRequested(at=at),
            rq.ConsultCancelled(at=at), rq.ConferenceRequested(at=at), rq.ParkRequested(at=at, slot=701),
            rq.MuteRequested(at=at, extension=random.choice(("", who)), on=random.random() < 0.5),
            rq.DigitsRequested(at=at, digits="1"), rq.TransferRequested(at=at, target=target),
            rq.ConsultRequested(at=at, extension=who), rq.ConsultRequested(at=at, extension=who),
            rq.AddRequested(at=at, extension=who), rq.DropRequested(at=at, extension=who),
            rq.PickUpRequested(at=at, extension=who), rq.PickUpRequested(at=at, extension=who),
            rq.TakeOverRequested(at=at, leg="supervisor", extension=who),
        )
    )  # fmt: skip


# fmt: off
MAKERS: tuple[tuple[int, Maker], ...] = (
    (10, lambda r, c, t: ev.CallerPressed(at=t, digit=r.choice(_KEYS))),
    (10, lambda r, c, t: ev.PromptFinished(at=t, prompt=_prompt(r, c))),
    (6, lambda r, c, t: ev.TimeUp(at=t)),
    (2, lambda r, c, t: ev.CallArrived(at=t, leg="leg", node="n", created=t, did="1", caller="+15557654321")),
    (3, lambda r, c, t: ev.CrmAnswered(at=t, request=_request(r, c), status=r.choice((200, 404, 500)), values={"balance": "7"})),
    (2, lambda r, c, t: ev.CrmFailed(at=t, request=_request(r, c), why="down")),
    (3, lambda r, c, t: ev.QueueJoined(at=t, queue="sales", position=r.randrange(1, 9))),
    (3, lambda r, c, t: ev.AgentOffered(at=t, extension="101")),
    (2, lambda r, c, t: ev.AgentDidNotAnswer(at=t, extension="101", rang_ms=9000)),
    (4, lambda r, c, t: ev.AgentAnswered(at=t, extension="101")),
    (4, lambda r, c, t: ev.AgentLeft(at=t, extension="101", by_caller=r.random() < 0.5)),
    (2, lambda r, c, t: ev.QueueAbandoned(at=t, queue="sales", position=1)),
    (5, lambda r, c, t: ev.QueueLeft(at=t, queue="sales", exit=r.choice(_EXITS))),
    (4, lambda r, c, t: ev.DialLeft(at=t, extension="101", status=r.choice(_DIAL))),
    (4, lambda r, c, t: ev.VoicemailLeft(at=t, box="sales", status=r.choice(("SUCCESS", "FAILED", "")))),
    (2, lambda r, c, t: ev.Recovered(at=t, in_application=r.random() < 0.7, playing=r.random() < 0.5)),
    (1, lambda r, c, t: ev.HangupRequested(at=t)),
    (1, lambda r, c, t: ev.CommandFailed(at=t, command="Play", why="refused", gone=r.random() < 0.5)),
    (1, lambda r, c, t: ev.FloorTook(at=t, leg="leg", node="n", created=t, did="1", caller="+15557654321")),
    (1, lambda r, c, t: ev.CallerHungUp(at=t)),
    (4, lambda r, c, t: ev.AgentAnswered(at=t, extension="101", agent_leg="agent")),
    (1, lambda r, c, t: ev.DialAnswered(at=t, agent_leg="agent")),
    (4, lambda r, c, t: ev.LegArrived(at=t)),
    (14, lambda r, c, t: ev.OfParty(at=t, leg=_leg(r, c), event=_of_party(r, t))),
    (14, _asked),
    (3, _number),
    (3, _outside),
    (1, lambda r, c, t: ev.CommandFailed(at=t, command="TakeInHand", why="Asterisk says no")),
)
CONFERENCE_MAKERS: tuple[tuple[int, Maker], ...] = (
    *(maker for maker in MAKERS if maker[1] is not _asked),
    (12, lambda r, c, t: ev.ConferenceLeft(at=t, conference="c", exit=r.choice(_MET))),
    (6, lambda r, c, t: ev.ConferenceMuted(at=t, muted=r.random() < 0.5)),
)
"""For trees that lead to conferences: of calls that nobody takes in hand."""
# fmt: on


_LAST = (do.Hangup, do.StopPlaying, do.Dissolve, do.AnswerTransfer)
"""What is still ordered for a call that is being hung up."""
_FATAL = (ev.CallerHungUp, ev.TelephonyRestarted)


class Orders:
    """Runs random orders against trees and checks the laws of each call."""

    def __init__(
        self, trees: tuple[Flow | None, ...], seed: int, makers: tuple[tuple[int, Maker], ...] = MAKERS
    ) -> None:
        self._trees = trees
        self._weights, self._make = zip(*makers, strict=True)
        self._random = Random(seed)
        self.events = 0
        self.kinds: set[str] = set()

    def run(self) -> list[ev.Event]:
        """One call: arrives (mostly), lives through an order of events, and ends. Returns the events, for a failure."""
        random = self._random
        walk = Walk(random.choice(self._trees))
        if random.random() < 0.95:
            walk.take(MAKERS[3][1](random, walk.call, walk.now))
        for make in random.choices(self._make, self._weights, k=random.randrange(1, 24)):
            event = make(random, walk.call, walk.now)
            walk.now += timedelta(seconds=random.choice((0, 0, 0.2, 4, 11)))
            walk.take(event)
            if random.random() < 0.1:
                walk.take(event)  # doubled
            if random.random() < 0.03:
                walk.crash(lost_tree=random.random() < 0.2)
        ending: tuple[ev.Event, ...] = (ev.CallerHungUp(at=walk.now), ev.TelephonyRestarted(at=walk.now))
        walk.finish(random.choice(ending))
        self.events += len(walk.events)
        self.kinds |= {str(row.fact.__struct_config__.tag) for row in walk.facts}
        return walk.events


class Walk:
    """One call and the laws it must keep."""

    def __init__(self, tree: Flow | None) -> None:
        self.tree = tree
        self.now = T0
        self.call = Call(id=CALL_ID, tenant_id=TENANT, leg="leg")
        self.facts: list[f.Recorded] = []
        self.events: list[ev.Event] = []

    def take(self, event: ev.Event) -> None:
        """Answer an event. A step neither skips a seq nor does anything to a call that has ended."""
        before = self.call
        self.events.append(event)
        if isinstance(event, ev.TimeUp) and before.due_at is not None and before.due_at <= self.now:
            before = replace(before, due_at=None)
        result = step(before, event, self.now, self.tree)
        for index, row in enumerate(result.facts):
            assert row.seq == before.seq + 1 + index, self.events
            assert row.call_id == CALL_ID, self.events
        assert result.call.seq == before.seq + len(result.facts), self.events
        if before.state is State.ENDED:
            assert not result.facts, self.events
            assert not result.commands, self.events
        if before.ending is not None:
            assert all(isinstance(command, _LAST) for command in result.commands), self.events
        self._dialled(event, result.commands)
        self.call = result.call
        self.facts += result.facts
        if result.call.state is State.IVR and result.call.ending is None:
            assert result.call.cursor.playing or result.call.due_at is not None, ("left in silence", self.events)
        if result.call.state is State.IN_HAND and result.call.ending is None:
            self._in_hand(result.call)

    def _dialled(self, event: ev.Event, commands: tuple[do.Command, ...]) -> None:
        """Nothing is dialled but by the clearance that came with this very event, and by that once."""
        dialled = [command.clearance for command in commands if isinstance(command, do.DialOut)]
        inner = event.event if isinstance(event, ev.OfParty) else event
        brought = inner.clearance if isinstance(inner, rq.DialRequested | ev.DialFailed) else None
        assert not dialled or dialled == [brought], self.events

    def _in_hand(self, call: Call) -> None:
        """Nobody is left alone, and nobody waits without an end."""
        caller, others = call.parties[call.leg], [p for p in call.parties.values() if p.leg != call.leg]
        assert others or call.parked or call.transfer is not None, ("left alone", self.events)
        if call.parked or not caller.here:
            assert call.due_at is not None, ("waits for ever", self.events)
        if call.transfer is not None:
            assert not caller.here, ("not handed on", self.events)
        assert sum(p.role is Role.AGENT for p in others) <= 1, self.events
        talking = [p for p in others if p.here and p.role is Role.AGENT]
        if talking and not call.parked:
            assert talking[0].extension == call.agent, self.events

    def crash(self, *, lost_tree: bool) -> None:
        """The volatile part is gone; the rest is in the facts. Sometimes the tree's version is gone as well."""
        if lost_tree:
            self.tree = None
        blank = Call(id=CALL_ID, tenant_id=TENANT, leg="leg")
        self.call = reduce(evolve, self.facts, blank)
        self.take(ev.Recovered(at=self.now, in_application=True))

    def finish(self, last: ev.Event) -> None:
        """The leg goes; then the call ends, at the latest when its deadline passes, and exactly once."""
        self.take(last)
        if self.call.due_at is not None and self.call.state is not State.ENDED:
            self.now = self.call.due_at
            self.take(ev.TimeUp(at=self.now))
        ends = [row.fact for row in self.facts if isinstance(row.fact, f.CallEnded)]
        if self.call.state is State.NEW:
            assert not self.facts, self.events
            return
        assert self.call.state is State.ENDED, self.events
        assert len(ends) == 1, self.events
        assert isinstance(self.facts[-1].fact, f.CallEnded), self.events
        assert ends[0].duration_s >= 0, self.events
        blank = Call(id=CALL_ID, tenant_id=TENANT, leg="leg")
        assert settled(reduce(evolve, self.facts, blank)) == settled(self.call), self.events
        for row in self.facts:
            assert f.decode_fact(f.encode_fact(row.fact)) == row.fact, self.events
