"""Meetings as the engine writes them (port MeetingLog) and their recordings' job finds them (port
MeetingFinder).

Law: whatever is told twice changes nothing the second time, because after a crash the ledger tells all of it again.
"""

from __future__ import annotations

import os
from datetime import datetime
from uuid import UUID

from m3voip.core.conference import PartyJoined, PartyLeft, RecordingTurned
from m3voip.core.ids import uuid7
from m3voip.ports import HeldMeeting, StoredFile
from m3voip.storage.postgres.pool import Pool
from m3voip.storage.postgres.queries import load

_SQL = load("meetings")


class MeetingStore:
    """Over the engine's pool. Raises StorageUnavailable when Postgres is away."""

    def __init__(self, pool: Pool) -> None:
        self._pool = pool

    async def joined(self, event: PartyJoined, call_id: UUID | None) -> None:
        """A party is in; the first begins a meeting. Nothing is known of a conference that was deleted meanwhile."""
        async with self._pool.transaction() as db:
            conference = await db.fetchrow(_SQL["conference"], event.conference)
            if conference is None or await db.fetchval(_SQL["known"], event.conference, event.leg, event.at):
                return
            meeting = await db.fetchrow(_SQL["open"], event.conference)
            meeting_id = meeting["id"] if meeting else uuid7(event.at, os.urandom(10))
            if meeting is None:
                await db.execute(_SQL["begin"], meeting_id, conference["tenant_id"], event.conference,
                                 conference["number"], conference["name"], event.at)  # fmt: skip
            await db.execute(_SQL["join"], meeting_id, event.leg, call_id, event.number, event.moderator, event.at)

    async def left(self, event: PartyLeft) -> None:
        """A party is out; the last ends the meeting."""
        async with self._pool.transaction() as db:
            await db.execute(_SQL["leave"], event.conference, event.leg, event.at)
            await db.execute(_SQL["end_empty"], event.conference)

    async def recording(self, event: RecordingTurned) -> None:
        """The meeting is recorded from now on, or no longer."""
        async with self._pool.connection() as db:
            await db.execute(_SQL["recording"], event.conference, event.on)

    async def known_until(self) -> datetime | None:
        """From when on something may be missing."""
        async with self._pool.connection() as db:
            known: datetime | None = await db.fetchval(_SQL["known_until"])
        return known

    async def close_absent(self, present: frozenset[str], at: datetime) -> None:
        """Whoever joined before ``at`` and is not ``present`` has left, by then; empty meetings have ended."""
        async with self._pool.transaction() as db:
            await db.execute(_SQL["close_absent"], list(present), at)
            await db.execute(_SQL["end_empty"], None)

    async def of_recording(self, conference: UUID, begun: datetime) -> HeldMeeting | None:
        """The meeting in which a recording of this conference began."""
        async with self._pool.connection() as db:
            row = await db.fetchrow(_SQL["of_recording"], conference, begun)
        return HeldMeeting(**row) if row else None

    async def add_recording(
        self, recording: UUID, meeting: HeldMeeting, file: StoredFile, duration_s: float, at: datetime
    ) -> None:
        """Link a recording in the vault to its meeting."""
        async with self._pool.connection() as db:
            await db.execute(
                _SQL["recorded"], recording, meeting.tenant_id, meeting.meeting_id, file.key, file.sha256, duration_s,
                file.size, at,
            )  # fmt: skip
