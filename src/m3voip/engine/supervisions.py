"""The owner of every supervision: who rings which supervisor's phone, and lets it hear which agent.

Law: the row of a supervision, and every change of it, is in Postgres before anything is done (the API writes it); its end is
written here. So after a crash what is wanted is in the row, what there is in the node's snapshot, and ``reconcile`` brings both
together; what belongs to no row is let go. A supervisor who has taken a call over is that call's party and no longer ours.
"""

from __future__ import annotations

import asyncio
from collections.abc import Iterable
from datetime import datetime
from typing import NamedTuple
from uuid import UUID

import structlog

from m3voip.core import commands as do
from m3voip.core import events as ev
from m3voip.core import supervision as core
from m3voip.core.call import Call, State
from m3voip.core.errors import M3voipError
from m3voip.core.modes import Mode
from m3voip.core.requests import TakeOverRequested
from m3voip.core.supervision import Parting, Seen, Supervision, Turn
from m3voip.core.watched import Watched, talks, watch
from m3voip.engine.calls import Calls
from m3voip.engine.metrics import STRAY_EVENTS, SUPERVISIONS_ENDED, SUPERVISIONS_LIVE
from m3voip.ports import Clock, SnapshotSource, SupervisionStore, Telephony

log = structlog.get_logger()

AGAIN_S = 1.0
"""How long to wait when Postgres cannot take an end."""


class Written(NamedTuple):
    """What waits for Postgres; ``why`` None: the phone was picked up."""

    supervision: UUID
    at: datetime
    why: Parting | None
    by: UUID | None


class Supervisions:
    """All live supervisions. Implements ``api.deps.SupervisionControl``."""

    def __init__(
        self, *, calls: Calls, telephony: Telephony, source: SnapshotSource, store: SupervisionStore, clock: Clock
    ) -> None:
        self._calls = calls
        self._telephony = telephony
        self._source = source
        self._store = store
        self._clock = clock
        self._live: dict[UUID, Supervision] = {}
        self._writes: asyncio.Queue[Written] = asyncio.Queue()

    def owns(self, leg: str) -> bool:
        """Whether events of this leg are for us."""
        return leg.startswith(core.PREFIX) and self._calls.get(leg) is None

    def deliver(self, leg: str, event: ev.Event) -> None:
        """Answer one event of a leg of ours."""
        found = self._live.get(core.id_of(leg) or UUID(int=0))
        if found is not None:
            self._take(found, core.step(found, leg, event))
        elif isinstance(event, ev.LegArrived):  # it came too late for whoever wanted it
            self._release(leg)
        else:
            STRAY_EVENTS.inc()

    def call_changed(self, call: Call) -> None:
        """Whoever is heard in this call may have left it."""
        for found in [one for one in self._live.values() if one.watched.call_id == call.id]:
            why = _parting(call, found)
            if why is not None:
                self._take(found, core.end(found, why))

    # what the API orders

    def watch(self, tenant_id: UUID, *, call_id: UUID | None = None, agent: str = "", by: str = "") -> Watched | str:
        """Whom to hear, by call or by agent; or why not. ``by``: the supervisor's phone, which may not be in that call."""
        if call_id is not None:
            call = self._calls.by_id(call_id)
        else:
            talks_in = (one for one in self._calls if one.tenant_id == tenant_id and talks(one, agent))
            call = next((one for one in talks_in if isinstance(watch(one, agent), Watched)), None)
        if call is None or call.tenant_id != tenant_id:
            return f"{agent} is not in a call" if agent else "the call is not live"
        if by and talks(call, by):
            return f"{by} is in this call: nobody supervises their own call"
        return watch(call, agent)

    def begin(self, supervision: Supervision) -> None:
        """Ring the supervisor's phone. The row is written."""
        log.info("supervision.started", supervision_id=str(supervision.id), mode=supervision.mode.value)
        self._take(supervision, core.begin(supervision))

    def change(self, supervision_id: UUID, mode: Mode, watched: Watched | None) -> None:
        """Another mode, or another agent. The row is changed."""
        found = self._live.get(supervision_id)
        if found is not None:
            self._take(found, core.change(found, mode, watched or found.watched))

    def take_over(self, supervision_id: UUID, by: UUID) -> str | None:
        """Give the call to the supervisor; answers why that cannot be, "" when it is under way, None when the supervision does
        not live."""
        found = self._live.get(supervision_id)
        if found is None:
            return None
        if not found.up:
            return "the supervisor's phone has not answered yet"
        request = TakeOverRequested(at=self._clock.now(), by=by, leg=found.phone, extension=found.extension)
        del self._live[found.id]  # from now on the phone is the call's, whatever becomes of the agent's leg
        refused = self._calls.ask(found.watched.call_id, request)
        if refused == "":
            self._take(found, core.end(found, Parting.TAKEN_OVER), by)
            return ""
        self._live[found.id] = found
        return "the call is not live" if refused is None else refused

    def end(self, supervision_id: UUID, by: UUID | None) -> bool:
        """Let the supervisor's phone go; False when the supervision does not live."""
        found = self._live.get(supervision_id)
        if found is not None:
            self._take(found, core.end(found, Parting.ENDED), by)
        return found is not None

    # coming and going of the service

    def adopt(self, supervisions: Iterable[Supervision]) -> None:
        """Take over what an earlier process left open; ``reconcile`` finds out what is left of it."""
        self._live.update({one.id: one for one in supervisions})
        SUPERVISIONS_LIVE.set(len(self._live))

    async def reconcile(self) -> None:
        """The node is heard again: go on from what it holds. Calls have been put right before. Raises ProviderError."""
        known = tuple(self._live)
        snapshot = await self._source.snapshot()
        ours = {leg for leg in snapshot.legs if self.owns(leg)}
        for found in [self._live[one] for one in known if one in self._live]:
            legs = {leg for leg in ours if core.id_of(leg) == found.id}
            why = _parting(self._calls.by_id(found.watched.call_id), found)
            if why is not None:
                self._take(found, core.end(found, why))
                continue
            phone = snapshot.legs.get(found.phone)
            seen = Seen(
                phone=phone is not None,
                answered=phone is not None and phone.in_application,
                ears=frozenset(legs - {found.phone}),
            )
            self._take(found, core.resume(found, seen, self._clock.now()))
            if phone is not None and not phone.in_application:
                self._source.watch(found.phone)
        for leg in ours:
            if core.id_of(leg) not in self._live:
                self._release(leg)

    def leave(self) -> None:
        """The service stops for good: nobody is heard without it."""
        for found in list(self._live.values()):
            self._take(found, core.end(found, Parting.ENDED))

    async def settle(self) -> None:
        """Returns when all ends are written."""
        await self._writes.join()

    async def run(self) -> None:
        """Write down answers and ends; until cancelled."""
        while True:
            what = await self._writes.get()
            try:
                await self._write(what)
            except M3voipError as error:
                log.warning("supervision.unwritten", why=str(error), action="it is tried again")
                await asyncio.sleep(AGAIN_S)
                self._writes.put_nowait(what)  # an answer after its end changes nothing
            self._writes.task_done()

    async def _write(self, what: Written) -> None:
        if what.why is None:
            await self._store.answered(what.supervision, what.at)
        else:
            await self._store.ended(what.supervision, what.at, what.why, what.by)

    def _take(self, before: Supervision, turn: Turn, by: UUID | None = None) -> None:
        now = turn.supervision
        if now.answered_at is not None and before.answered_at is None:
            self._writes.put_nowait(Written(now.id, now.answered_at, None, None))
        if now.parting is None:
            self._live[now.id] = now
        else:
            self._live.pop(now.id, None)
            SUPERVISIONS_ENDED.labels(now.parting.value).inc()
            log.info("supervision.ended", supervision_id=str(now.id), why=now.parting.value)
            self._writes.put_nowait(Written(now.id, self._clock.now(), now.parting, by))
        SUPERVISIONS_LIVE.set(len(self._live))
        for command in turn.commands:
            self._telephony.perform(command)

    def _release(self, leg: str) -> None:
        """A leg that is wanted by nobody, and the bridge it may have been in."""
        self._telephony.perform(do.Hangup(leg=leg))
        made_for = core.id_of(leg)
        if made_for is not None:
            self._telephony.perform(do.Dissolve(leg=leg, bridge=core.bridge_of(made_for)))


def _parting(call: Call | None, it: Supervision) -> Parting | None:
    """Why a call leaves nobody to hear; None while it does."""
    if call is None or call.state is State.ENDED:
        return Parting.AGENT_LEFT
    if it.phone in call.parties:  # a process that died meanwhile has done it
        return Parting.TAKEN_OVER
    found = watch(call, it.watched.agent)
    return None if not isinstance(found, str) and found.leg == it.watched.leg else Parting.AGENT_LEFT
