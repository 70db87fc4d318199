"""After every (re)connection to the telephony node: what we believe against what it holds, put right by events.

Theory of operation. The node throws events away while nobody listens, but keeps the legs. So from the moment the connection
is lost (or a process begins), events of calls are held back. When it is back, we take a snapshot of the node's legs, read its
own ledger (queue log, ends of legs), and tell each call what it missed and what was held back, in the order in which it
happened: then its end, or ``Recovered``. Calls that arrive while that is going on have missed nothing and are not held back.
Legs that stand in our application and that we never heard of are calls that arrived unheard. Everything goes through the
same mailbox as live events, so there is one way to change a call.
"""

from __future__ import annotations

import asyncio
import time
from collections.abc import Iterable, Sequence
from datetime import datetime, timedelta
from uuid import UUID

import structlog

from m3voip.core import events as ev
from m3voip.core.call import Call, State
from m3voip.core.errors import M3voipError
from m3voip.engine.calls import Calls
from m3voip.engine.comparison import SETTLED, Comparison, restarted, unheard_words
from m3voip.engine.metrics import RECONCILED
from m3voip.engine.missed import ASKING, LEFT, asked_since, is_end
from m3voip.ports import CallFinder, Ledger, LedgerReading, Snapshot, SnapshotSource

log = structlog.get_logger()

LEDGER_MARGIN = timedelta(seconds=2)
"""The queue log has whole seconds only; read a little further back than the oldest call."""
FLOOR_MARGIN = timedelta(seconds=10)
"""Calls of the floor are looked for from so long before the last look: snapshot and ledger are not of one instant."""
LEDGER_TRIES, LEDGER_PAUSE_S = 10, 0.1
"""A leg's end is in the ledger some milliseconds after the leg is gone."""


class Recovery:
    """All events of legs come in by ``hear``. One ``reconcile`` at a time: the node awaits it before it is connected."""

    def __init__(self, *, calls: Calls, source: SnapshotSource, ledger: Ledger, finder: CallFinder) -> None:
        self._calls = calls
        self._source = source
        self._ledger = ledger
        self._finder = finder
        self._deaf = True
        self._held: dict[str, list[ev.Event]] = {}
        self._fresh: set[str] = set()
        self._missing: set[str] = set()
        self._floor_since: datetime | None = None
        self._unexplained: asyncio.Queue[str] = asyncio.Queue()
        self._too_young: asyncio.Queue[LedgerReading] = asyncio.Queue()

    def hear(self, leg: str, event: ev.Event) -> None:
        """An event of the node. While we do not know what was missed, only those of new calls are answered."""
        if not self._deaf or leg in self._fresh:
            self._calls.deliver(leg, event)
        elif isinstance(event, ev.CallArrived) and self._calls.get(leg) is None:
            self._fresh.add(leg)
            self._calls.deliver(leg, event)
        else:
            self._held.setdefault(leg, []).append(event)

    def lost(self) -> None:
        """The connection is gone: from now on every call misses something."""
        self._deaf = True
        self._fresh.clear()

    async def reconcile(self, deaf_since: datetime | None = None) -> None:
        """Put right what was missed. ``deaf_since``: when we last heard the node; calls that we never knew are looked for
        from there. Raises ProviderError when the node cannot be asked."""
        if deaf_since is not None:
            self._floor_since = min(deaf_since, self._floor_since or deaf_since)
        laps = _Laps()
        snapshot = await self._source.snapshot()
        laps.end("snapshot")
        old = [call for call in self._calls if call.leg not in self._fresh]
        reading = await self._read(snapshot, old)
        laps.end("ledger")
        playing = await self._playing(old)
        laps.end("prompts")
        strangers = await self._strangers(snapshot, reading)
        laps.end("strangers")
        # Nothing awaits from here until events flow again, so none is overtaken.
        compare = Comparison(self._calls, self._source, snapshot, reading, playing=playing, held=self._held)
        for call in old:
            compare.tell(call.leg, call.seq)
        compare.welcome(strangers)
        if compare.unheard():
            self._too_young.put_nowait(reading)
        self._open(snapshot)
        await self._source.sweep(self._lives)
        laps.end("rest")
        log.info("recovery.done", known=len(old), legs=len(snapshot.legs), live=len(self._calls), ms=laps.ms)

    async def patrol(self) -> None:
        """Every now and then: a call whose leg has been gone in two rounds has ended, a lost event nobody noticed; and
        calls that came to the floor while the connection was being made."""
        before = {call.leg for call in self._calls}
        await self._source.sweep(self._lives)
        snapshot = await self._source.snapshot()
        gone = {leg for leg in before if leg not in snapshot.legs and self._calls.get(leg) is not None}
        twice = gone & self._missing
        self._missing = gone - twice
        reading = await self._ledger.read(self._since(snapshot, [call for call in self._calls if call.leg in twice]))
        strangers = await self._strangers(snapshot, reading)
        if self._deaf:
            return
        compare = Comparison(self._calls, self._source, snapshot, reading)
        for leg in twice:
            compare.tell(leg)
        compare.welcome(strangers)
        compare.unheard()

    async def review(self) -> None:
        """The node's second voice, which tells of queues, was away and is back: what did the queues do meanwhile?"""
        await self._say_words([call.leg for call in self._calls if call.state in ASKING])

    def explain(self, leg: str) -> None:
        """This call's leg is gone, and its queue has said nothing: find out what it did. ``run`` does."""
        self._unexplained.put_nowait(leg)

    async def settle(self) -> None:
        """Looks again at legs that were too young to tell when the connection was made. Until cancelled."""
        while True:
            reading = await self._too_young.get()
            await asyncio.sleep(SETTLED.total_seconds())
            try:
                snapshot = await self._source.snapshot()
            except M3voipError:  # the connection is gone again, and all is looked at with the next
                continue
            if not self._deaf:
                Comparison(self._calls, self._source, snapshot, reading).unheard()

    async def run(self) -> None:
        """Asks the ledger for calls that nobody explained. Until cancelled."""
        while True:
            legs = [await self._unexplained.get()]
            while not self._unexplained.empty():
                legs.append(self._unexplained.get_nowait())
            RECONCILED.labels("unexplained").inc(len(legs))
            await self._say_words(legs)
            for leg in legs:
                self._calls.stop_waiting(leg)

    async def _say_words(self, legs: Sequence[str]) -> None:
        calls = [call for leg in legs if (call := self._calls.get(leg)) is not None]
        since = _oldest(calls)
        if since is None:
            return
        reading = await self._ledger.read(since)
        for leg in legs:
            call = self._calls.get(leg)
            if call is None or (self._deaf and leg not in self._fresh):
                continue  # reconciling does it
            for word in unheard_words(call, reading):
                if not isinstance(word, LEFT):
                    self._calls.deliver(leg, word)

    async def _read(self, snapshot: Snapshot, calls: Sequence[Call]) -> LedgerReading:
        """The ledger, with the ends of those legs that have just gone."""
        since = self._since(snapshot, calls)
        reading = await self._ledger.read(since)
        for _ in range(LEDGER_TRIES):
            if all(self._accounted(call, snapshot, reading) for call in calls):
                break
            await asyncio.sleep(LEDGER_PAUSE_S)
            reading = await self._ledger.read(since)
        return reading

    def _accounted(self, call: Call, snapshot: Snapshot, reading: LedgerReading) -> bool:
        leg = call.leg
        known = leg in snapshot.legs or leg in reading.hangups or restarted(call, snapshot)
        return known or is_end(self._held.get(leg, ()))

    async def _playing(self, calls: Iterable[Call]) -> frozenset[str]:
        """Which of the calls' prompts still play."""
        prompts = [call.cursor.prompt for call in calls if call.state is State.IVR and call.cursor.prompt]
        answers = await asyncio.gather(*(self._source.is_playing(prompt) for prompt in prompts))
        return frozenset(prompt for prompt, plays in zip(prompts, answers, strict=True) if plays)

    async def _strangers(self, snapshot: Snapshot, reading: LedgerReading) -> dict[str, ev.FloorTook]:
        """Calls that nobody told us of: ended ones are in the ledger, living ones carry the floor's mark themselves."""
        living = {leg: seen.floor for leg, seen in snapshot.legs.items() if seen.floor is not None}
        found: dict[str, ev.FloorTook] = {}
        try:
            for leg, took in {**reading.unheard, **reading.floor, **living}.items():
                known = self._calls.get(leg) is not None or leg in self._calls.finished
                if not known and await self._finder.find(leg=leg) is None:
                    found[leg] = took
        except M3voipError as error:  # the patrol looks again, from where we began
            log.warning("recovery.floor_unknown", why=str(error))
            return {}
        self._floor_since = snapshot.taken_at - FLOOR_MARGIN
        return found

    def _open(self, snapshot: Snapshot) -> None:
        """Events flow again. Of legs that are not in our application we hear only if we ask for it."""
        self._deaf = False
        self._fresh.clear()
        held = list(self._held.items())
        self._held.clear()
        for leg, events in held:
            for event in events:
                self._calls.deliver(leg, event)
        for call in self._calls:
            seen = snapshot.legs.get(call.leg)
            if seen is not None and not seen.in_application:
                self._source.watch(call.leg)
            if call.state is State.TALKING and call.agent_leg in snapshot.legs:
                self._source.watch(call.agent_leg)

    def _lives(self, call_id: UUID) -> bool:
        return self._calls.by_id(call_id) is not None

    def _since(self, snapshot: Snapshot, calls: Sequence[Call]) -> datetime:
        return min(self._floor_since or snapshot.taken_at, _oldest(calls) or snapshot.taken_at)


class _Laps:
    """What took how long, for whoever asks why it took so long."""

    def __init__(self) -> None:
        self.ms: dict[str, int] = {}
        self._since = time.monotonic()

    def end(self, name: str) -> None:
        """The part of this name is over."""
        now = time.monotonic()
        self.ms[name] = round((now - self._since) * 1000)
        self._since = now


def _oldest(calls: Iterable[Call]) -> datetime | None:
    """From when on the ledger tells all that these calls can have missed."""
    begun = [asked_since(call) or call.started_at for call in calls]
    return min((at - LEDGER_MARGIN for at in begun if at is not None), default=None)
