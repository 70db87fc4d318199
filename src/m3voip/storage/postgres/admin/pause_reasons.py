"""Why agents pause."""

from __future__ import annotations

from datetime import datetime
from uuid import UUID

from msgspec import Struct

from m3voip.storage.postgres.admin.table import Db, Table


class PauseReasonRow(Struct, frozen=True, kw_only=True):
    """A reason; ``limit_s`` 0 = no limit."""

    id: UUID
    code: str
    label: str
    limit_s: int
    active: bool
    created_at: datetime
    updated_at: datetime


TABLE = Table(name="pause_reason", what="pause reason", row=PauseReasonRow)


async def limit_of(db: Db, tenant_id: UUID, code: str) -> int | None:
    """How long a pause for this reason may last in seconds, 0 = no limit; None when there is no such active reason."""
    found: int | None = await db.fetchval(
        "SELECT limit_s FROM pause_reason WHERE tenant_id = $1 AND code = $2 AND active", tenant_id, code
    )
    return found
