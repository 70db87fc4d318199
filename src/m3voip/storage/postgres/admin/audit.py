"""Who did what, written in the transaction that does it. Numbers, names and secrets are not written here."""

from __future__ import annotations

from uuid import UUID

from m3voip.storage.postgres.admin.table import Db


async def note(db: Db, tenant_id: UUID, subject: UUID | None, action: str, target: object = "") -> None:
    """``action`` is noun.verb, e.g. ``agent.create``; ``target`` the id of what it was done to. ``subject`` is whose key it
    was, None for what is done by telephone."""
    await db.execute(
        "INSERT INTO audit (tenant_id, subject, action, object) VALUES ($1, $2, $3, $4)",
        tenant_id,
        subject,
        action,
        str(target),
    )
