"""Notices: heard, and after a break everything is looked at again."""

import asyncio
from collections.abc import AsyncIterator
from contextlib import suppress

import asyncpg
import pytest

from m3voip.stack import roles
from m3voip.stack.stack import Stack
from m3voip.storage.postgres.listener import Listener
from m3voip.storage.postgres.pool import writer_connection
from tests.storage.support import Running, short_call
from tests.support.eventually import eventually

pytestmark = pytest.mark.postgres

Heard = list[tuple[str, str]]


@pytest.fixture
async def heard(engine_dsn: str) -> AsyncIterator[Heard]:
    notices: Heard = []
    listener = Listener(
        writer_connection(engine_dsn),
        {
            "m3voip_config": lambda payload: notices.append(("config", payload)),
            "m3voip_event": lambda payload: notices.append(("event", payload)),
        },
    )
    task = asyncio.create_task(listener.run(), name="tests.listener")
    await eventually(lambda: len(notices) == 2)
    assert set(notices) == {("config", ""), ("event", "")}
    notices.clear()
    yield notices
    task.cancel()
    with suppress(asyncio.CancelledError):
        await task


@pytest.mark.parametrize(
    ("table", "statement"),
    [
        ("queue", "insert into queue (tenant_id, name) values ('00000000-0000-7000-8000-000000000001', 'heard')"),
        ("queue", "delete from queue where name = 'heard'"),
        ("tenant", "update tenant set time_zone = 'UTC'"),
        ("blocked_caller", "delete from blocked_caller"),
    ],
)
async def test_a_change_of_configuration_is_told_with_its_table(
    heard: Heard, owner: asyncpg.Connection, table: str, statement: str
) -> None:
    await owner.execute(statement)
    await eventually(lambda: ("config", table) in heard)


async def test_each_commit_of_facts_tells_its_last_id_once(heard: Heard, writer: Running) -> None:
    writer.writer.append(short_call())
    await writer.writer.flush()
    await eventually(lambda: heard == [("event", str(writer.told[-1].id))])


async def test_a_broken_connection_is_made_again_and_everything_is_looked_at(
    heard: Heard, owner: asyncpg.Connection, database: Stack
) -> None:
    async with roles.superuser(database.folders, database.ports) as db:
        await db.execute(
            "select pg_terminate_backend(pid) from pg_stat_activity where query like 'LISTEN%' or query = 'select 1'"
        )
    await eventually(lambda: {("config", ""), ("event", "")} <= set(heard))
    heard.clear()
    await owner.execute("update tenant set time_zone = 'UTC'")
    await eventually(lambda: heard == [("config", "tenant")])
