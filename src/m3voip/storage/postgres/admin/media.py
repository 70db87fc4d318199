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
    removed_at: datetime | None
    deleted_at: datetime | None
    note: str
    forwarded_from: UUID | None


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


_STATES = {
    "new": "removed_at IS NULL AND heard_at IS NULL",
    "read": "removed_at IS NULL AND heard_at IS NOT NULL",
    "deleted": "removed_at IS NOT NULL",
    "due": "id IN (SELECT id FROM voicemail_due)",
    None: "removed_at IS NULL",
}
DUE = """voicemail_due AS (
    SELECT v.id FROM voicemail v JOIN tenant t USING (tenant_id)
      LEFT JOIN mailbox m ON m.tenant_id = v.tenant_id AND m.box = v.box
     CROSS JOIN LATERAL (SELECT coalesce(m.retention_days, t.voicemail_retention_days) AS days) AS kept
     WHERE v.deleted_at IS NULL
       AND (v.removed_at < now() - make_interval(days => t.voicemail_bin_days)
            OR kept.days > 0 AND v.stored_at < now() - make_interval(days => kept.days)))"""
"""Messages whose time is over: the one definition, which retention and its dry run share."""


async def voicemail_page(
    db: Db,
    tenant_id: UUID,
    *,
    box: str | None,
    call_id: UUID | None,
    before: UUID | None,
    limit: int,
    state: str | None = None,
) -> list[VoicemailRow]:
    """Up to ``limit + 1`` messages, newest first, older than the message ``before``. ``state``: new, read, deleted, due
    (for removal by retention); None = new and read."""
    rows = await db.fetch(
        f"""WITH {DUE}
            SELECT {_VOICEMAIL} FROM voicemail
            WHERE tenant_id = $1 AND ($2::text IS NULL OR box = $2) AND ($3::uuid IS NULL OR call_id = $3)
              AND ($4::uuid IS NULL OR id < $4) AND deleted_at IS NULL AND {_STATES[state]}
            ORDER BY id DESC LIMIT $5""",  # noqa: S608
        tenant_id,
        box,
        call_id,
        before,
        limit + 1,
    )
    return [VoicemailRow(**row) for row in rows]


async def voicemail(db: Db, tenant_id: UUID, voicemail_id: UUID) -> VoicemailRow:
    """One message whose file is still there, deleted by somebody or not. Raises Missing."""
    row = await db.fetchrow(
        f"SELECT {_VOICEMAIL} FROM voicemail WHERE tenant_id = $1 AND id = $2 AND deleted_at IS NULL",  # noqa: S608
        tenant_id,
        voicemail_id,
    )
    if row is None:
        raise Missing("voicemail message")
    return VoicemailRow(**row)
