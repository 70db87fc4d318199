"""What people write down about a call. Rows are added and never changed."""

from __future__ import annotations

from datetime import datetime
from uuid import UUID

from msgspec import Struct

from m3voip.core.facts import CallNoted
from m3voip.storage.postgres.admin.dispositions import remark
from m3voip.storage.postgres.admin.table import Db


class NoteRow(Struct, frozen=True, kw_only=True):
    """A note; ``agent_id`` where the key that made it stands for an agent."""

    id: UUID
    call_id: UUID
    text: str
    made_by: UUID
    agent_id: UUID | None
    at: datetime


_ROW = ", ".join(NoteRow.__struct_fields__)


async def add(db: Db, tenant_id: UUID, note: NoteRow) -> None:
    """Write a note down."""
    await db.execute(
        "INSERT INTO call_note (id, tenant_id, call_id, text, made_by, agent_id, at) VALUES ($1, $2, $3, $4, $5, $6, $7)",
        note.id,
        tenant_id,
        note.call_id,
        note.text,
        note.made_by,
        note.agent_id,
        note.at,
    )
    await remark(
        db, tenant_id, note.id, call_id=note.call_id, at=note.at, fact=CallNoted(note=note.id, by=note.made_by)
    )


async def of_call(db: Db, tenant_id: UUID, call_id: UUID) -> list[NoteRow]:
    """A call's notes, the oldest first."""
    rows = await db.fetch(
        f"SELECT {_ROW} FROM call_note WHERE tenant_id = $1 AND call_id = $2 ORDER BY at, id",  # noqa: S608
        tenant_id,
        call_id,
    )
    return [NoteRow(**row) for row in rows]
