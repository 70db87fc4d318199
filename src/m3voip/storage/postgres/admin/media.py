"""Recordings and voicemail messages: what the vault keeps of a call."""

from __future__ import annotations

from datetime import datetime
from uuid import UUID

from msgspec import Struct

from m3voip.storage.postgres.admin.refusals import Missing
from m3voip.storage.postgres.admin.table import Db


class RecordingRow(Struct, frozen=True, kw_only=True):
    """A recording of a call, or of a meeting. ``key`` is its place in the vault and stays inside the service."""

    id: UUID
    call_id: UUID | None
    key: str
    sha256: str
    duration_s: float
    size: int
    stored_at: datetime
    deleted_at: datetime | None


class VoicemailRow(Struct, frozen=True, kw_only=True):
    """A message."""

    id: UUID
    call_id: UUID
    box: str
    caller: str
    key: str
    sha256: str
    duration_s: float
    size: int
    stored_at: datetime
    heard_at: datetime | None
    deleted_at: datetime | None


_RECORDING = ", ".join(RecordingRow.__struct_fields__)
_VOICEMAIL = ", ".join(VoicemailRow.__struct_fields__)


async def recordings(db: Db, tenant_id: UUID, call_id: UUID) -> list[RecordingRow]:
    """The recordings of a call whose files are still there, oldest first."""
    rows = await db.fetch(
        f"SELECT {_RECORDING} FROM recording WHERE tenant_id = $1 AND call_id = $2 AND deleted_at IS NULL ORDER BY id",  # noqa: S608
        tenant_id,
        call_id,
    )
    return [RecordingRow(**row) for row in rows]


async def recording(db: Db, tenant_id: UUID, recording_id: UUID) -> RecordingRow:
    """One recording whose file is still there. Raises Missing."""
    row = await db.fetchrow(
        f"SELECT {_RECORDING} FROM recording WHERE tenant_id = $1 AND id = $2 AND deleted_at IS NULL",  # noqa: S608
        tenant_id,
        recording_id,
    )
    if row is None:
        raise Missing("recording")
    return RecordingRow(**row)


async def meeting_recordings(db: Db, tenant_id: UUID, meeting_id: UUID) -> list[RecordingRow]:
    """The recordings of a meeting whose files are still there, oldest first."""
    rows = await db.fetch(
        f"SELECT {_RECORDING} FROM recording WHERE tenant_id = $1 AND meeting_id = $2 AND deleted_at IS NULL ORDER BY id",  # noqa: S608
        tenant_id,
        meeting_id,
    )
    return [RecordingRow(**row) for row in rows]


async def voicemail_page(
    db: Db, tenant_id: UUID, *, box: str | None, call_id: UUID | None, before: UUID | None, limit: int
) -> list[VoicemailRow]:
    """Up to ``limit + 1`` messages, newest first, older than the message ``before``."""
    rows = await db.fetch(
        f"""SELECT {_VOICEMAIL} FROM voicemail
            WHERE tenant_id = $1 AND ($2::text IS NULL OR box = $2) AND ($3::uuid IS NULL OR call_id = $3)
              AND ($4::uuid IS NULL OR id < $4) AND deleted_at IS NULL
            ORDER BY id DESC LIMIT $5""",  # noqa: S608
        tenant_id,
        box,
        call_id,
        before,
        limit + 1,
    )
    return [VoicemailRow(**row) for row in rows]


async def voicemail(db: Db, tenant_id: UUID, voicemail_id: UUID) -> VoicemailRow:
    """One message whose file is still there. Raises Missing."""
    row = await db.fetchrow(
        f"SELECT {_VOICEMAIL} FROM voicemail WHERE tenant_id = $1 AND id = $2 AND deleted_at IS NULL",  # noqa: S608
        tenant_id,
        voicemail_id,
    )
    if row is None:
        raise Missing("voicemail message")
    return VoicemailRow(**row)
