"""Supervisions: who listens to whom, and did."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import datetime
from typing import Any
from uuid import UUID

from msgspec import Struct

from m3voip.storage.postgres.admin.table import Db, Table


class SupervisionRow(Struct, frozen=True, kw_only=True):
    """A supervision."""

    id: UUID
    subject: UUID
    extension: str
    call_id: UUID
    agent: str
    mode: str
    reason: str
    started_at: datetime
    answered_at: datetime | None
    ended_at: datetime | None
    end_reason: str | None


TABLE = Table(name="supervision", what="supervision", row=SupervisionRow, written=frozenset({"agent_leg"}))
_COLUMNS = ", ".join(SupervisionRow.__struct_fields__)


async def page(
    db: Db, tenant_id: UUID, *, live: bool | None, call_id: UUID | None, before: UUID | None, limit: int
) -> list[SupervisionRow]:
    """Up to ``limit + 1`` supervisions, newest first."""
    rows = await db.fetch(
        f"SELECT {_COLUMNS} FROM supervision WHERE tenant_id = $1 AND ($2::uuid IS NULL OR id < $2)"  # noqa: S608
        " AND ($3::boolean IS NULL OR (ended_at IS NULL) = $3) AND ($4::uuid IS NULL OR call_id = $4)"
        " ORDER BY id DESC LIMIT $5",
        tenant_id,
        before,
        live,
        call_id,
        limit + 1,
    )
    return [SupervisionRow(**row) for row in rows]


async def change(db: Db, tenant_id: UUID, row_id: UUID, values: Mapping[str, Any]) -> SupervisionRow:
    """Another mode or agent. Raises Missing."""
    return await TABLE.change(db, tenant_id, row_id, values)
