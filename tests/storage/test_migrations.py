"""Migrations: up, down, up again, from empty; what was applied is not changed; partitions come ahead of their month."""

import shutil
from collections.abc import AsyncIterator
from datetime import UTC, datetime, timedelta
from pathlib import Path
from uuid import uuid4

import asyncpg
import pytest

from m3voip.stack import roles
from m3voip.stack.stack import Stack
from m3voip.storage.errors import MigrationError, StorageUnavailable
from m3voip.storage.postgres import migrate as m
from m3voip.storage.postgres.commit import Commits
from m3voip.storage.postgres.pool import Pool
from tests.storage.support import assert_stored, rows_of, started

pytestmark = pytest.mark.postgres


@pytest.fixture
async def empty_dsn(database: Stack, owner_dsn: str) -> AsyncIterator[str]:
    """A database of its own, with nothing in it."""
    name = f"m{uuid4().hex[:8]}"
    async with roles.superuser(database.folders, database.ports) as db:
        await db.execute(f"create database {name} owner m3voip_owner")
    yield owner_dsn.rsplit("/", 1)[0] + f"/{name}"
    async with roles.superuser(database.folders, database.ports) as db:
        await db.execute(f"drop database {name} with (force)")


async def shape(dsn: str) -> list[str]:
    """Everything that the migrations make, spelled out."""
    db = await asyncpg.connect(dsn)
    rows = await db.fetch(
        """
        select 'column ' || table_name || '.' || column_name || ' ' || data_type || ' ' || is_nullable
               || coalesce(' ' || column_default, '') as line
          from information_schema.columns where table_schema = 'public'
        union all select 'index ' || indexdef from pg_indexes where schemaname = 'public'
        union all select 'policy ' || tablename || ' ' || policyname || ' ' || coalesce(qual, '') from pg_policies
        union all select 'function ' || p.proname || ' ' || md5(p.prosrc) from pg_proc p
         where p.pronamespace = 'public'::regnamespace
        union all select 'grant ' || grantee || ' ' || table_name || ' ' || privilege_type
          from information_schema.role_table_grants where table_schema = 'public'
        union all select 'constraint ' || conrelid::regclass || ' ' || pg_get_constraintdef(oid) from pg_constraint
         where connamespace = 'public'::regnamespace
        union all select 'trigger ' || tgrelid::regclass || ' ' || tgname from pg_trigger where not tgisinternal
         order by line"""
    )
    await db.close()
    return [row["line"] for row in rows if "migration" not in row["line"]]


async def test_up_down_and_up_again_come_to_the_same_schema(empty_dsn: str, tmp_path: Path) -> None:
    names, shapes = await m.pending(empty_dsn), [await shape(empty_dsn)]
    assert names == sorted(names)
    for name in names:  # one more file each time
        for file in m.folder().glob(f"{name}.*"):
            shutil.copy(file, tmp_path)
        assert await m.migrate(empty_dsn, where=tmp_path) == [name]
        shapes.append(await shape(empty_dsn))
    assert await m.pending(empty_dsn) == []
    assert await m.migrate(empty_dsn) == []
    for steps in range(1, len(names) + 1):
        assert await m.down(empty_dsn, steps) == names[: -steps - 1 : -1]
        assert await shape(empty_dsn) == shapes[-steps - 1]
        assert await m.migrate(empty_dsn) == names[-steps:]
        assert await shape(empty_dsn) == shapes[-1]


async def test_a_file_changed_after_it_was_applied_is_refused(empty_dsn: str, tmp_path: Path) -> None:
    folder = tmp_path / "migrations"
    shutil.copytree(m.folder(), folder)
    await m.migrate(empty_dsn, where=folder)
    first = sorted(folder.glob("*.sql"))[1]
    first.write_text(first.read_text() + "-- harmless\n")
    with pytest.raises(MigrationError, match="was changed"):
        await m.pending(empty_dsn, where=folder)
    (folder / "0000_late.sql").write_text("select 1")
    with pytest.raises(MigrationError, match=r"0000_late\.down\.sql"):
        await m.migrate(empty_dsn, where=folder)


async def test_a_migration_that_fails_leaves_nothing_of_itself(empty_dsn: str, tmp_path: Path) -> None:
    (tmp_path / "0001_a.sql").write_text("create table a (x int)")
    (tmp_path / "0001_a.down.sql").write_text("drop table a")
    (tmp_path / "0002_b.sql").write_text("create table b (x int); select 1/0")
    (tmp_path / "0002_b.down.sql").write_text("drop table b")
    with pytest.raises(MigrationError, match="0002_b: division by zero"):
        await m.migrate(empty_dsn, where=tmp_path)
    assert await m.pending(empty_dsn, where=tmp_path) == ["0002_b"]
    assert {line.split()[1] for line in await shape(empty_dsn) if line.startswith("column")} == {"a.x"}


async def test_only_the_owner_migrates_and_others_are_told_so(api_dsn: str, owner_dsn: str) -> None:
    with pytest.raises(MigrationError, match="migrations run as m3voip_owner"):
        await m.migrate(api_dsn)
    assert await m.pending(api_dsn) == []
    with pytest.raises(StorageUnavailable):
        await m.pending(owner_dsn.replace("@127.0.0.1:", "@127.0.0.1:1"))


async def test_partitions_are_there_two_months_ahead_and_are_made_once(engine: Pool, owner: asyncpg.Connection) -> None:
    now = datetime.now(UTC)
    months = {f"call_event_{(now.replace(day=1) + timedelta(days=31 * ahead)):%Y_%m}" for ahead in range(3)}
    async with engine.connection() as db:
        await db.fetch("select ensure_event_partitions()")
        assert await db.fetch("select ensure_event_partitions()") == []
    found = {row[0] for row in await owner.fetch("select inhrelid::regclass::text from pg_inherits "
                                                 "where inhparent = 'call_event'::regclass")}  # fmt: skip
    assert months <= found


async def test_rows_of_a_month_nobody_prepared_are_kept_and_move_when_it_is(
    engine: Pool, owner: asyncpg.Connection
) -> None:
    commits, ahead = Commits(), datetime.now(UTC) + timedelta(days=31 * 5)
    rows = [*rows_of([started()] * 3, at=ahead), *rows_of([started()], at=datetime(1999, 1, 1, tzinfo=UTC))]
    async with engine.connection() as db, commits.turn():
        await commits.commit(db, rows)
    await assert_stored(owner, rows)
    by_default = "select count(*) from call_event_default where call_id = any($1)"
    ids = [row.call_id for row in rows]
    assert await owner.fetchval(by_default, ids) == 4
    async with engine.connection() as db:
        made = [row[0] for row in await db.fetch("select ensure_event_partitions(7)")]
    assert f"call_event_{ahead:%Y_%m}" in made
    assert await owner.fetchval(by_default, ids) == 1
    await assert_stored(owner, rows)


async def test_every_table_is_on_the_map(owner: asyncpg.Connection) -> None:
    text = (Path(__file__).parents[2] / "docs/reference/schema.md").read_text()
    tables = await owner.fetch(
        "select c.relname from pg_class c where c.relkind in ('r', 'p') and not c.relispartition"
        " and c.relnamespace = 'public'::regnamespace"
    )
    assert [row["relname"] for row in tables if f"`{row['relname']}`" not in text] == []
