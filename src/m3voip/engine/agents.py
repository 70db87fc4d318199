"""The owner of what every agent does. Calls, phones, people and time tell it; nothing else changes an agent's state.

Law: a change is in the journal before queues are told of it. As with calls (ADR 0005) each event is answered completely
before the next one is looked at: no task, lock or await per agent. What a process does not live to hear is found out by
comparing with the calls (``compare``) and by a fresh reading of phones and members.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from datetime import datetime
from functools import partial
from uuid import UUID

import structlog
from msgspec import Struct
from msgspec.structs import replace

from m3voip.core import agent as ag
from m3voip.core import agent_state as a
from m3voip.core import facts as f
from m3voip.core.agent import AgentState
from m3voip.core.agent_life import step
from m3voip.core.call import Call, State
from m3voip.core.office import SESSION, Office
from m3voip.core.office import Agent as Person
from m3voip.engine.calls import agents_in
from m3voip.engine.hearsay import NO_QUEUE, QueueRules, rules_of, told_by
from m3voip.engine.members import Members
from m3voip.engine.metrics import AGENTS, SESSIONS, STEP_FAILURES
from m3voip.engine.presence import Presence
from m3voip.engine.timers import Timers
from m3voip.ports import AgentLog, Clock, MemberControl

log = structlog.get_logger()

TALKING = (State.TALKING, State.IN_HAND)
WAITING = (State.QUEUED, State.RINGING, State.FLOOR, State.IN_HAND)
"""Calls for which a phone may be ringing."""
PHONE_CODES: Mapping[str, tuple[type[a.Asked], str]] = {
    "sign_in": (a.SignInAsked, "signed_in"),
    "sign_out": (a.SignOutAsked, "signed_out"),
    "pause": (a.PauseAsked, "paused"),
    "unpause": (a.UnpauseAsked, "unpaused"),
    "end_wrap_up": (a.WrapUpEndAsked, "wrap_up_ended"),
}
"""What the dialplan asks → the event, and what the agent is told."""
REFUSED = "refused"


class AgentNow(Struct, frozen=True, kw_only=True):
    """An agent at this moment. ``registered``: whether calls could reach them, by their line where that is kept up
    (``session``: whether it is; None of who is rung), else by their phone. ``until``: the end of a wrap-up."""

    state: str
    since: datetime | None
    registered: bool
    session: bool | None
    call_id: UUID | None
    reason: str
    pending: str | None
    until: datetime | None
    limit_at: datetime | None
    over_limit: bool


class Agents:
    """All active agents. ``calls`` are the live ones."""

    def __init__(
        self,
        *,
        event_log: AgentLog,
        control: MemberControl,
        clock: Clock,
        calls: Callable[[], Iterable[Call]],
        default_tenant: UUID,
        grace_s: int = a.DEFAULT_GRACE_S,
    ) -> None:
        self._log = event_log
        self._clock = clock
        self._calls = calls
        self._default_tenant = default_tenant
        self._grace_s = grace_s
        self._states: dict[UUID, a.Agent] = {}
        self._people: dict[UUID, Person] = {}
        self._by_extension: dict[tuple[UUID, str], UUID] = {}
        self._by_endpoint: dict[str, UUID] = {}
        self._rules: Mapping[tuple[UUID, str], QueueRules] = {}
        self._office: Office | None = None
        self._adopted = False
        self._timers = Timers(self._time_up, clock.now)
        self._members = Members(control, self._held)
        self._presence = Presence(self._phone_changed)
        for state in AgentState:
            AGENTS.labels(state.value).set_function(partial(self._count, state))
        SESSIONS.set_function(lambda: sum(1 for _ in self.lines()))

    async def update(self, office: Office) -> None:
        """Bring a new reading of the configuration into effect. Before ``adopt`` it is only remembered."""
        self._office = office
        if not self._adopted:
            return
        people = {person.id: person for person in office.agents}
        for gone in self._people.keys() - people.keys():
            self._answer(gone, a.SignOutAsked(at=self._clock.now(), via=a.Via.SERVICE))
            self._timers.set(str(gone), None)
        self._people = people
        self._by_extension = {(person.tenant_id, person.extension): person.id for person in office.agents}
        self._by_endpoint = {person.endpoint: person.id for person in office.agents}
        self._rules, paused = rules_of(office, self._default_tenant)
        for person in office.agents:
            self._engage(person)
        self._members.update(paused)

    async def adopt(self, saved: Mapping[UUID, a.Agent]) -> None:
        """Take over what an earlier process wrote down of every agent."""
        self._states.update(saved)
        self._adopted = True
        if self._office is not None:
            await self.update(self._office)

    def heard(self, call: Call, rows: Sequence[f.Recorded]) -> None:
        """Facts of a call, as they are written down."""
        for row in rows:
            for extension, event in told_by(call, row, self._rules, self._with_call(call.id)):
                agent_id = self._by_extension.get((call.tenant_id, extension))
                if agent_id is not None:
                    self._answer(agent_id, event)

    def take(self, event: ag.BoardEvent) -> None:
        """The telephony node tells of phones and members."""
        self._presence.take(event)
        self._members.take(event)
        match event:
            case ag.LineSeen():
                self._line_changed(event.endpoint, a.LineUp(at=self._clock.now(), leg=event.leg))
            case ag.LineGone():
                down = a.LineDown(at=self._clock.now(), leg=event.leg, hung_up=event.hung_up)
                self._line_changed(event.endpoint, down)
            case _:
                pass

    def settle(self) -> None:
        """A fresh reading of phones and members is complete."""
        self._presence.settle()

    def compare(self) -> None:
        """What do calls really make of the agents? After a crash, and every now and then."""
        now, live = self._clock.now(), {call.id: call for call in self._calls()}
        talks = {
            agent_id: call
            for call in live.values()
            if call.state in TALKING and not call.talk_over and call.hung_up is None
            for extension in agents_in(call)
            if (agent_id := self._by_extension.get((call.tenant_id, extension))) is not None
        }
        for agent_id in self._people:
            agent, call = self._states[agent_id], talks.get(agent_id)
            waiting = live.get(agent.call) if agent.busy is a.Busy.OFFERED and agent.call else None
            offered = waiting.id if waiting is not None and waiting.state in WAITING else None
            talking = call.id if call is not None else None
            wrap_up_s = self._rules.get((call.tenant_id, call.queue), NO_QUEUE).wrap_up_s if call else 0
            event = a.Recovered(at=now, talking=talking, offered=offered, wrap_up_s=wrap_up_s)
            if talking is not None or agent.busy in (a.Busy.OFFERED, a.Busy.TALKING):
                self._answer(agent_id, event)
        self._members.review()

    def ask(self, agent_id: UUID, event: a.Asked) -> str | None:
        """What a person asks for: "" when it is done, else why not; None when this agent is not known (yet)."""
        return self._answer(agent_id, event) if agent_id in self._people else None

    def ask_by_phone(self, endpoint: str, what: str) -> str:
        """The same by a code from the agent's own phone; answers what they are to be told."""
        agent_id, code = self._by_endpoint.get(endpoint), PHONE_CODES.get(what)
        if agent_id is None or code is None:
            return REFUSED
        event, told = code
        return REFUSED if self._answer(agent_id, event(at=self._clock.now(), via=a.Via.PHONE_CODE)) else told

    def lines(self) -> Iterator[tuple[str, str]]:
        """(endpoint, leg) of every line that is kept up, as far as we know."""
        for agent_id, person in self._people.items():
            if self._states[agent_id].line:
                yield person.endpoint, self._states[agent_id].line

    def at_work(self, agent_id: UUID) -> tuple[Person, a.Agent] | None:
        """An agent and what is known of them; None while they are not known."""
        person = self._people.get(agent_id)
        return None if person is None else (person, self._states[agent_id])

    def person_at(self, endpoint: str) -> Person | None:
        """Whose phone this is."""
        return self._people.get(self._by_endpoint.get(endpoint, UUID(int=0)))

    def agent(self, tenant_id: UUID, extension: str) -> AgentNow | None:
        """None while it is not known."""
        agent_id = self._by_extension.get((tenant_id, extension))
        return None if agent_id is None else _seen(self._states[agent_id])

    def close(self) -> None:
        """Stop the timers; what is due then is done by the next process."""
        self._timers.close()

    def _engage(self, person: Person) -> None:
        agent = self._states.get(person.id) or a.Agent(id=person.id, tenant_id=person.tenant_id)
        by_phone = person.signs_in == "by_phone"
        by_session = person.works == SESSION
        self._states[person.id] = replace(agent, by_phone=by_phone, by_session=by_session, grace_s=self._grace_s)
        self._timers.set(str(person.id), agent.due_at)
        reachable = self._presence.reachable(person.endpoint)
        if reachable is not None:
            self._phone_changed(person.endpoint, reachable)

    def _answer(self, agent_id: UUID, event: a.AgentEvent) -> str:
        before = self._states[agent_id]
        try:
            made = step(before, event, self._clock.now())
        except Exception:  # a bug must cost one event at most, and say so
            STEP_FAILURES.inc()
            log.exception("agent.step_failed", agent_id=str(agent_id), on=type(event).__name__)
            return "This could not be done; it is a fault of the service."
        if made.facts:
            self._log.append(made.facts)
        after = self._states[agent_id] = made.agent
        if after.due_at != before.due_at:
            self._timers.set(str(agent_id), after.due_at)
        if after.state is not before.state:
            what = type(event).__name__
            log.debug("agent.step", agent_id=str(agent_id), was=before.state.value, now=after.state.value, on=what)
        if made.commands and agent_id in self._people:
            self._members.hold(self._people[agent_id].endpoint)
        return made.refusal

    def _time_up(self, key: str) -> None:
        agent_id = UUID(key)
        self._answer(agent_id, a.DeadlinePassed(at=self._clock.now()))
        self._timers.set(key, self._states[agent_id].due_at)

    def _phone_changed(self, endpoint: str, reachable: bool) -> None:
        agent_id = self._by_endpoint.get(endpoint)
        if agent_id is not None:
            now = self._clock.now()
            self._answer(agent_id, a.PhoneBack(at=now) if reachable else a.PhoneGone(at=now))

    def _line_changed(self, endpoint: str, event: a.LineUp | a.LineDown) -> None:
        agent_id = self._by_endpoint.get(endpoint)
        if agent_id is not None:
            self._answer(agent_id, event)

    def _held(self, endpoint: str) -> str | None:
        agent_id = self._by_endpoint.get(endpoint)
        return None if agent_id is None else self._states[agent_id].held

    def _with_call(self, call_id: UUID) -> list[str]:
        """Extensions of those whom this call has."""
        return [person.extension for person in self._people.values() if self._states[person.id].call == call_id]

    def _count(self, state: AgentState) -> float:
        return sum(1 for agent_id in self._people if self._states[agent_id].state is state)


def _seen(agent: a.Agent) -> AgentNow:
    return AgentNow(
        state=agent.state.value,
        since=agent.since,
        registered=agent.there,
        session=bool(agent.line) if agent.by_session else None,
        call_id=agent.call,
        reason=agent.reason,
        pending=agent.pending.value if agent.pending else None,
        until=agent.busy_until if agent.busy is a.Busy.WRAPPING else None,
        limit_at=agent.limit_at,
        over_limit=agent.over_limit,
    )
