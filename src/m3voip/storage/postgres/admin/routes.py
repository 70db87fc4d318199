"""Routes and their versions. A version is never changed; the newest is what new calls get."""

from __future__ import annotations

from collections.abc import Iterable
from datetime import datetime
from uuid import UUID

import asyncpg
from msgspec import Struct

from m3voip.storage.postgres.admin.refusals import Unknown
from m3voip.storage.postgres.admin.table import Db, Table


class RouteRow(Struct, frozen=True, kw_only=True):
    """A route's name, and its newest version."""

    id: UUID
    name: str
    version: int
    created_at: datetime
    updated_at: datetime


class VersionRow(Struct, frozen=True, kw_only=True):
    """A version of a route; ``document`` is JSON (routing.model)."""

    route_id: UUID
    version: int
    document: str
    created_at: datetime


class RouteTarget(Struct, frozen=True, kw_only=True):
    """Something that a route leads to: where the document says so, what it is, its id."""

    field: str
    kind: str
    place: UUID


TABLE = Table(name="route", what="route", row=RouteRow)

_VERSION = ", ".join(VersionRow.__struct_fields__)
_PLACES = ("tree", "queue", "mailbox", "agent")


async def current(db: Db, tenant_id: UUID, route_ids: list[UUID]) -> dict[UUID, VersionRow]:
    """Of each route the version in force."""
    rows = await db.fetch(
        "SELECT v.route_id, v.version, v.document, v.created_at FROM route_version v"
        " JOIN route r ON r.id = v.route_id AND r.version = v.version WHERE r.tenant_id = $1 AND r.id = ANY ($2::uuid[])",
        tenant_id,
        route_ids,
    )
    return {row["route_id"]: VersionRow(**row) for row in rows}


async def versions(db: Db, tenant_id: UUID, route_id: UUID, before: int | None, limit: int) -> list[VersionRow]:
    """Up to ``limit + 1`` versions, newest first, older than ``before``."""
    rows = await db.fetch(
        f"""SELECT {_VERSION} FROM route_version WHERE tenant_id = $1 AND route_id = $2
              AND ($3::integer IS NULL OR version < $3) ORDER BY version DESC LIMIT $4""",  # noqa: S608
        tenant_id,
        route_id,
        before,
        limit + 1,
    )
    return [VersionRow(**row) for row in rows]


async def split_key(db: Db, tenant_id: UUID, route_id: UUID) -> bytes:
    """What keys the route's splits."""
    return bytes(await db.fetchval("SELECT split_key FROM route WHERE tenant_id = $1 AND id = $2", tenant_id, route_id))


async def put(db: Db, tenant_id: UUID, route: RouteRow, document: str, targets: Iterable[RouteTarget]) -> VersionRow:
    """Make ``document`` the version ``route.version`` and note what it leads to. Raises Unknown for what has just gone."""
    await db.execute(
        "INSERT INTO route_version (route_id, tenant_id, version, document) VALUES ($1, $2, $3, $4::jsonb)",
        route.id,
        tenant_id,
        route.version,
        document,
    )
    await db.execute("DELETE FROM route_target WHERE tenant_id = $1 AND route_id = $2", tenant_id, route.id)
    for target in targets:
        places = [target.place if target.kind == kind else None for kind in _PLACES]
        try:
            await db.execute(
                "INSERT INTO route_target (route_id, tenant_id, field, tree_id, queue_id, mailbox_id, agent_id)"
                " VALUES ($1, $2, $3, $4, $5, $6, $7)",
                route.id,
                tenant_id,
                target.field,
                *places,
            )
        except asyncpg.ForeignKeyViolationError as error:
            raise Unknown(target.kind, target.field) from error
    return (await current(db, tenant_id, [route.id]))[route.id]


async def known(db: Db, tenant_id: UUID, places: list[UUID]) -> dict[UUID, str]:
    """Which of these ids exist, and what they are."""
    rows = await db.fetch(
        """SELECT id, 'tree' AS kind FROM ivr_tree WHERE tenant_id = $1 AND id = ANY ($2::uuid[])
           UNION ALL SELECT id, 'queue' FROM queue WHERE tenant_id = $1 AND id = ANY ($2::uuid[])
           UNION ALL SELECT id, 'mailbox' FROM mailbox WHERE tenant_id = $1 AND id = ANY ($2::uuid[])
           UNION ALL SELECT id, 'agent' FROM agent WHERE tenant_id = $1 AND id = ANY ($2::uuid[])""",
        tenant_id,
        places,
    )
    return {row["id"]: row["kind"] for row in rows}
