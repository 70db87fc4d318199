"""Meetings as they are written down: told once, twice, late, out of order by a crash."""

from __future__ import annotations

from collections.abc import AsyncIterator
from datetime import UTC, datetime, timedelta
from itertools import count
from uuid import UUID, uuid4

import asyncpg
import pytest

from m3voip.config import DEFAULT_TENANT
from m3voip.core.conference import PartyJoined, PartyLeft, RecordingTurned
from m3voip.storage.postgres.meetings import MeetingStore
from m3voip.storage.postgres.pool import Pool

pytestmark = pytest.mark.postgres

T0 = datetime(2026, 11, 25, 10, 0, tzinfo=UTC)
_numbers = count(7000)


@pytest.fixture
async def room(owner: asyncpg.Connection) -> AsyncIterator[UUID]:
    made = await owner.fetchval(
        "insert into conference (tenant_id, number, name) values ($1, $2, 'Daily') returning id",
        DEFAULT_TENANT, str(next(_numbers)),
    )  # fmt: skip
    yield made
    await owner.execute("delete from meeting where conference_id = $1", made)
    await owner.execute("delete from conference where id = $1", made)


class Told:
    """The store, and what happened in one conference by seconds."""

    def __init__(self, engine: Pool, owner: asyncpg.Connection, room: UUID) -> None:
        self.store, self.owner, self.room = MeetingStore(engine), owner, room

    async def joined(self, leg: str, second: float, call_id: UUID | None = None) -> None:
        at = T0 + timedelta(seconds=second)
        event = PartyJoined(conference=self.room, at=at, leg=leg, number="101", moderator=False)
        await self.store.joined(event, call_id)

    async def left(self, leg: str, second: float) -> None:
        await self.store.left(PartyLeft(conference=self.room, at=T0 + timedelta(seconds=second), leg=leg))

    async def meetings(self) -> list[tuple[float, float | None, int]]:
        rows = await self.owner.fetch("select * from meeting where conference_id = $1 order by id", self.room)
        return [(_s(row["started_at"]), _s(row["ended_at"]), row["parties"]) for row in rows]

    async def stays(self) -> list[tuple[str, float, float | None]]:
        rows = await self.owner.fetch(
            "select p.* from meeting_party p join meeting m on m.id = p.meeting_id where m.conference_id = $1"
            " order by m.id, p.seq", self.room)  # fmt: skip
        return [(row["leg"], _s(row["joined_at"]), _s(row["left_at"])) for row in rows]


def _s(at: datetime | None) -> float:
    return (at - T0).total_seconds() if at else -1.0


@pytest.fixture
def told(engine: Pool, owner: asyncpg.Connection, room: UUID) -> Told:
    return Told(engine, owner, room)


async def test_a_meeting_lasts_from_the_first_party_to_the_last(told: Told) -> None:
    await told.joined("a", 0)
    await told.joined("b", 5)
    await told.left("a", 20)
    assert await told.meetings() == [(0, -1, 2)]
    await told.left("b", 30)
    await told.joined("a", 100)
    assert await told.meetings() == [(0, 30, 2), (100, -1, 1)]
    assert await told.stays() == [("a", 0, 20), ("b", 5, 30), ("a", 100, -1)]


async def test_what_is_told_again_changes_nothing(told: Told) -> None:
    for _ in range(2):
        await told.joined("a", 0)
        await told.joined("a", 0.4)  # the ledger's moment is another
        await told.left("a", 60)
        await told.left("a", 61)
    assert (await told.meetings(), await told.stays()) == ([(0, 60, 1)], [("a", 0, 60)])


async def test_who_comes_back_has_two_stays(told: Told) -> None:
    await told.joined("b", 0)
    await told.joined("a", 10)
    await told.left("a", 40)
    await told.joined("a", 70)
    assert await told.meetings() == [(0, -1, 3)]
    assert await told.stays() == [("b", 0, -1), ("a", 10, 40), ("a", 70, -1)]


async def test_who_is_not_there_any_more_has_left_but_not_who_came_meanwhile(told: Told) -> None:
    for leg, second in (("gone", 0), ("here", 5), ("new", 50)):
        await told.joined(leg, second)
    await told.store.close_absent(frozenset({"here"}), T0 + timedelta(seconds=45))
    assert await told.stays() == [("gone", 0, 45), ("here", 5, -1), ("new", 50, -1)]
    await told.store.close_absent(frozenset(), T0 + timedelta(seconds=80))
    assert await told.meetings() == [(0, 80, 3)]


async def test_a_recording_belongs_to_the_meeting_in_which_it_began(told: Told) -> None:
    await told.joined("a", 0)
    await told.store.recording(RecordingTurned(conference=told.room, at=T0, on=True))
    assert await told.owner.fetchval("select recording from meeting where conference_id = $1", told.room)
    going_on = await told.store.of_recording(told.room, T0 + timedelta(seconds=3))
    assert going_on
    assert not going_on.ended
    await told.left("a", 60)
    assert not await told.owner.fetchval("select recording from meeting where conference_id = $1", told.room)
    await told.joined("b", 100)
    first = await told.store.of_recording(told.room, T0 - timedelta(seconds=1))  # named before the party is in
    second = await told.store.of_recording(told.room, T0 + timedelta(seconds=99))
    assert first
    assert second
    assert (first.meeting_id, first.ended, second.ended) == (going_on.meeting_id, True, False)
    assert await told.store.of_recording(uuid4(), T0) is None


async def test_a_conference_that_was_deleted_gets_no_meeting(told: Told) -> None:
    await told.owner.execute("delete from conference where id = $1", told.room)
    await told.joined("a", 0)
    assert await told.meetings() == []
