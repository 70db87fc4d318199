"""A tenant sees its own rows and no others, in every table; facts are for ever."""

import os
from collections.abc import AsyncIterator
from datetime import UTC, datetime
from uuid import UUID

import asyncpg
import pytest

from m3voip.core.causes import EndReason
from m3voip.core.facts import CallEnded, QueueEntered, RecordingStored, VoicemailStored
from m3voip.core.ids import uuid7
from m3voip.storage.postgres.commit import Commits
from m3voip.storage.postgres.pool import Pool, api_pool
from tests.storage.support import rows_of, started

pytestmark = pytest.mark.postgres

WITHOUT_TENANT = {"migration"}
"""The schema's own ledger."""
ENGINE_ONLY = {"outbox", "sip_home"}
"""Not granted to the API at all."""


@pytest.fixture(scope="module")
async def api(api_dsn: str) -> AsyncIterator[Pool]:
    pool = api_pool(api_dsn)
    await pool.open()
    yield pool
    await pool.close()


@pytest.fixture(scope="module")
async def tenants(owner_dsn: str, engine_dsn: str) -> AsyncIterator[tuple[UUID, UUID]]:
    """Two companies with a row in every table each."""
    owner, engine = await asyncpg.connect(owner_dsn), await asyncpg.connect(engine_dsn)
    pair = (uuid7(datetime.now(UTC), os.urandom(10)), uuid7(datetime.now(UTC), os.urandom(10)))
    for number, tenant in enumerate(pair):
        await owner.execute("insert into tenant (tenant_id, name) values ($1, 'company')", tenant)
        await owner.execute(
            f"""
            with a as (insert into agent (tenant_id, extension, display_name, endpoint)
                       values ('{tenant}', '101', 'A', 'e000000000{number}') returning id),
                 q as (insert into queue (tenant_id, name) values ('{tenant}', 'sales') returning id),
                 t as (insert into ivr_tree (tenant_id, name) values ('{tenant}', 'main') returning id),
                 b as (insert into mailbox (tenant_id, box) values ('{tenant}', '801')),
                 k as (insert into trunk (tenant_id, name, kind, addresses) values ('{tenant}', 't', 'ip', '{{192.0.2.1}}')),
                 w as (insert into pause_reason (tenant_id, code) values ('{tenant}', 'lunch')),
                 c as (insert into blocked_caller (tenant_id, digits) values ('{tenant}', '15550123456')),
                 r as (insert into route (tenant_id, name) values ('{tenant}', 'main')),
                 s as (insert into listed_caller (tenant_id, digits) values ('{tenant}', '15550123456')),
                 p as (insert into api_key (tenant_id, name, prefix, digest, scopes)
                       values ('{tenant}', 'key', 'prefix00{number}', sha256('x'), '{{}}')),
                 i as (insert into idempotency_key (tenant_id, subject, key, request) values ('{tenant}', '{tenant}', 'k', '')),
                 u as (insert into supervision (id, tenant_id, subject, extension, call_id, agent, agent_leg, mode, reason)
                       values (gen_random_uuid(), '{tenant}', '{tenant}', '104', '{tenant}', '101', 'l', 'listen', 'r')),
                 conf as (insert into conference (tenant_id, number, pin_digest) values ('{tenant}', '800', repeat('0', 40))),
                 met as (insert into meeting (id, tenant_id, conference_id, number, name, started_at)
                       values ('{tenant}', '{tenant}', '{tenant}', '800', '', now()) returning id),
                 stay as (insert into meeting_party (meeting_id, seq, tenant_id, leg, joined_at)
                       select id, 1, '{tenant}', '1.{number}', now() from met),
                 l as (insert into audit (tenant_id, action) values ('{tenant}', 'test'))
            select a.id, q.id, t.id from a, q, t"""
        )
        await owner.execute(
            "insert into queue_member (tenant_id, queue_id, agent_id) select $1, q.id, a.id from queue q, agent a"
            " where q.tenant_id = $1 and a.tenant_id = $1", tenant)  # fmt: skip
        await owner.execute(
            "insert into agent_skill (tenant_id, agent_id, skill, level) select $1, id, 'english', 50 from agent"
            " where tenant_id = $1", tenant)  # fmt: skip
        await owner.execute(
            "insert into ivr_tree_version (tree_id, tenant_id, version, source, sha256)"
            " select id, $1, 1, '', repeat('0', 64) from ivr_tree where tenant_id = $1", tenant)  # fmt: skip
        await owner.execute(
            "insert into route_version (route_id, tenant_id, version, document)"
            " select id, $1, 1, '{}' from route where tenant_id = $1", tenant)  # fmt: skip
        await owner.execute(
            "insert into route_target (route_id, tenant_id, field, queue_id)"
            " select r.id, $1, 'otherwise', q.id from route r, queue q where r.tenant_id = $1 and q.tenant_id = $1",
            tenant)  # fmt: skip
        await owner.execute(
            "insert into did (tenant_id, number, tree_id) select $1, $2, id from ivr_tree where tenant_id = $1",
            tenant, f"+1555010020{number}")  # fmt: skip
        await owner.execute(
            f"""
            with d as (insert into dial_settings (tenant_id, region) values ('{tenant}', 'US')),
                 n as (insert into do_not_call (tenant_id, digits) values ('{tenant}', '12025550143')),
                 c as (insert into caller_id (tenant_id, number, proof) values ('{tenant}', '+12025550100', 'p')),
                 r as (insert into rate (tenant_id, trunk_id, prefix, per_minute)
                       select tenant_id, id, '1', 0.5 from trunk where tenant_id = '{tenant}')
            insert into attempt (id, tenant_id, call_id, kind, number, cleared, verdicts, at)
            values ('{tenant}', '{tenant}', '{tenant}', 'hand_dialled', '+12025550143', true, '[]', now())"""
        )
        await owner.execute(
            "insert into attempt_live (attempt_id, tenant_id, call_id, at) values ($1, $1, $1, now())", tenant)  # fmt: skip
        await owner.execute(
            "insert into attempt_end (attempt_id, tenant_id, result, cause, trunk, ended_at)"
            " values ($1, $1, 'busy', 17, 't', now())", tenant)  # fmt: skip
        await owner.execute(
            "insert into mailbox_pin (tenant_id, mailbox_id, hash) select tenant_id, id, 'x' from mailbox where tenant_id = $1",
            tenant)  # fmt: skip
        await owner.execute(
            "insert into mailbox_greeting (tenant_id, mailbox_id, audio, sha256, duration_s, source)"
            " select tenant_id, id, 'x', repeat('0', 64), 1, 'phone' from mailbox where tenant_id = $1", tenant)  # fmt: skip
        await owner.execute(
            "insert into voicemail_change (tenant_id, call_id, voicemail_id, box, kind, by)"
            " values ($1, $1, $1, '801', 'read', 'phone')", tenant)  # fmt: skip
        await owner.execute(
            "with a as (select id from agent where tenant_id = $1), e as (insert into agent_event (agent_id, tenant_id, seq,"
            " at, kind, state, via) select id, $1, 1, now(), 'signed_in', 'available', 'api' from a)"
            " insert into agent_state (agent_id, tenant_id, last_seq, state, saved) select id, $1, 1, 'available', '{}' from a",
            tenant)  # fmt: skip
        await owner.execute(
            "insert into sip_ban (id, tenant_id, source, why, until)"
            " values ($1, $1, '192.0.2.1', 'hammering', now() + interval '1 minute')", tenant)  # fmt: skip
        await owner.execute("insert into sip_home (tenant_id, source, seen_at) values ($1, '192.0.2.1', now())", tenant)
        file = {"key": "k", "sha256": "0", "duration_s": 1.0, "size": 1}
        rows = rows_of(
            [
                started(), QueueEntered(queue="sales", visit=1, record=True),
                CallEnded(reason=EndReason.COMPLETED, cause=16, duration_s=1.0),
                RecordingStored(recording=uuid7(datetime.now(UTC), os.urandom(10)), **file),  # type: ignore[arg-type]
                VoicemailStored(voicemail=uuid7(datetime.now(UTC), os.urandom(10)), box="801", message_id="m", **file),  # type: ignore[arg-type]
            ],
            tenant=tenant,
        )  # fmt: skip
        commits = Commits()
        async with commits.turn():
            await commits.commit(engine, rows)
    yield pair
    tables = (
        "sip_ban", "sip_home",
        "voicemail_change", "meeting", "conference", "did", "route", "queue_member", "ivr_tree", "mailbox", "queue", "agent",
    )  # fmt: skip
    for table in tables:
        await owner.execute(f"delete from {table} where tenant_id = any($1)", pair)
    await owner.close()
    await engine.close()


async def tables(db: asyncpg.Connection) -> list[str]:
    return [
        row["name"]
        for row in await db.fetch(
            "select c.relname as name from pg_class c where c.relkind in ('r', 'p')"
            " and c.relnamespace = 'public'::regnamespace and not c.relispartition order by 1"
        )
    ]


async def test_every_table_is_guarded_and_has_a_policy_for_each_role(owner: asyncpg.Connection) -> None:
    rows = await owner.fetch(
        "select c.relname, c.relrowsecurity and c.relforcerowsecurity as forced, c.relispartition, array("
        "  select r.rolname::text from pg_policy p join pg_roles r on r.oid = any(p.polroles) where p.polrelid = c.oid"
        ") as roles from pg_class c where c.relkind in ('r', 'p') and c.relnamespace = 'public'::regnamespace"
    )
    for row in rows:
        if row["relname"] in WITHOUT_TENANT:
            continue
        assert row["forced"], row["relname"]
        if not row["relispartition"]:
            assert {"m3voip_owner", "m3voip_engine", "m3voip_api"} <= set(row["roles"]), row["relname"]


async def test_a_tenant_sees_its_own_row_in_each_table_and_nothing_of_another(
    api: Pool, owner: asyncpg.Connection, tenants: tuple[UUID, UUID]
) -> None:
    mine, foreign = tenants
    names = set(await tables(owner)) - WITHOUT_TENANT - ENGINE_ONLY
    assert len(names) > 19
    for name in sorted(names):
        async with api.tenant(mine) as db:
            seen = {row["tenant_id"] for row in await db.fetch(f"select tenant_id from {name}")}
            assert seen == {mine}, name
            assert await db.fetchval(f"select count(*) from {name} where tenant_id = $1", foreign) == 0, name
        async with api.transaction() as db:  # no tenant named: nothing at all
            assert await db.fetchval(f"select count(tenant_id) from {name}") == 0, name
    for name in ENGINE_ONLY:
        with pytest.raises(asyncpg.InsufficientPrivilegeError):
            async with api.tenant(mine) as db:
                await db.fetch(f"select tenant_id from {name}")


async def test_a_tenant_cannot_write_for_another_or_point_at_its_rows(
    api: Pool, owner: asyncpg.Connection, tenants: tuple[UUID, UUID]
) -> None:
    mine, foreign = tenants
    with pytest.raises(asyncpg.InsufficientPrivilegeError):
        async with api.tenant(mine) as db:
            await db.execute("insert into queue (tenant_id, name) values ($1, 'stolen')", foreign)
    async with api.tenant(mine) as db:
        assert await db.execute("update queue set maxlen = 5 where tenant_id = $1", foreign) == "UPDATE 0"
        assert await db.execute("delete from did where tenant_id = $1", foreign) == "DELETE 0"
    queue = await owner.fetchval("select id from queue where tenant_id = $1", foreign)
    with pytest.raises(asyncpg.ForeignKeyViolationError):
        async with api.tenant(mine) as db:
            await db.execute(
                "insert into did (tenant_id, number, queue_id) values ($1, '+15550100300', $2)", mine, queue
            )


async def test_partitions_cannot_be_reached_beside_their_table(
    api: Pool, engine: Pool, owner: asyncpg.Connection
) -> None:
    names = [row[0] for row in await owner.fetch("select inhrelid::regclass::text from pg_inherits "
                                                 "where inhparent = 'call_event'::regclass")]  # fmt: skip
    assert len(names) >= 4
    for pool in (api, engine):
        for name in names:
            with pytest.raises(asyncpg.InsufficientPrivilegeError):
                async with pool.transaction() as db:
                    await db.fetch(f"select * from {name}")


@pytest.mark.parametrize("statement", ["update {} set {} where false", "delete from {} where false", "truncate {}"])
async def test_nobody_who_connects_can_change_what_happened(api: Pool, engine: Pool, statement: str) -> None:
    for pool in (api, engine):
        for table, column in (
            ("call_event", "kind = ''"),
            ("agent_event", "kind = ''"),
            ("audit", "action = ''"),
            ("attempt", "cleared = true"),
            ("attempt_end", "cause = 1"),
        ):
            with pytest.raises(asyncpg.InsufficientPrivilegeError):
                async with pool.transaction() as db:
                    await db.execute(statement.format(table, column))


async def test_secrets_can_be_written_by_the_api_and_not_read_back(api: Pool, tenants: tuple[UUID, UUID]) -> None:
    async with api.tenant(tenants[0]) as db:
        await db.execute("update agent set ha1 = $1", "0" * 32)
        await db.execute("update trunk set secret = 'x'")
        await db.execute("update mailbox_pin set hash = 'y'")
        await db.execute("update conference set moderator_pin_digest = $1", "1" * 40)
    secrets = (("ha1", "agent"), ("secret", "trunk"), ("hash", "mailbox_pin"), ("pin_digest", "conference"))
    for column, table in secrets:
        with pytest.raises(asyncpg.InsufficientPrivilegeError):
            async with api.tenant(tenants[0]) as db:
                await db.fetch(f"select {column} from {table}")


async def test_a_key_is_found_by_its_prefix_before_the_tenant_is_known_and_only_that_key(
    api: Pool, tenants: tuple[UUID, UUID]
) -> None:
    async with api.transaction() as db:
        assert await db.fetchval("select count(*) from api_key") == 0
        await db.execute("select set_config('m3voip.key_prefix', 'prefix001', true)")
        rows = await db.fetch("select tenant_id, prefix from api_key")
        assert [tuple(row) for row in rows] == [(tenants[1], "prefix001")]
        assert await db.execute("update api_key set last_used_at = now()") == "UPDATE 1"
    async with api.transaction() as db:  # the setting ended with its transaction
        assert await db.fetchval("select count(*) from api_key") == 0


@pytest.mark.parametrize(
    ("column", "value"),
    [
        ("skill_rule", "{}"), ("skill_rule", '["english"]'), ("skill_rule", '[{"after_s": 0}]'),
        ("skill_rule", '[{"after_s": 1.5, "require": ""}]'), ("skill_rule", '[{"after_s": "0", "require": ""}]'),
        ("join_announcement", '"hello"'), ("agent_announcement", "{}"),
        ("agent_announcement", '{"text": "a", "file": "b.wav"}'), ("periodic_announcements", '[{"text": 1}]'),
    ],
)  # fmt: skip
async def test_a_queue_cannot_hold_what_the_engine_could_not_read(
    owner: asyncpg.Connection, tenants: tuple[UUID, UUID], column: str, value: str
) -> None:
    """One row that cannot be read would keep every other from being read."""
    with pytest.raises(asyncpg.CheckViolationError):
        await owner.execute(f"update queue set {column} = $1 where tenant_id = $2", value, tenants[0])


async def test_the_engine_sees_every_tenant(engine: Pool, tenants: tuple[UUID, UUID]) -> None:
    async with engine.connection() as db:
        seen = {row[0] for row in await db.fetch("select distinct tenant_id from queue")}
    assert set(tenants) <= seen
