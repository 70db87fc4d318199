"""After every (re)connection to the telephony node: what we believe against what it holds, put right by events.

Theory of operation. The node throws events away while nobody listens, but keeps the legs. So each time the connection is
back we take a snapshot of its legs and read its own ledger (queue log, channel ends), and tell each call that was already
known before the connection what it missed: queue entries first, in order, then its end, or ``Recovered``. Legs that stand
in our application and that we never heard of are calls that arrived unheard. Everything goes through the same mailbox as
live events, so there is one way to change a call.

What is missing is counted, not timed: a call remembers how many offers it has seen, so the ledger's surplus is what it
missed. That makes a second reading of the same ledger harmless.
"""

from __future__ import annotations

import asyncio
from collections.abc import Iterable
from datetime import datetime, timedelta

import structlog

from m3voip.core import events as ev
from m3voip.core.call import Call, State
from m3voip.engine.calls import Calls
from m3voip.engine.metrics import RECONCILED
from m3voip.ports import CallFinder, Ledger, LedgerReading, Snapshot, SnapshotSource

log = structlog.get_logger()

LEDGER_MARGIN = timedelta(seconds=2)
"""The queue log has whole seconds only; read a little further back than the oldest call."""


class Recovery:
    """Reconciles calls with the node. One at a time: the node's adapter awaits ``reconcile`` before it is connected."""

    def __init__(self, *, calls: Calls, source: SnapshotSource, ledger: Ledger, finder: CallFinder) -> None:
        self._calls = calls
        self._source = source
        self._ledger = ledger
        self._finder = finder
        self._missing: dict[str, int] = {}

    async def reconcile(self, listening_again_at: datetime, deaf_since: datetime | None = None) -> None:
        """Put right what was missed. Calls that began after ``listening_again_at`` missed nothing.

        ``deaf_since``: when we last heard the node; the ledger is read from there for calls we never knew.
        """
        known = {call.leg: call.seq for call in self._calls if not _younger(call, listening_again_at)}
        snapshot = await self._source.snapshot()
        oldest = min((c.started_at for c in self._calls if c.leg in known and c.started_at), default=snapshot.taken_at)
        since = min(oldest, deaf_since or oldest) - LEDGER_MARGIN
        reading = await self._ledger.read(since)
        playing = await self._playing(known)
        await self._floor(reading, snapshot, listening_again_at)
        for leg, seq in known.items():
            call = self._calls.get(leg)
            if call is not None:
                self._tell(call, snapshot, reading, playing, unchanged=call.seq == seq)
        self._unheard(snapshot)
        log.info("recovery.done", known=len(known), legs=len(snapshot.legs), live=len(self._calls))

    async def patrol(self) -> None:
        """Every now and then: a call whose leg has been gone in two rounds has ended, a lost event nobody noticed."""
        before = {call.leg for call in self._calls}
        snapshot = await self._source.snapshot()
        gone = [leg for leg in before if leg not in snapshot.legs and self._calls.get(leg) is not None]
        twice = [leg for leg in gone if leg in self._missing]
        self._missing = {leg: 1 for leg in gone if leg not in twice}
        if twice:
            reading = await self._ledger.read(self._oldest(twice, snapshot.taken_at) - LEDGER_MARGIN)
            for leg in twice:
                call = self._calls.get(leg)
                if call is not None:
                    self._tell(call, snapshot, reading, frozenset(), unchanged=True)
        self._unheard(snapshot)

    def _oldest(self, legs: Iterable[str], otherwise: datetime) -> datetime:
        begun = (call.started_at for call in self._calls if call.leg in legs)
        return min((at for at in begun if at), default=otherwise)

    async def _floor(self, reading: LedgerReading, snapshot: Snapshot, listening_again_at: datetime) -> None:
        """Calls that plain Asterisk took while we were away, known to us or not: ended ones are in the ledger, living
        ones carry the mark themselves."""
        living = {leg: seen.floor for leg, seen in snapshot.legs.items() if seen.floor is not None}
        for leg, took in {**reading.floor, **living}.items():
            call = self._calls.get(leg)
            if call is not None:
                if call.state is not State.FLOOR:
                    RECONCILED.labels("floor").inc()
                    self._calls.deliver(leg, took)
                continue
            if took.at > listening_again_at or leg in self._calls.finished or await self._finder.find(leg=leg):
                continue
            RECONCILED.labels("floor").inc()
            self._calls.deliver(leg, took)
            fresh = self._calls.get(leg)
            if fresh is not None:
                self._catch_up(fresh, reading)

    async def _playing(self, legs: Iterable[str]) -> frozenset[str]:
        """Which of the calls' prompts still play."""
        calls = [call for leg in legs if (call := self._calls.get(leg)) and call.state is State.IVR]
        prompts = [call.cursor.prompt for call in calls if call.cursor.prompt]
        answers = await asyncio.gather(*(self._source.is_playing(prompt) for prompt in prompts))
        return frozenset(prompt for prompt, plays in zip(prompts, answers, strict=True) if plays)

    def _tell(
        self, call: Call, snapshot: Snapshot, reading: LedgerReading, playing: frozenset[str], *, unchanged: bool
    ) -> None:
        """Bring one call up to date. ``unchanged``: no live event reached it since we listen again."""
        seen = snapshot.legs.get(call.leg)
        entries = missed(call, reading.queue.get(call.leg, []))
        back = seen.returned if seen is not None and came_back(call, seen.returned) else None
        for entry in entries:
            if isinstance(entry, ev.QueueLeft) and back is not None:
                continue  # the leg itself says so, with the exit we route by
            RECONCILED.labels("queue").inc()
            self._calls.deliver(call.leg, entry)
        if seen is None:
            RECONCILED.labels("ended").inc()
            self._calls.deliver(call.leg, self._end_of(call, snapshot, reading))
        elif back is not None and unchanged:
            RECONCILED.labels("returned").inc()
            self._calls.deliver(call.leg, back)
        elif unchanged:
            plays = call.cursor.prompt in playing
            event = ev.Recovered(at=snapshot.taken_at, in_application=seen.in_application, playing=plays)
            self._calls.deliver(call.leg, event)

    def _catch_up(self, call: Call, reading: LedgerReading) -> None:
        """A floor call we had never heard of: its queue entries, and its end if it has ended."""
        for entry in missed(call, reading.queue.get(call.leg, [])):
            self._calls.deliver(call.leg, entry)
        hangup = reading.hangups.get(call.leg)
        if hangup is not None:
            self._calls.deliver(call.leg, hangup)

    def _end_of(self, call: Call, snapshot: Snapshot, reading: LedgerReading) -> ev.Event:
        """How a vanished leg ended: as the ledger says, else the node died under it."""
        hangup = reading.hangups.get(call.leg)
        if hangup is not None:
            return hangup
        died = max(snapshot.node_started, call.started_at) if call.started_at else snapshot.node_started
        return ev.TelephonyRestarted(at=min(died, snapshot.taken_at))

    def _unheard(self, snapshot: Snapshot) -> None:
        """Legs in our application that no call owns: arrivals nobody heard."""
        for seen in snapshot.legs.values():
            fresh = snapshot.taken_at - seen.created < timedelta(seconds=1)
            if not seen.in_application or fresh or self._calls.get(seen.leg) is not None:
                continue
            if seen.leg in self._calls.finished:
                continue  # on its way out
            if seen.arrived is not None:
                RECONCILED.labels("unheard").inc()
                self._calls.deliver(seen.leg, seen.arrived)
            else:
                RECONCILED.labels("orphan").inc()
                log.warning("recovery.orphan", leg=seen.leg)
                self._source.release(seen.leg)


def missed(call: Call, entries: list[ev.Event]) -> list[ev.Event]:
    """Those of a leg's ledger entries that its call has not seen. Entries of earlier queue visits are older than
    ``queued_at`` (whole seconds) and skipped."""
    since = call.queued_at.replace(microsecond=0) if call.queued_at else None
    result: list[ev.Event] = []
    no_answers = 0
    for entry in entries:
        if since is not None and entry.at < since:
            continue
        match entry:
            case ev.QueueJoined() if call.joined:
                continue
            case ev.AgentDidNotAnswer():
                no_answers += 1
                if no_answers <= call.missed_offers:
                    continue
            case ev.AgentAnswered() if call.state is State.TALKING:
                continue
            case ev.AgentLeft() if call.talk_over:
                continue
            case ev.QueueAbandoned() if call.abandoned:
                continue
            case _:
                pass
        result.append(entry)
    return result


def came_back(call: Call, returned: ev.Event | None) -> bool:
    """Whether what a leg says it came back from is where its call still believes it to be. A leg keeps saying so until
    it is sent on again, so an answer that was given already must not be given twice."""
    match returned:
        case ev.QueueLeft():
            return call.state in (State.QUEUED, State.TALKING) and returned.queue.endswith(call.queue)
        case ev.DialLeft():
            return call.state in (State.RINGING, State.TALKING)
        case ev.VoicemailLeft():
            return call.state is State.VOICEMAIL
        case _:
            return False


def _younger(call: Call, listening_again_at: datetime) -> bool:
    return call.started_at is not None and call.started_at >= listening_again_at
