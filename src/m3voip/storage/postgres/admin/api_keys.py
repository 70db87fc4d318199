"""API keys: found by prefix, proved by digest (see api/keys.py, which makes both)."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime
from uuid import UUID

from msgspec import Struct

from m3voip.storage.postgres.admin.refusals import Missing
from m3voip.storage.postgres.admin.table import Db, Table


class KeyRow(Struct, frozen=True, kw_only=True):
    """A key as authentication needs it."""

    id: UUID
    tenant_id: UUID
    digest: bytes
    scopes: Sequence[str]
    cidrs: tuple[str, ...]
    expires_at: datetime | None
    revoked_at: datetime | None
    agent_id: UUID | None


class KeyInfo(Struct, frozen=True, kw_only=True):
    """A key as its manager sees it."""

    id: UUID
    name: str
    prefix: str
    scopes: Sequence[str]
    cidrs: Sequence[object]
    agent_id: UUID | None
    created_at: datetime
    expires_at: datetime | None
    last_used_at: datetime | None
    revoked_at: datetime | None


TABLE = Table(
    name="api_key", what="API key", row=KeyInfo, written=frozenset({"digest"}), called={"agent_id": "agentId"}
)


async def by_prefix(db: Db, prefix: str) -> KeyRow | None:
    """The key whose prefix this transaction has named."""
    row = await db.fetchrow(
        """SELECT id, tenant_id, digest, scopes, cidrs::text[] AS cidrs, expires_at, revoked_at, agent_id
           FROM api_key WHERE prefix = $1""",
        prefix,
    )
    return KeyRow(**{**row, "cidrs": tuple(row["cidrs"])}) if row else None


async def note_use(db: Db, key_id: UUID) -> None:
    """Remember that a key was used, at most once a minute. Does not wait for another request that notes the same."""
    await db.execute(
        """UPDATE api_key SET last_used_at = now() WHERE id = (
               SELECT id FROM api_key WHERE id = $1 AND (last_used_at IS NULL OR last_used_at < now() - interval '1 minute')
               FOR UPDATE SKIP LOCKED)""",
        key_id,
    )


async def revoke(db: Db, tenant_id: UUID, key_id: UUID) -> KeyInfo:
    """End a key's life; a second time changes nothing. Raises Missing."""
    key = await TABLE.get(db, tenant_id, key_id, lock=True)
    if key.revoked_at is not None:
        return key
    await db.execute("UPDATE api_key SET revoked_at = now() WHERE tenant_id = $1 AND id = $2", tenant_id, key_id)
    return await TABLE.get(db, tenant_id, key_id)


async def ensure(
    db: Db, tenant_id: UUID, key_id: UUID, *, name: str, prefix: str, digest: bytes, scopes: Sequence[str]
) -> UUID:
    """Make sure that a key with this prefix works and has these scopes; answers its id. Raises Missing when the prefix is
    another tenant's. Changing the digest of a key that exists takes the schema owner's connection."""
    row = await db.fetchrow("SELECT id, tenant_id, digest FROM api_key WHERE prefix = $1", prefix)
    if row is None:
        values = {"name": name, "prefix": prefix, "digest": digest, "scopes": list(scopes)}
        return (await TABLE.insert(db, tenant_id, key_id, values)).id
    if row["tenant_id"] != tenant_id:
        raise Missing("API key")
    if row["digest"] != digest:
        await db.execute("UPDATE api_key SET digest = $2 WHERE prefix = $1", prefix, digest)
    await db.execute(
        "UPDATE api_key SET scopes = $2, name = $3, revoked_at = NULL, expires_at = NULL WHERE prefix = $1",
        prefix,
        list(scopes),
        name,
    )
    found: UUID = row["id"]
    return found
