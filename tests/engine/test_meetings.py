"""The engine's notes of meetings: in order, patient, caught up after the node was away."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Callable
from datetime import UTC, datetime, timedelta
from uuid import UUID

import pytest

from m3voip.core import events as ev
from m3voip.core.conference import (
    ConferenceBegan,
    ConferenceEvent,
    Party,
    PartyJoined,
    PartyLeft,
    PartyMuted,
    RecordingTurned,
    Roster,
)
from m3voip.core.errors import ProviderError
from m3voip.engine import meetings
from m3voip.engine.meetings import Meetings
from tests.support.eventually import eventually

pytestmark = pytest.mark.unit

T0 = datetime(2026, 11, 25, 10, 0, tzinfo=UTC)
ROOM, CALL = UUID(int=8), UUID(int=9)


class World:
    """All that is around the notes."""

    def __init__(self) -> None:
        self.lines: list[str] = []
        self.told: list[tuple[str, ev.Event]] = []
        self.locked: list[UUID] = []
        self.away = 0
        self.ledger: list[PartyJoined | PartyLeft] = []
        self.since: datetime | None = None
        self.known: datetime | None = None
        self.notes = Meetings(
            node=self, ledger=self, notes=self, clock=self, call_of=lambda leg: CALL if leg == "call" else None,
            deliver=lambda leg, event: self.told.append((leg, event)), locked_at_start=lambda room: room == ROOM,
        )  # fmt: skip

    def now(self) -> datetime:
        return T0

    async def joined(self, event: PartyJoined, call_id: UUID | None) -> None:
        self._write(f"{event.leg} joined" + (" as a call" if call_id else ""))

    async def left(self, event: PartyLeft) -> None:
        self._write(f"{event.leg} left")

    async def recording(self, event: RecordingTurned) -> None:
        self._write(f"recording {event.on}")

    async def known_until(self) -> datetime | None:
        return self.known

    async def close_absent(self, present: frozenset[str], at: datetime) -> None:
        self._write(f"only {', '.join(sorted(present))} since {at:%H:%M}")

    async def stays(self, since: datetime) -> list[PartyJoined | PartyLeft]:
        self.since = since
        return self.ledger

    async def present(self) -> frozenset[str]:
        return frozenset({"here"})

    def lock_now(self, conference: UUID) -> None:
        self.locked.append(conference)

    async def roster(self, conference: UUID) -> Roster | None:
        raise NotImplementedError

    async def mute(self, conference: UUID, party: Party | None, *, on: bool) -> bool:
        raise NotImplementedError

    async def kick(self, conference: UUID, party: Party | None) -> bool:
        raise NotImplementedError

    async def lock(self, conference: UUID, *, on: bool) -> bool:
        raise NotImplementedError

    async def record(self, conference: UUID, *, on: bool) -> bool:
        raise NotImplementedError

    def _write(self, line: str) -> None:
        if self.away:
            self.away -= 1
            raise ProviderError("Postgres is away", retryable=True)
        self.lines.append(line)


@pytest.fixture
async def world(monkeypatch: pytest.MonkeyPatch) -> AsyncIterator[World]:
    monkeypatch.setattr(meetings, "RETRY_S", 0.0)
    world = World()
    running = asyncio.create_task(world.notes.run(), name="tests.meetings")
    yield world
    running.cancel()
    await asyncio.gather(running, return_exceptions=True)


def event(kind: Callable[..., ConferenceEvent], **more: object) -> ConferenceEvent:
    return kind(conference=ROOM, at=T0, **more)


def joined(leg: str) -> PartyJoined:
    return PartyJoined(conference=ROOM, at=T0, leg=leg, number="101", moderator=False)


def left(leg: str) -> PartyLeft:
    return PartyLeft(conference=ROOM, at=T0, leg=leg)


async def test_everything_is_written_in_order_however_long_postgres_is_away(world: World) -> None:
    world.away = 5
    for heard in (joined("a"), joined("call"), event(RecordingTurned, on=True), left("a")):
        world.notes.take(heard)
    await eventually(lambda: len(world.lines) == 4)
    assert world.lines == ["a joined", "call joined as a call", "recording True", "a left"]


async def test_after_the_node_was_away_the_ledger_is_told_from_where_the_notes_end(world: World) -> None:
    world.ledger = [joined("b"), left("b")]
    world.notes.review()
    await eventually(lambda: len(world.lines) == 3)
    assert world.lines == ["b joined", "b left", "only here since 10:00"]
    assert world.since == T0 - timedelta(days=1)
    world.known = T0 - timedelta(minutes=5)
    world.notes.review()
    await eventually(lambda: len(world.lines) == 6)
    assert world.since == T0 - timedelta(minutes=5, seconds=10)


async def test_only_a_conference_that_begins_locked_is_locked(world: World) -> None:
    world.notes.take(event(ConferenceBegan))
    world.notes.take(ConferenceBegan(conference=UUID(int=7), at=T0))
    assert world.locked == [ROOM]


async def test_a_call_hears_that_it_is_muted_and_an_agent_s_own_has_nobody_to_tell(world: World) -> None:
    world.notes.take(event(PartyMuted, leg="call", muted=True))
    world.notes.take(event(PartyMuted, leg="agent", muted=True))
    assert world.told == [("call", ev.ConferenceMuted(at=T0, muted=True))]
