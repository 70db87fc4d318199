"""Who did what, written in the transaction that does it. Callers' numbers, names and secrets are not written here."""

from __future__ import annotations

from collections.abc import Mapping
from uuid import UUID

import orjson

from m3voip.storage.postgres.admin.table import Db


async def note(
    db: Db,
    tenant_id: UUID,
    subject: UUID | None,
    action: str,
    target: object = "",
    *,
    details: Mapping[str, str | int] | None = None,
) -> None:
    """``action`` is noun.verb, e.g. ``agent.create``; ``target`` the id of what it was done to. ``subject`` is whose key it
    was, None for what is done by telephone."""
    await db.execute(
        "INSERT INTO audit (tenant_id, subject, action, object, details) VALUES ($1, $2, $3, $4, $5)",
        tenant_id,
        subject,
        action,
        str(target),
        orjson.dumps(details or {}).decode(),
    )
