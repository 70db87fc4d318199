"""Conferences, and the meetings that were held in them. PINs can be written (as digests) and not read."""

from __future__ import annotations

from datetime import datetime
from uuid import UUID

from msgspec import Struct

from m3voip.storage.postgres.admin.refusals import Missing
from m3voip.storage.postgres.admin.table import Db, Table


class ConferenceRow(Struct, frozen=True, kw_only=True):
    """A conference."""

    id: UUID
    number: str
    name: str
    has_pin: bool
    has_moderator_pin: bool
    max_parties: int
    record: str
    music: str
    announce: bool
    locked_at_start: bool
    wait_for_moderator: bool
    active: bool
    created_at: datetime
    updated_at: datetime


TABLE = Table(
    name="conference",
    what="conference",
    row=ConferenceRow,
    written=frozenset({"pin_digest", "moderator_pin_digest"}),
    rules={
        "conference_moderator": ("moderatorPin", "is needed for waitForModerator and lockedAtStart."),
        "conference_pins_differ": ("moderatorPin", "must differ from pin."),
    },
)


class MeetingRow(Struct, frozen=True, kw_only=True):
    """A meeting; ``parties`` counts joins."""

    id: UUID
    conference_id: UUID
    number: str
    name: str
    started_at: datetime
    ended_at: datetime | None
    parties: int
    recording: bool


class PartyRow(Struct, frozen=True, kw_only=True):
    """One party's stay in a meeting."""

    leg: str
    call_id: UUID | None
    number: str
    moderator: bool
    joined_at: datetime
    left_at: datetime | None


_MEETING = ", ".join(MeetingRow.__struct_fields__)
_PARTY = ", ".join(PartyRow.__struct_fields__)


async def meeting_page(
    db: Db, tenant_id: UUID, *, conference_id: UUID | None, before: UUID | None, limit: int
) -> list[MeetingRow]:
    """Up to ``limit + 1`` meetings, newest first, older than the meeting ``before``."""
    rows = await db.fetch(
        f"""SELECT {_MEETING} FROM meeting
            WHERE tenant_id = $1 AND ($2::uuid IS NULL OR conference_id = $2) AND ($3::uuid IS NULL OR id < $3)
            ORDER BY id DESC LIMIT $4""",  # noqa: S608
        tenant_id,
        conference_id,
        before,
        limit + 1,
    )
    return [MeetingRow(**row) for row in rows]


async def meeting(db: Db, tenant_id: UUID, meeting_id: UUID) -> MeetingRow:
    """One meeting. Raises Missing."""
    row = await db.fetchrow(f"SELECT {_MEETING} FROM meeting WHERE tenant_id = $1 AND id = $2", tenant_id, meeting_id)  # noqa: S608
    if row is None:
        raise Missing("meeting")
    return MeetingRow(**row)


async def open_meeting(db: Db, tenant_id: UUID, conference_id: UUID) -> MeetingRow | None:
    """The meeting that goes on in a conference, as far as it is written down yet."""
    row = await db.fetchrow(
        f"SELECT {_MEETING} FROM meeting WHERE tenant_id = $1 AND conference_id = $2 AND ended_at IS NULL",  # noqa: S608
        tenant_id,
        conference_id,
    )
    return MeetingRow(**row) if row else None


async def parties(db: Db, tenant_id: UUID, meeting_id: UUID) -> list[PartyRow]:
    """Everybody who was or is in a meeting, in the order of joining."""
    rows = await db.fetch(
        f"SELECT {_PARTY} FROM meeting_party WHERE tenant_id = $1 AND meeting_id = $2 ORDER BY seq",  # noqa: S608
        tenant_id,
        meeting_id,
    )
    return [PartyRow(**row) for row in rows]
