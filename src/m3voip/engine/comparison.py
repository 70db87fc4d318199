"""One snapshot of the node and one reading of its ledger, held against our calls: each is told what it did not hear.

Law: nothing here awaits, so no event of the node comes between two things that a call is told.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import timedelta

import structlog
from msgspec.structs import replace

from m3voip.core import events as ev
from m3voip.core.call import Call, State
from m3voip.core.causes import UNKNOWN
from m3voip.core.supervision import PREFIX as SUPERVISION
from m3voip.engine.calls import Calls
from m3voip.engine.metrics import RECONCILED
from m3voip.engine.missed import LEFT, came_back, is_end, merged, missed
from m3voip.ports import LedgerReading, LegSeen, Snapshot, SnapshotSource

log = structlog.get_logger()

SETTLED = timedelta(seconds=1)
"""A leg so young may have been announced already; its event is on its way."""
TOGETHER = timedelta(seconds=0.5)
"""Legs of a talk that somebody hung up end within milliseconds."""
ANSWERED = "ANSWER"


class Comparison:
    """``playing``: prompts that still play. ``held``: per leg what was heard before this; taken out as it is told."""

    def __init__(
        self,
        calls: Calls,
        source: SnapshotSource,
        snapshot: Snapshot,
        reading: LedgerReading,
        *,
        playing: frozenset[str] = frozenset(),
        held: dict[str, list[ev.Event]] | None = None,
    ) -> None:
        self._calls = calls
        self._source = source
        self._snapshot = snapshot
        self._reading = reading
        self._playing = playing
        self._held = {} if held is None else held

    def tell(self, leg: str, seq: int | None = None) -> None:
        """Bring one call up to date. ``seq``: where it was when the snapshot was asked for; if it has moved since, it needs
        no telling where it is."""
        call = self._calls.get(leg)
        if call is None:
            return
        unmoved = seq is None or call.seq == seq
        held = self._held.pop(leg, [])
        seen = self._snapshot.legs.get(leg)
        call = self._on_floor(call, seen)
        waits = seen is not None and seen.in_application and not is_end(held)
        if waits and call.state is State.IVR and unmoved:
            self._recovered(call, in_application=True)
            self._deliver(leg, held)
            return
        back = seen.returned if seen is not None and came_back(call, seen.returned) else None
        back_heard = any(isinstance(event, LEFT) for event in held)
        for event in merged(self._with_end_of_talk(call, unheard_words(call, self._reading)), held):
            if event in held:
                unmoved = not self._moved_by(leg, event) and unmoved
            elif not isinstance(event, LEFT):
                self._calls.deliver(leg, event)
            elif back is None and not back_heard:  # else the leg itself says so
                self._served_without_us(call, event)
        self._parties(call)
        if seen is None:
            if not is_end(held):
                RECONCILED.labels("ended").inc()
                self._calls.deliver(leg, self._end_of(call))
        elif back is not None and unmoved:
            RECONCILED.labels("returned").inc()
            self._calls.deliver(leg, back)
        elif unmoved:
            self._recovered(call, in_application=waits)

    def _with_end_of_talk(self, call: Call, words: list[ev.Event]) -> list[ev.Event]:
        """When the agent's leg ended before the caller's, their talk was over: a dial writes that nowhere, and a queue in whole
        seconds. Where both ended together, who hung up cannot be told from that."""
        ended, gone = self._reading.hangups.get(call.agent_leg), self._reading.hangups.get(call.leg)
        if call.state is not State.TALKING or call.talk_over or ended is None:
            return words
        if (gone.at if gone else self._snapshot.taken_at) - ended.at < TOGETHER:
            return words
        said = next((word for word in words if isinstance(word, ev.AgentLeft)), None)
        if said is None:
            return [*words, ev.AgentLeft(at=ended.at, extension=call.agent, by_caller=False)]
        return [replace(word, at=ended.at) if word is said else word for word in words]

    def _parties(self, call: Call) -> None:
        """The other legs of a call in hand: some came or went unheard."""
        for party in call.parties.values():
            if party.leg == call.leg:
                continue
            seen = self._snapshot.legs.get(party.leg)
            self._deliver(party.leg, self._held.pop(party.leg, []))
            if seen is None:
                self._calls.deliver(party.leg, ev.CallerHungUp(at=self._snapshot.taken_at, cause=UNKNOWN))
            elif seen.in_application and not party.here:
                self._calls.deliver(party.leg, ev.LegArrived(at=self._snapshot.taken_at))

    def welcome(self, strangers: Mapping[str, ev.FloorTook]) -> None:
        """Write down the calls that we never heard of, with all that happened to them."""
        for leg, took in strangers.items():
            if self._calls.get(leg) is not None or leg in self._calls.finished:
                continue  # it was heard meanwhile
            RECONCILED.labels("floor").inc()
            self._calls.deliver(leg, took)
            call = self._calls.get(leg)
            if call is not None:
                self._deliver(leg, merged(unheard_words(call, self._reading), self._held.pop(leg, [])))
            hangup = self._reading.hangups.get(leg)
            if hangup is not None:
                self._calls.deliver(leg, hangup)
            elif leg in self._snapshot.legs:
                self._source.watch(leg)

    def unheard(self) -> bool:
        """Legs in our application that no call owns are arrivals nobody heard. Whether some are too young to tell."""
        young = False
        for seen in self._snapshot.legs.values():
            if not seen.in_application or self._calls.get(seen.leg) is not None or seen.leg in self._calls.finished:
                continue
            if seen.leg.startswith(SUPERVISION):
                continue  # its owner reconciles itself
            if self._snapshot.taken_at - seen.created < SETTLED:
                young = True
            elif seen.arrived is not None:
                RECONCILED.labels("unheard").inc()
                self._calls.deliver(seen.leg, seen.arrived)
            else:
                RECONCILED.labels("orphan").inc()
                log.warning("recovery.orphan", leg=seen.leg)
                self._source.release(seen.leg)
        return young

    def _moved_by(self, leg: str, event: ev.Event) -> bool:
        before = self._calls.get(leg)
        self._calls.deliver(leg, event)
        after = self._calls.get(leg)
        return before is None or after is None or before.seq != after.seq

    def _deliver(self, leg: str, events: Sequence[ev.Event]) -> None:
        for event in events:
            self._calls.deliver(leg, event)

    def _on_floor(self, call: Call, seen: LegSeen | None) -> Call:
        """A call that plain Asterisk took over from us."""
        took = self._reading.floor.get(call.leg) or (seen.floor if seen else None)
        if took is not None and not call.floor:
            RECONCILED.labels("floor").inc()
            self._calls.deliver(call.leg, took)
        return self._calls.get(call.leg) or call

    def _recovered(self, call: Call, *, in_application: bool) -> None:
        plays = call.cursor.prompt in self._playing
        event = ev.Recovered(at=self._snapshot.taken_at, in_application=in_application, playing=plays)
        self._calls.deliver(call.leg, event)

    def _served_without_us(self, call: Call, left: ev.Event) -> None:
        """The caller came out of a queue or a dial while nobody was there: plain Asterisk went on."""
        if isinstance(left, ev.DialLeft) and left.status == ANSWERED:
            self._calls.deliver(call.leg, ev.AgentLeft(at=left.at, extension=left.extension, by_caller=False))
            return
        began = call.started_at or left.at
        took = ev.FloorTook(at=left.at, leg=call.leg, node="", created=began, did=call.did, caller=call.caller)
        self._calls.deliver(call.leg, took)
        if isinstance(left, ev.QueueLeft):
            self._calls.deliver(call.leg, left)

    def _end_of(self, call: Call) -> ev.Event:
        """How a vanished leg ended: as the ledger says, else the node died under it."""
        hangup, taken_at = self._reading.hangups.get(call.leg), self._snapshot.taken_at
        if hangup is not None:
            return hangup
        if restarted(call, self._snapshot):
            return ev.TelephonyRestarted(at=min(self._snapshot.node_started, taken_at))
        return ev.CallerHungUp(at=taken_at, cause=UNKNOWN)


def unheard_words(call: Call, reading: LedgerReading) -> list[ev.Event]:
    """What the ledger tells of a call that it has not seen."""
    hangup = reading.hangups.get(call.leg)
    words = missed(call, reading.queue.get(call.leg, []), hangup.at if hangup else None)
    RECONCILED.labels("queue").inc(len(words))
    return words


def restarted(call: Call, snapshot: Snapshot) -> bool:
    """Whether the node began anew during this call."""
    return call.started_at is not None and snapshot.node_started > call.started_at
