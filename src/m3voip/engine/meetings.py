"""Meetings of conferences, written down as they happen.

Theory of operation. Asterisk runs conferences by itself; we only take notes. Events go through one queue into Postgres, in
order, and wait there while it is away. What was not heard (the service was dead, the connection was lost) Asterisk's ledger
tells: after every connection it is read from where our notes end, and told to the same log, which knows what it has. Whoever
is not in a conference any more and whose end nobody wrote down has left.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from datetime import timedelta
from uuid import UUID

import structlog

from m3voip.core import events as ev
from m3voip.core.conference import (
    ConferenceBegan,
    ConferenceEvent,
    PartyJoined,
    PartyLeft,
    PartyMuted,
    RecordingTurned,
)
from m3voip.core.errors import M3voipError
from m3voip.ports import Clock, ConferenceNode, Deliver, MeetingLog, StayLedger

log = structlog.get_logger()

RETRY_S = 1.0
FURTHEST_BACK = timedelta(days=1)
"""How far the ledger is read back where no meeting has been written down yet."""
MARGIN = timedelta(seconds=10)


class Meetings:
    """``take`` and ``review`` never block; ``run`` does the writing. ``call_of`` finds the live call of a leg."""

    def __init__(
        self,
        *,
        node: ConferenceNode,
        ledger: StayLedger,
        notes: MeetingLog,
        clock: Clock,
        call_of: Callable[[str], UUID | None],
        deliver: Deliver,
        locked_at_start: Callable[[UUID], bool],
    ) -> None:
        self._node = node
        self._ledger = ledger
        self._notes = notes
        self._clock = clock
        self._call_of = call_of
        self._deliver = deliver
        self._locked_at_start = locked_at_start
        self._heard: asyncio.Queue[ConferenceEvent | None] = asyncio.Queue()

    def take(self, event: ConferenceEvent) -> None:
        """Something happened."""
        match event:
            case ConferenceBegan():
                if self._locked_at_start(event.conference):
                    self._node.lock_now(event.conference)
            case PartyMuted():
                if self._call_of(event.leg) is not None:
                    self._deliver(event.leg, ev.ConferenceMuted(at=event.at, muted=event.muted))
            case _:
                self._heard.put_nowait(event)

    def review(self) -> None:
        """The node was away and is back: what happened meanwhile?"""
        self._heard.put_nowait(None)

    async def run(self) -> None:
        """Until cancelled."""
        while True:
            event = await self._heard.get()
            while not await self._written(event):  # noqa: ASYNC110  # Postgres or Asterisk is away
                await asyncio.sleep(RETRY_S)

    async def _written(self, event: ConferenceEvent | None) -> bool:
        try:
            match event:
                case None:
                    await self._catch_up()
                case PartyJoined():
                    await self._notes.joined(event, self._call_of(event.leg))
                case PartyLeft():
                    await self._notes.left(event)
                case RecordingTurned():
                    await self._notes.recording(event)
                case _:
                    raise TypeError(f"unknown conference event {type(event).__name__}")
        except (M3voipError, OSError) as error:
            log.warning("meetings.not_written", why=str(error), next_s=RETRY_S)
            return False
        return True

    async def _catch_up(self) -> None:
        now = self._clock.now()
        # In this order: who is not present has their end in the ledger by the time that it is read.
        present = await self._node.present()
        known = await self._notes.known_until()
        since = now - FURTHEST_BACK if known is None else known - MARGIN
        for stay in await self._ledger.stays(since):
            if isinstance(stay, PartyJoined):
                await self._notes.joined(stay, self._call_of(stay.leg))
            else:
                await self._notes.left(stay)
        await self._notes.close_absent(present, now)
        log.info("meetings.caught_up", present=len(present))
