"""The owner of every live call. ``deliver`` is the mailbox: it answers each event at once, on the event loop's thread.

Law: facts are in the journal before a command leaves. No task, lock or await per call: ``step`` is pure and ``perform``
never blocks, so one event is answered completely before the next is looked at (ADR 0005).
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Sequence
from datetime import UTC, datetime
from uuid import UUID

import structlog
from msgspec.structs import replace

from m3voip.core import events as ev
from m3voip.core.asking import refusal
from m3voip.core.call import Call, Flow, State, Step
from m3voip.core.causes import EndReason
from m3voip.core.commands import AskCrm, FindAgent, SendToFloor
from m3voip.core.facts import Recorded
from m3voip.core.ids import derived_id
from m3voip.core.life import step
from m3voip.core.phone import mask
from m3voip.core.requests import Request
from m3voip.engine.metrics import CALLS_ENDED, CALLS_LIVE, CALLS_STARTED, STEP_FAILURES, STRAY_EVENTS
from m3voip.engine.routing import Route
from m3voip.engine.timers import Timers
from m3voip.ports import AgentFinder, Clock, CrmPort, EventLog, Telephony

log = structlog.get_logger()


class Owned:
    """A live call and the tree version it follows to its end."""

    __slots__ = ("call", "flow")

    def __init__(self, call: Call, flow: Flow | None) -> None:
        self.call = call
        self.flow = flow


class RecentLegs:
    """The legs of the last ``size`` calls that ended, so that recovery does not take an echo for a new call."""

    def __init__(self, size: int = 20_000) -> None:
        self._legs: dict[str, None] = {}
        self._size = size

    def add(self, leg: str) -> None:
        """Remember a leg; the oldest is forgotten when full."""
        self._legs[leg] = None
        if len(self._legs) > self._size:
            del self._legs[next(iter(self._legs))]

    def __contains__(self, leg: str) -> bool:
        return leg in self._legs


class Calls:
    """All live calls, by leg and by id. ``trace`` logs every step (level debug)."""

    def __init__(
        self,
        *,
        event_log: EventLog,
        telephony: Telephony,
        crm: CrmPort,
        agents: AgentFinder,
        clock: Clock,
        router: Callable[[ev.CallArrived | ev.FloorTook], Route],
        explain: Callable[[str], None] | None = None,
        has_phone: Callable[[UUID, str], bool] = lambda _tenant, _extension: True,
        on_facts: Callable[[Call, Sequence[Recorded]], None] | None = None,
        outside: Callable[[str, ev.Event], ev.Event] = lambda _leg, event: event,
        trace: bool = False,
    ) -> None:
        """``explain`` is asked when a leg is gone from its queue and the queue's last words do not come; whoever it is
        calls ``stop_waiting`` then. ``has_phone``: whether a tenant has this extension. ``on_facts`` hears of every call's
        facts after they have been written down. ``outside`` says what an event of a leg that runs through a trunk means."""
        self._outside = outside
        self._has_phone = has_phone
        self._explain = explain
        self._on_facts = on_facts
        self._trace = trace
        self._log = event_log
        self._telephony = telephony
        self._crm = crm
        self._agents = agents
        self._clock = clock
        self._router = router
        self._by_leg: dict[str, Owned] = {}
        self._by_id: dict[UUID, Owned] = {}
        self._timers = Timers(self._time_up, clock.now)
        self.finished = RecentLegs()
        self._leaving = False

    def __len__(self) -> int:
        return len(self._by_id)

    def __iter__(self) -> Iterator[Call]:
        return iter([owned.call for owned in self._by_id.values()])

    def get(self, leg: str) -> Call | None:
        """The live call of this leg, be it the caller's or another party's."""
        owned = self._by_leg.get(leg)
        return owned.call if owned else None

    def by_id(self, call_id: UUID) -> Call | None:
        """A live call by its id."""
        owned = self._by_id.get(call_id)
        return owned.call if owned else None

    def id_of_leg(self, leg: str) -> UUID | None:
        """The id of the live call of this leg."""
        owned = self._by_leg.get(leg)
        return owned.call.id if owned else None

    def deliver(self, leg: str, event: ev.Event) -> None:
        """Answer one event. Events of unknown legs are counted and dropped: they are echoes of calls that ended."""
        event = self._outside(leg, event)
        owned = self._by_leg.get(leg)
        if owned is None:
            if not isinstance(event, ev.CallArrived | ev.FloorTook):
                STRAY_EVENTS.inc()
                return
            if isinstance(event, ev.CallArrived) and self._leaving:
                event = self._turn_to_floor(event)
            owned = self._admit(leg, event)
        elif leg != owned.call.leg:
            if isinstance(event, ev.PhoneTransfers) and not self._has_phone(owned.call.tenant_id, event.to):
                event = replace(event, to="")
            event = ev.OfParty(at=event.at, leg=leg, event=event)
        self._answer(owned, event)

    def leave(self) -> None:
        """The service stops for good: from now on new callers are plain Asterisk's."""
        self._leaving = True

    def in_trees(self) -> int:
        """How many callers need our commands right now."""
        return sum(1 for call in self if call.state is State.IVR)

    def hand_over(self) -> None:
        """Hand everyone who is still in a tree to plain Asterisk."""
        for call in self:
            self.deliver(call.leg, ev.ServiceLeaves(at=self._clock.now()))

    def _turn_to_floor(self, arrived: ev.CallArrived) -> ev.FloorTook:
        self._telephony.perform(SendToFloor(leg=arrived.leg))
        return ev.FloorTook(
            at=arrived.at,
            leg=arrived.leg,
            node=arrived.node,
            created=arrived.created,
            did=arrived.did,
            caller=arrived.caller,
        )

    def adopt(self, calls: Iterable[tuple[Call, Flow | None]], finished: Iterable[str] = ()) -> None:
        """Take over calls that an earlier life of the service left open. Recovery then tells each what happened.

        ``finished``: legs of calls that ended lately, as the database knows them.
        """
        for call, flow in calls:
            self._keep(call, flow)
        for leg in finished:
            self.finished.add(leg)

    def hang_up(self, call_id: UUID, by: UUID | None) -> bool:
        """End a call on somebody's request; False if it does not live."""
        owned = self._by_id.get(call_id)
        if owned is None:
            return False
        self._answer(owned, ev.HangupRequested(at=self._clock.now(), by=by))
        return True

    def ask(self, call_id: UUID, request: Request) -> str | None:
        """What somebody with the right to it wants of a call; answers why it cannot be done, "" when it is under way, None
        when the call does not live."""
        owned = self._by_id.get(call_id)
        if owned is None:
            return None
        why = refusal(owned.call, request, owned.flow)
        if not why:
            self._answer(owned, request)
        return why

    def refusal(self, call_id: UUID, request: Request) -> str | None:
        """Why a request could not be done now, "" when it could; nothing is done. None when the call does not live."""
        owned = self._by_id.get(call_id)
        return None if owned is None else refusal(owned.call, request, owned.flow)

    def close(self) -> None:
        """Stop the timers; the calls live on in Asterisk and in Postgres."""
        self._timers.close()

    def _admit(self, leg: str, event: ev.CallArrived | ev.FloorTook) -> Owned:
        found = self._router(event)
        if found.flow is None and isinstance(event, ev.CallArrived):
            log.info("call.refused", why=found.why, did=mask(event.did), caller=mask(event.caller))
        call = Call(id=derived_id(event.created, event.node, leg), tenant_id=found.tenant_id, leg=leg)
        CALLS_STARTED.inc()
        return self._keep(call, found.flow)

    def _keep(self, call: Call, flow: Flow | None) -> Owned:
        owned = Owned(call, flow)
        for leg in legs_of(call):
            self._by_leg[leg] = owned
        self._by_id[call.id] = owned
        CALLS_LIVE.set(len(self._by_id))
        return owned

    def _answer(self, owned: Owned, event: ev.Event) -> None:
        before = owned.call
        now = self._clock.now()
        try:
            result = step(before, event, now, owned.flow)
        except Exception:  # a bug must cost one call at most, and say so
            STEP_FAILURES.inc()
            log.exception("call.step_failed", call_id=str(before.id), state=before.state, on=type(event).__name__)
            result = Step(before).hang_up(EndReason.FAILED)
        self._apply(owned, before, result)
        if self._trace:
            what = type(event).__name__
            log.debug("call.step", call_id=str(before.id), was=before.state, now=owned.call.state, on=what)

    def _apply(self, owned: Owned, before: Call, result: Step) -> None:
        if result.facts:
            self._log.append(result.facts)
        call = owned.call = result.call
        if call.due_at is not before.due_at:
            self._timers.set(call.leg, call.due_at)
        if call.parties is not before.parties or call.agent_leg != before.agent_leg:
            self._follow(owned, legs_of(before))
        for command in result.commands:
            if isinstance(command, AskCrm):
                self._crm.ask(command)
            elif isinstance(command, FindAgent):
                self._agents.find_agent(command)
            else:
                self._telephony.perform(command)
        if call.state is State.ENDED:
            self._forget(call)
        if result.facts and self._on_facts is not None:
            self._on_facts(call, result.facts)

    def _forget(self, call: Call) -> None:
        self._timers.set(call.leg, None)
        for leg in legs_of(call):
            self._by_leg.pop(leg, None)
            self.finished.add(leg)
        self._by_id.pop(call.id, None)
        CALLS_LIVE.set(len(self._by_id))
        CALLS_ENDED.inc()
        log.info("call.ended", call_id=str(call.id), did=mask(call.did), queue=call.queue, talk_s=call.talk_s)

    def _follow(self, owned: Owned, before: frozenset[str]) -> None:
        """Parties came or went: events of their legs are this call's, or nobody's any more."""
        now = legs_of(owned.call)
        for leg in before - now:
            self._by_leg.pop(leg, None)
            self.finished.add(leg)
        for leg in now - before:
            self._by_leg[leg] = owned

    def stop_waiting(self, leg: str) -> None:
        """Nothing more will be said about this call, whose leg is gone: end it with what is known."""
        owned = self._by_leg.get(leg)
        if owned is not None and owned.call.hung_up is not None:
            self._answer(owned, ev.TimeUp(at=self._clock.now()))

    def _time_up(self, leg: str) -> None:
        owned = self._by_leg.get(leg)
        if owned is None:
            return
        owned.call = replace(owned.call, due_at=None)
        if owned.call.hung_up is not None and self._explain is not None:
            self._explain(leg)
        else:
            self._answer(owned, ev.TimeUp(at=self._clock.now()))


def legs_of(call: Call) -> frozenset[str]:
    """Every leg whose events concern this call."""
    return frozenset({call.leg, *call.parties} | ({call.agent_leg} if call.agent_leg else set()))


def agents_in(call: Call) -> frozenset[str]:
    """The extensions of those who talk in this call."""
    if call.state is State.TALKING:
        return frozenset({call.agent})
    return frozenset(party.extension for party in call.parties.values() if party.here and party.extension)


class SystemClock:
    """The machine's clock."""

    def now(self) -> datetime:
        """Now, aware UTC."""
        return datetime.now(UTC)
