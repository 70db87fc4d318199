"""Calls out: how each trunk is, which legs of ours run through which, and what became of every attempt.

Law: what is dialled passes through ``perform``, with its clearance; no attempt has two legs at a time. A clearance is held here
and in the messages of its call, never stored: after a crash nobody dials on. What the gate had cleared and nobody dialled is
closed by ``reconcile``, so that it does not count against the caps for ever.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from uuid import UUID

import structlog

from m3voip.core import commands as do
from m3voip.core import events as ev
from m3voip.core import trunks as tr
from m3voip.core.call import Call
from m3voip.core.clearance import Clearance, Kind
from m3voip.core.dial_result import DialResult, read
from m3voip.core.errors import M3voipError
from m3voip.core.facts import PartyJoined, Recorded
from m3voip.core.office import Office, node_trunk
from m3voip.core.phone import digits
from m3voip.core.requests import DialRequested, How, Request
from m3voip.engine.metrics import DIALS_ENDED, TRUNK_FAILURES
from m3voip.engine.timers import Timers
from m3voip.ports import AttemptEnd, AttemptStore, Clock, SnapshotSource, Telephony

log = structlog.get_logger()

SILENT = timedelta(seconds=12)
"""A trunk that has said nothing by then, not even that it rings, is given up. Calls abroad ring within 11 s (ITU-T E.721,
table 1, 95th percentile)."""
FORGOTTEN = timedelta(minutes=1)
"""An attempt that was cleared so long ago and has no leg was never dialled."""
AGAIN_S = 1.0
NO_TRUNK = "no trunk can carry the call now"


@dataclass(slots=True, kw_only=True)
class Try:
    """A leg that we dialled through a trunk. ``clearance`` None: by an earlier process."""

    leg: str
    attempt: UUID
    tenant: UUID
    trunk: str
    clearance: Clearance | None = None
    rang: bool = False
    silent: bool = False
    given_up: bool = False
    missing: bool = False
    answered_at: datetime | None = None


class Outbound:
    """Implements ``ports.Telephony`` for calls, with everything that goes out watched; and ``api.deps.Dialling``."""

    def __init__(
        self,
        *,
        telephony: Telephony,
        source: SnapshotSource,
        store: AttemptStore,
        clock: Clock,
        ask: Callable[[UUID, Request], str | None],
        default_tenant: UUID,
    ) -> None:
        """``ask``: asks something of a call."""
        self._telephony = telephony
        self._source = source
        self._store = store
        self._clock = clock
        self._ask = ask
        self._default_tenant = default_tenant
        self._trunks: dict[UUID, list[tr.Trunk]] = {}
        self._conditions: dict[tuple[UUID, str], tr.Condition] = {}
        self._by_endpoint: dict[str, tuple[UUID, str]] = {}
        self._by_account: dict[str, tuple[UUID, str]] = {}
        self._tries: dict[str, Try] = {}
        self._tried: dict[UUID, list[str]] = {}
        self._ends: asyncio.Queue[AttemptEnd] = asyncio.Queue()
        self._timers = Timers(self._says_nothing, clock.now)

    # the trunks

    async def update(self, office: Office) -> None:
        """Bring a new reading of the configuration into effect; how trunks are stays known."""
        self._trunks = {}
        self._by_endpoint, self._by_account = {}, {}
        for one in office.trunks:
            if not one.host:
                continue  # it only brings calls
            key = (one.tenant_id, one.name)
            self._by_endpoint[node_trunk(one.tenant_id, self._default_tenant, one.name)] = key
            if one.kind == "registration":
                self._by_account[f"sip:{one.username}@{one.host}:{one.port}"] = key
            self._trunks.setdefault(one.tenant_id, []).append(
                tr.Trunk(
                    tenant_id=one.tenant_id,
                    name=one.name,
                    priority=one.priority,
                    max_calls=one.max_channels,
                    max_calls_per_s=one.max_calls_per_s,
                    caller_id=one.caller_id,
                    currency=one.currency,
                    rates=one.rates,
                )
            )
        known = set(self._by_endpoint.values())
        self._conditions = {key: value for key, value in self._conditions.items() if key in known}

    def seen(self, event: tr.TrunkEvent) -> None:
        """The telephony node tells of a trunk."""
        match event:
            case tr.TrunkReached():
                key = self._by_endpoint.get(event.endpoint)
                change = {"reachable": event.reachable}
            case tr.TrunkRegistered():
                key = self._by_endpoint.get(event.endpoint) or self._by_account.get(event.account)
                change = {"registered": event.registered}
        if key is None:
            return
        before = self._conditions.get(key, tr.Condition())
        now = self._conditions[key] = tr.change(before, **change)
        if now != before:
            log.info("trunk.seen", trunk=key[1], **change)

    def plan(self, tenant_id: UUID, number: str, *, emergency: bool, besides: Iterable[str] = ()) -> tr.Choice:
        """Which trunks could carry a call to this number now, in order."""
        mine = {name: condition for (tenant, name), condition in self._conditions.items() if tenant == tenant_id}
        return tr.choose(
            self._trunks.get(tenant_id, ()),
            mine,
            digits(number),
            self._clock.now(),
            emergency=emergency,
            besides=besides,
        )

    def caller_ids(self, tenant_id: UUID, order: Iterable[str]) -> tuple[str, ...]:
        """The numbers that these trunks show by themselves."""
        shown = {trunk.name: trunk.caller_id for trunk in self._trunks.get(tenant_id, ())}
        return tuple(shown[name] for name in order if shown.get(name))

    # dialling

    def place(self, call_id: UUID, clearance: Clearance, how: How, by: UUID | None) -> str | None:
        """Dial what was cleared, within a call; answers why that cannot be, "" when it is under way, None when the call does
        not live. The attempt is in Postgres."""
        if clearance.attempt_id in self._tried:
            return "this attempt has been dialled already"
        choice = self.plan(clearance.tenant_id, clearance.number, emergency=clearance.kind is Kind.EMERGENCY)
        if not choice.order:
            self._end(clearance.attempt_id, clearance.tenant_id, DialResult.NOT_DIALLED)
            return NO_TRUNK
        self._tried[clearance.attempt_id] = []
        asked = DialRequested(
            at=self._clock.now(), by=by, number=clearance.number, how=how, clearance=clearance, trunk=choice.order[0]
        )
        refused = self._ask(call_id, asked)
        if refused != "":
            self._end(clearance.attempt_id, clearance.tenant_id, DialResult.NOT_DIALLED)
        return refused

    @property
    def connected(self) -> bool:
        """Whether a command would reach the node now."""
        return self._telephony.connected

    def perform(self, command: do.Command) -> None:
        """Carry out a command of a call."""
        match command:
            case do.DialOut():
                if not self._begin(command):
                    return
            case do.Hangup():
                given_up = self._tries.get(command.leg)
                if given_up is not None:
                    given_up.given_up = True
            case _:
                pass
        self._telephony.perform(command)

    def hear(self, leg: str, event: ev.Event) -> ev.Event:
        """What an event of a leg means for the call that has it: the end of a dial says whether another trunk is worth a try."""
        it = self._tries.get(leg)
        if it is None:
            return event
        match event:
            case ev.LegArrived():
                it.answered_at = it.answered_at or event.at
                self._got_through(it)
            case ev.DialRings():
                self._got_through(it)
            case ev.CallerHungUp() | ev.LegLeft() | ev.CommandFailed(gone=True):
                return self._over(it, event)
            case _:
                pass
        return event

    # coming and going of the service

    def adopt(self, call: Call, rows: Sequence[Recorded]) -> None:
        """Take over a call's legs of an earlier process, by its facts; nothing is dialled for them any more."""
        joined = {row.fact.leg: row.at for row in rows if isinstance(row.fact, PartyJoined)}
        for party in call.parties.values():
            if party.attempt is not None and party.leg not in self._tries:
                self._tries[party.leg] = Try(
                    leg=party.leg,
                    attempt=party.attempt,
                    tenant=call.tenant_id,
                    trunk=party.trunk,
                    answered_at=joined.get(party.leg),
                )
                self._tried[party.attempt] = [party.trunk]
                key = (call.tenant_id, party.trunk)
                self._conditions[key] = tr.started(self._conditions.get(key, tr.Condition()), self._clock.now())

    async def reconcile(self) -> None:
        """Close what has no leg (any more). Raises ProviderError."""
        before = list(self._tries.values())
        snapshot = await self._source.snapshot()
        for it in before:
            if it.leg in snapshot.legs or it.leg not in self._tries:
                continue
            if it.clearance is not None and not it.missing:
                it.missing = True  # the word of its end may be on its way
            else:
                self._over(it, ev.CallerHungUp(at=snapshot.taken_at, cause=0))
        try:
            forgotten = await self._store.forgotten(self._clock.now() - FORGOTTEN)
        except M3voipError as error:
            log.warning("attempts.unread", why=str(error), action="they are read again with the next patrol")
            return
        for attempt, tenant in forgotten:
            if attempt not in self._tried:
                self._end(attempt, tenant, DialResult.NOT_DIALLED)

    def close(self) -> None:
        """Stop the timers."""
        self._timers.close()

    async def run(self) -> None:
        """Write down what became of attempts; until cancelled."""
        while True:
            end = await self._ends.get()
            try:
                await self._store.ended(end)
            except M3voipError as error:
                log.warning("attempt.unwritten", why=str(error), action="it is tried again")
                await asyncio.sleep(AGAIN_S)
                self._ends.put_nowait(end)

    def _begin(self, command: do.DialOut) -> bool:
        clearance = command.clearance
        if any(it.attempt == clearance.attempt_id for it in self._tries.values()):
            log.error("dial.twice", attempt_id=str(clearance.attempt_id), action="nothing is dialled; this is a bug")
            return False
        key, now = (clearance.tenant_id, command.trunk), self._clock.now()
        self._conditions[key] = tr.started(self._conditions.get(key, tr.Condition()), now)
        self._tries[command.leg] = Try(
            leg=command.leg,
            attempt=clearance.attempt_id,
            tenant=clearance.tenant_id,
            trunk=command.trunk,
            clearance=clearance,
        )
        self._tried.setdefault(clearance.attempt_id, []).append(command.trunk)
        self._timers.set(command.leg, now + SILENT)
        log.info(
            "dial.started", attempt_id=str(clearance.attempt_id), call_id=str(command.call_id), trunk=command.trunk
        )
        return True

    def _got_through(self, it: Try) -> None:
        it.rang = True
        self._timers.set(it.leg, None)
        key = (it.tenant, it.trunk)
        self._conditions[key] = tr.worked(self._conditions.get(key, tr.Condition()))

    def _says_nothing(self, leg: str) -> None:
        it = self._tries.get(leg)
        if it is not None:
            it.silent = True
            self._telephony.perform(do.Hangup(leg=leg))

    def _over(self, it: Try, event: ev.Event) -> ev.Event:
        self._timers.set(it.leg, None)
        del self._tries[it.leg]
        key = (it.tenant, it.trunk)
        self._conditions[key] = tr.ended(self._conditions.get(key, tr.Condition()))
        cause = event.cause if isinstance(event, ev.CallerHungUp) else 0
        if it.answered_at is not None:
            self._end(it.attempt, it.tenant, DialResult.ANSWERED, it=it, cause=cause)
            return event
        result, why = _reading(it, event)
        if result is DialResult.TRUNK_FAILED:
            self._failed(it, why)
            following = self._following(it)
            if following is not None and it.clearance is not None:
                # The call answers at once; one that wants the number no more leaves the attempt without a leg.
                asyncio.get_running_loop().call_soon(self._unless_dialled, it, cause)
                return ev.DialFailed(at=event.at, result=result, why=why, trunk=following, clearance=it.clearance)
        self._end(it.attempt, it.tenant, result, it=it, cause=cause)
        return ev.DialFailed(at=event.at, result=result, why=why)

    def _failed(self, it: Try, why: str) -> None:
        TRUNK_FAILURES.inc()
        key, now = (it.tenant, it.trunk), self._clock.now()
        condition = tr.failed(self._conditions[key], now)
        if it.silent:  # one that says nothing at all is sick at once
            condition = tr.failed(condition, now)
        self._conditions[key] = condition
        log.warning("trunk.failed", trunk=it.trunk, why=why, rests_until=str(condition.rests_until or "no"))

    def _following(self, it: Try) -> str | None:
        if it.given_up or it.clearance is None:
            return None
        emergency = it.clearance.kind is Kind.EMERGENCY
        choice = self.plan(it.tenant, it.clearance.number, emergency=emergency, besides=self._tried[it.attempt])
        return choice.order[0] if choice.order else None

    def _unless_dialled(self, it: Try, cause: int) -> None:
        lives = any(other.attempt == it.attempt for other in self._tries.values())
        if not lives and it.attempt in self._tried:
            self._end(it.attempt, it.tenant, DialResult.TRUNK_FAILED, it=it, cause=cause)

    def _end(self, attempt: UUID, tenant: UUID, result: DialResult, *, it: Try | None = None, cause: int = 0) -> None:
        self._tried.pop(attempt, None)
        DIALS_ENDED.labels(result.value).inc()
        log.info("dial.ended", attempt_id=str(attempt), result=result.value, cause=cause)
        self._ends.put_nowait(
            AttemptEnd(
                attempt_id=attempt,
                tenant_id=tenant,
                result=result,
                cause=cause,
                trunk=it.trunk if it else "",
                answered_at=it.answered_at if it else None,
                ended_at=self._clock.now(),
            )
        )


def _reading(it: Try, event: ev.Event) -> tuple[DialResult, str]:
    """How a dial that nobody answered ended, and the network's own words for it."""
    match event:
        case ev.CommandFailed():
            return DialResult.TRUNK_FAILED, event.why
        case ev.CallerHungUp():
            why = f"cause {event.cause}" + (f", SIP {event.status}" if event.status else "")
            if it.given_up and not it.silent:
                return DialResult.CANCELLED, why
            if it.silent and not it.rang:
                why = f"nothing heard in {SILENT.total_seconds():.0f} s"
            return read(event.cause, event.status, rang=it.rang, silent=it.silent), why
        case _:
            return DialResult.UNKNOWN, ""
