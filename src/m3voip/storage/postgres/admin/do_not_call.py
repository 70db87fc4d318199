"""The tenant's do-not-call register."""

from __future__ import annotations

from datetime import datetime
from uuid import UUID

from msgspec import Struct

from m3voip.storage.postgres.admin.table import Db, Table


class DoNotCallRow(Struct, frozen=True, kw_only=True):
    """A number that must not be called."""

    id: UUID
    digits: str
    reason: str
    created_at: datetime


TABLE = Table(
    name="do_not_call", what="entry of the do-not-call register", row=DoNotCallRow, written=frozenset({"added_by"}),
    called={"digits": "phone"},
)  # fmt: skip


async def entry_of(db: Db, tenant_id: UUID, digits: str) -> UUID | None:
    """The entry of a number; None when it is not in the register."""
    found: UUID | None = await db.fetchval(
        "SELECT id FROM do_not_call WHERE tenant_id = $1 AND digits = $2", tenant_id, digits
    )
    return found
