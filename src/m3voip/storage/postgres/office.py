"""Reads the configuration: all of it at one moment (one repeatable-read transaction), as the engine's role.

Also trees: their versions for calls that began with them, and new versions that come from files. Raises
StorageUnavailable when Postgres is away.
"""

from __future__ import annotations

from collections.abc import Iterable
from datetime import datetime
from decimal import Decimal
from hashlib import sha256
from typing import Any
from uuid import UUID

import asyncpg
import msgspec

from m3voip.core import office as o
from m3voip.core.skills import RuleStep
from m3voip.core.sources import HOME_FOR
from m3voip.storage.postgres.pool import Pool

_TENANTS = """
select t.tenant_id, coalesce(q.name, '') as floor_queue, coalesce(m.box, '') as floor_box
  from tenant t
  left join queue q on q.id = t.floor_queue_id
  left join mailbox m on m.id = t.floor_mailbox_id
 order by t.tenant_id"""
_AGENTS = """
select a.id, a.tenant_id, a.extension, a.display_name, a.endpoint, a.phone_kind, a.ha1, a.ha1_expires_at,
       coalesce(m.box, '') as box, a.works, a.signs_in
  from agent a left join mailbox m on m.id = a.mailbox_id
 where a.active order by a.tenant_id, a.extension"""
_QUEUES = """
select q.*, coalesce(v.name, '') as overflow, coalesce(m.box, '') as box, coalesce(s.name, '') as survey
  from queue q
  left join queue v on v.id = q.overflow_queue_id
  left join mailbox m on m.id = q.mailbox_id
  left join ivr_tree s on s.id = q.survey_tree_id
 where q.active order by q.tenant_id, q.name"""
_MEMBERS = """
select qm.queue_id, a.extension, a.endpoint, a.works, qm.penalty, qm.paused,
       coalesce((select jsonb_object_agg(s.skill, s.level) from agent_skill s where s.agent_id = a.id), '{}') as levels
  from queue_member qm join agent a on a.id = qm.agent_id
 where a.active order by a.extension"""
_MAILBOXES = "select tenant_id, box, owner_name from mailbox order by tenant_id, box"
_TRUNKS = "select * from trunk where active order by tenant_id, name"
_RATES = "select trunk_id, prefix, per_minute from rate"
_DIDS = """
select d.tenant_id, d.digits, coalesce(t.name, '') as tree, coalesce(q.name, '') as queue,
       coalesce(r.name, '') as route,
       coalesce(fq.name, q.name, rq.name, '') as floor_queue, coalesce(fm.box, fqm.box, rm.box, '') as floor_box
  from did d
  left join ivr_tree t on t.id = d.tree_id
  left join queue q on q.id = d.queue_id
  left join route r on r.id = d.route_id
  left join route_target rt on rt.route_id = d.route_id and rt.field = 'otherwise'
  left join queue rq on rq.id = rt.queue_id
  left join mailbox rm on rm.id = rt.mailbox_id
  left join queue fq on fq.id = d.floor_queue_id
  left join mailbox fm on fm.id = d.floor_mailbox_id
  left join mailbox fqm on fqm.id = coalesce(fq.mailbox_id, q.mailbox_id, rq.mailbox_id)
 where d.active order by d.digits"""
_TREES = """
select v.tenant_id, t.name, v.version, v.source
  from ivr_tree_version v join ivr_tree t on t.id = v.tree_id
 where v.active order by v.tenant_id, t.name"""
_BLOCKS = "select tenant_id, digits, until from blocked_caller where until is null or until > now()"
_CONFERENCES = """
select tenant_id, id, number, pin_digest, moderator_pin_digest, max_parties, record, music, announce, locked_at_start,
       wait_for_moderator
  from conference where active order by tenant_id, number"""
_LISTED = "select tenant_id, digits, list, language, until from listed_caller where until is null or until > now()"
_BANS = "select source, until from sip_ban where until > now() and lifted_at is null order by source"
_HOMES = "select source, seen_at from sip_home where seen_at > now() - $1::interval"
_ROUTES = """
select r.id, r.tenant_id, r.name, r.version, r.split_key, v.document
  from route r join route_version v on v.route_id = r.id and v.version = r.version order by r.tenant_id, r.name"""
_PLACES = """
select rt.route_id, coalesce(rt.tree_id, rt.queue_id, rt.mailbox_id, rt.agent_id) as id, rt.kind,
       coalesce(t.name, q.name, m.box, a.extension) as name
  from route_target rt
  left join ivr_tree t on t.id = rt.tree_id
  left join queue q on q.id = rt.queue_id
  left join mailbox m on m.id = rt.mailbox_id
  left join agent a on a.id = rt.agent_id"""
_VERSION = """
select v.tenant_id, t.name, v.version, v.source
  from ivr_tree_version v join ivr_tree t on t.id = v.tree_id
 where v.tenant_id = $1 and t.name = $2 and v.version = $3"""

_JSON: dict[str, Any] = {
    "skill_rule": tuple[RuleStep, ...],
    "join_announcement": o.Announcement,
    "agent_announcement": o.Announcement,
    "periodic_announcements": tuple[o.Announcement, ...],
}
"""The columns of a queue that hold JSON."""


_END_SECRETS = """
update agent set ha1 = md5(gen_random_uuid()::text || gen_random_uuid()::text), ha1_expires_at = null
 where ha1_expires_at <= $1 returning id"""


class OfficeStore:
    """Over the engine's pool."""

    def __init__(self, pool: Pool) -> None:
        self._pool = pool

    async def read(self) -> o.Office:
        """Everything that is active, at one moment."""
        async with self._pool.connection() as db, db.transaction(isolation="repeatable_read", readonly=True):
            members: dict[UUID, list[o.Member]] = {}
            for row in await db.fetch(_MEMBERS):
                values = {**row, "levels": msgspec.json.decode(row["levels"], type=dict[str, int])}
                members.setdefault(values.pop("queue_id"), []).append(o.Member(**values))
            places: dict[UUID, dict[UUID, o.Place]] = {}
            for row in await db.fetch(_PLACES):
                places.setdefault(row["route_id"], {})[row["id"]] = o.Place(kind=row["kind"], name=row["name"])
            rates: dict[UUID, dict[str, Decimal]] = {}
            for row in await db.fetch(_RATES):
                rates.setdefault(row["trunk_id"], {})[row["prefix"]] = row["per_minute"]
            return o.Office(
                tenants=tuple(o.Tenant(**row) for row in await db.fetch(_TENANTS)),
                agents=tuple(o.Agent(**row) for row in await db.fetch(_AGENTS)),
                queues=tuple(_queue(row, members.get(row["id"], ())) for row in await db.fetch(_QUEUES)),
                mailboxes=tuple(o.Mailbox(**row) for row in await db.fetch(_MAILBOXES)),
                trunks=tuple(_trunk(row, rates.get(row["id"], {})) for row in await db.fetch(_TRUNKS)),
                dids=tuple(o.Did(**row) for row in await db.fetch(_DIDS)),
                trees=tuple(o.TreeText(**row) for row in await db.fetch(_TREES)),
                blocks=tuple(o.Block(**row) for row in await db.fetch(_BLOCKS)),
                conferences=tuple(o.Conference(**row) for row in await db.fetch(_CONFERENCES)),
                routes=tuple(_route(row, places.get(row["id"], {})) for row in await db.fetch(_ROUTES)),
                listed=tuple(o.ListedCaller(**row) for row in await db.fetch(_LISTED)),
                bans=tuple(o.Ban(**row) for row in await db.fetch(_BANS)),
                homes=tuple(o.Home(**row) for row in await db.fetch(_HOMES, HOME_FOR)),
            )

    async def tree(self, tenant_id: UUID, name: str, version: int) -> o.TreeText | None:
        """One version of a tree, also one that new calls no longer get."""
        async with self._pool.connection() as db:
            row = await db.fetchrow(_VERSION, tenant_id, name, version)
        return o.TreeText(**row) if row else None

    async def put_tree(self, tenant_id: UUID, name: str, source: str, *, again: bool) -> int | None:
        """Make ``source`` what new calls get of a tree; the version's number, None if nothing changed.

        A text that was a version before becomes active again only if ``again``: a file that lies there unchanged since
        long must not undo what somebody activated by the API meanwhile.
        """
        digest = sha256(source.encode()).hexdigest()
        async with self._pool.transaction() as db:
            tree_id = await db.fetchval(
                "insert into ivr_tree (tenant_id, name) values ($1, $2)"
                " on conflict (tenant_id, name) do update set updated_at = now() returning id",
                tenant_id,
                name,
            )
            rows = await db.fetch(
                "select version, sha256, active from ivr_tree_version where tree_id = $1 order by version desc", tree_id
            )
            same = next((row for row in rows if row["sha256"] == digest), None)
            if same and (same["active"] or not again):
                return None
            await db.execute("update ivr_tree_version set active = false where tree_id = $1 and active", tree_id)
            if same:
                await db.execute(
                    "update ivr_tree_version set active = true where tree_id = $1 and version = $2",
                    tree_id,
                    same["version"],
                )
                return int(same["version"])
            version = rows[0]["version"] + 1 if rows else 1
            await db.execute(
                "insert into ivr_tree_version (tree_id, tenant_id, version, source, sha256, active)"
                " values ($1, $2, $3, $4, $5, true)",
                tree_id,
                tenant_id,
                version,
                source,
                digest,
            )
            return int(version)

    async def end_secrets(self, now: datetime) -> int:
        """End the secrets of phones whose time has come: what checks them becomes a digest that belongs to no known secret,
        so that the phone stays set up and cannot register. How many there were."""
        async with self._pool.connection() as db:
            return len(await db.fetch(_END_SECRETS, now))

    async def ensure_partitions(self) -> None:
        """Make the partitions of the next months; daily. Without it rows go to the default partition, none is lost."""
        async with self._pool.connection() as db:
            await db.fetch("select ensure_event_partitions()")


def _queue(row: asyncpg.Record, members: Iterable[o.Member]) -> o.Queue:
    values = {name: row[name] for name in o.Queue.__struct_fields__ if name != "members"}
    lists = {name: tuple(values[name]) for name in ("join_empty", "leave_empty")}
    read = {name: msgspec.json.decode(values[name], type=kind) for name, kind in _JSON.items() if values[name]}
    return o.Queue(**{**values, **lists, **read}, members=tuple(members))


def _route(row: asyncpg.Record, places: dict[UUID, o.Place]) -> o.Route:
    values = {name: row[name] for name in o.Route.__struct_fields__ if name != "places"}
    return o.Route(**values, places=places)


def _trunk(row: asyncpg.Record, rates: dict[str, Decimal]) -> o.Trunk:
    values = {name: row[name] for name in o.Trunk.__struct_fields__ if name != "rates"}
    return o.Trunk(**{**values, "addresses": tuple(str(network) for network in row["addresses"])}, rates=rates)
