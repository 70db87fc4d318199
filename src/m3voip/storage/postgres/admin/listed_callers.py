"""Callers on the lists that routes know."""

from __future__ import annotations

from datetime import datetime
from uuid import UUID

from msgspec import Struct

from m3voip.storage.postgres.admin.table import Db, Table


class ListedCallerRow(Struct, frozen=True, kw_only=True):
    """A listed caller, ``until`` None for good."""

    id: UUID
    list: str
    digits: str
    language: str
    note: str
    until: datetime | None
    created_at: datetime
    updated_at: datetime


TABLE = Table(name="listed_caller", what="listed caller", row=ListedCallerRow, called={"list_digits": "number"})


async def of_number(db: Db, tenant_id: UUID, digits: str, now: datetime) -> tuple[frozenset[str], str]:
    """The lists that a number is on at that moment, and its language."""
    rows = await db.fetch(
        "SELECT list, language FROM listed_caller WHERE tenant_id = $1 AND digits = $2 AND (until IS NULL OR until > $3)"
        " ORDER BY id",
        tenant_id,
        digits,
        now,
    )
    return frozenset(row["list"] for row in rows), next((row["language"] for row in rows if row["language"]), "")
