"""Idempotency keys: what was asked and what was answered. The engine clears those older than a day."""

from __future__ import annotations

from uuid import UUID

from msgspec import Struct

from m3voip.storage.postgres.admin.table import Db


class Earlier(Struct, frozen=True, kw_only=True):
    """An earlier request with the same key. ``answer`` is JSON."""

    asked: bytes
    answer: bytes


async def claim(db: Db, tenant_id: UUID, subject: UUID, key: str, asked: bytes) -> Earlier | None:
    """Take the key (None), or learn what it was used for. Waits for a request that uses the same key right now."""
    taken = await db.fetchval(
        """INSERT INTO idempotency_key (tenant_id, subject, key, request) VALUES ($1, $2, $3, $4)
           ON CONFLICT (tenant_id, subject, key) DO NOTHING RETURNING true""",
        tenant_id,
        subject,
        key,
        asked,
    )
    if taken:
        return None
    row = await db.fetchrow(
        "SELECT request, body FROM idempotency_key WHERE tenant_id = $1 AND subject = $2 AND key = $3",
        tenant_id,
        subject,
        key,
    )
    assert row is not None  # under READ COMMITTED the row that made the insert wait is visible now
    return Earlier(asked=row["request"], answer=row["body"])


async def finish(db: Db, tenant_id: UUID, subject: UUID, key: str, *, status: int, answer: bytes) -> None:
    """Store the answer of the request that claimed the key."""
    await db.execute(
        "UPDATE idempotency_key SET status = $4, body = $5 WHERE tenant_id = $1 AND subject = $2 AND key = $3",
        tenant_id,
        subject,
        key,
        status,
        answer,
    )
