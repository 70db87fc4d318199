"""IVR trees and their versions. A version is never changed; at most one of a tree is active, and new calls get that."""

from __future__ import annotations

from datetime import datetime
from hashlib import sha256
from uuid import UUID

from msgspec import Struct

from m3voip.storage.postgres.admin.refusals import Missing
from m3voip.storage.postgres.admin.table import Db, Table


class TreeRow(Struct, frozen=True, kw_only=True):
    """A tree's name."""

    id: UUID
    name: str
    created_at: datetime
    updated_at: datetime


class VersionRow(Struct, frozen=True, kw_only=True):
    """A version of a tree; ``source`` is the YAML as it was written."""

    tree_id: UUID
    version: int
    source: str
    sha256: str
    active: bool
    created_at: datetime


class Names(Struct, frozen=True, kw_only=True):
    """What a tree of this tenant may refer to."""

    queues: frozenset[str]
    boxes: frozenset[str]
    extensions: frozenset[str]
    conferences: frozenset[str]


TABLE = Table(name="ivr_tree", what="IVR tree", row=TreeRow)

_VERSION = ", ".join(VersionRow.__struct_fields__)


async def current(db: Db, tenant_id: UUID, tree_ids: list[UUID]) -> dict[UUID, VersionRow]:
    """Of each tree the active version, or its newest if none is active."""
    rows = await db.fetch(
        f"""SELECT DISTINCT ON (tree_id) {_VERSION} FROM ivr_tree_version
            WHERE tenant_id = $1 AND tree_id = ANY ($2::uuid[]) ORDER BY tree_id, active DESC, version DESC""",  # noqa: S608
        tenant_id,
        tree_ids,
    )
    return {row["tree_id"]: VersionRow(**row) for row in rows}


async def versions(db: Db, tenant_id: UUID, tree_id: UUID, before: int | None, limit: int) -> list[VersionRow]:
    """Up to ``limit + 1`` versions, newest first, older than ``before``."""
    rows = await db.fetch(
        f"""SELECT {_VERSION} FROM ivr_tree_version WHERE tenant_id = $1 AND tree_id = $2
              AND ($3::integer IS NULL OR version < $3) ORDER BY version DESC LIMIT $4""",  # noqa: S608
        tenant_id,
        tree_id,
        before,
        limit + 1,
    )
    return [VersionRow(**row) for row in rows]


async def version(db: Db, tenant_id: UUID, tree_id: UUID, number: int) -> VersionRow:
    """One version. Raises Missing."""
    row = await db.fetchrow(
        f"SELECT {_VERSION} FROM ivr_tree_version WHERE tenant_id = $1 AND tree_id = $2 AND version = $3",  # noqa: S608
        tenant_id,
        tree_id,
        number,
    )
    if row is None:
        raise Missing("version of the IVR tree")
    return VersionRow(**row)


async def add_version(db: Db, tenant_id: UUID, tree_id: UUID, source: str) -> VersionRow:
    """Store a new version, not active. The same text as the newest version is that version. Raises Missing."""
    await TABLE.get(db, tenant_id, tree_id, lock=True)
    digest = sha256(source.encode()).hexdigest()
    newest = await versions(db, tenant_id, tree_id, None, 0)
    if newest and newest[0].sha256 == digest:
        return newest[0]
    number = newest[0].version + 1 if newest else 1
    await db.execute(
        "INSERT INTO ivr_tree_version (tree_id, tenant_id, version, source, sha256) VALUES ($1, $2, $3, $4, $5)",
        tree_id,
        tenant_id,
        number,
        source,
        digest,
    )
    return await version(db, tenant_id, tree_id, number)


async def activate(db: Db, tenant_id: UUID, tree_id: UUID, number: int) -> VersionRow:
    """Let new calls have this version. Raises Missing."""
    await TABLE.get(db, tenant_id, tree_id, lock=True)
    wanted = await version(db, tenant_id, tree_id, number)
    if wanted.active:
        return wanted
    await db.execute(
        "UPDATE ivr_tree_version SET active = false WHERE tenant_id = $1 AND tree_id = $2 AND active",
        tenant_id,
        tree_id,
    )
    await db.execute(
        "UPDATE ivr_tree_version SET active = true WHERE tenant_id = $1 AND tree_id = $2 AND version = $3",
        tenant_id,
        tree_id,
        number,
    )
    return await version(db, tenant_id, tree_id, number)


async def names(db: Db, tenant_id: UUID) -> Names:
    """What exists: queues, mailboxes, extensions, conferences. A queue's name stands for its mailbox, too (engine.routing)."""
    row = await db.fetchrow(
        """SELECT (SELECT array_agg(name) FROM queue WHERE tenant_id = $1) AS queues,
                  (SELECT array_agg(box) FROM (
                      SELECT box FROM mailbox WHERE tenant_id = $1
                      UNION ALL SELECT name FROM queue WHERE tenant_id = $1 AND mailbox_id IS NOT NULL
                  ) AS known) AS boxes,
                  (SELECT array_agg(extension) FROM agent WHERE tenant_id = $1) AS extensions,
                  (SELECT array_agg(number) FROM conference WHERE tenant_id = $1) AS conferences""",
        tenant_id,
    )
    assert row is not None
    return Names(**{key: frozenset(value or ()) for key, value in row.items()})
