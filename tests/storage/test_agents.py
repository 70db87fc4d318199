"""Agents' events on their way into Postgres: in order, once, through outages and kills, and the state that they come to."""

from __future__ import annotations

import asyncio
import os
import signal
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager, suppress
from datetime import UTC, datetime, timedelta
from pathlib import Path
from uuid import UUID

import asyncpg
import pytest

from m3voip.config import DEFAULT_TENANT
from m3voip.core import agent_state as a
from m3voip.core.agent_life import step
from m3voip.core.ids import uuid7
from m3voip.stack.stack import Stack
from m3voip.storage.postgres.agents import AgentCommits, PostgresAgents
from m3voip.storage.postgres.pool import Pool, writer_connection
from m3voip.storage.postgres.writer import EventWriter
from tests.support.eventually import eventually

pytestmark = pytest.mark.postgres

T0 = datetime(2026, 11, 25, 9, 0, tzinfo=UTC)
CALL = UUID(int=7)


class Worker:
    """An agent whose day is written down."""

    def __init__(self, agent_id: UUID) -> None:
        self.agent = a.Agent(id=agent_id, tenant_id=DEFAULT_TENANT)
        self.rows: list[a.AgentFact] = []

    def take(self, *events: a.AgentEvent) -> list[list[a.AgentFact]]:
        """The rows of each event."""
        made = []
        for event in events:
            result = step(self.agent, event, T0)
            self.agent = result.agent
            self.rows += result.facts
            made.append(list(result.facts))
        return made

    def day(self) -> list[list[a.AgentFact]]:
        return self.take(
            a.PhoneBack(at=T0),
            a.Offered(at=T0, call=CALL, limit_s=30),
            a.Connected(at=T0 + timedelta(seconds=3), call=CALL, wrap_up_s=20),
            a.PauseAsked(at=T0 + timedelta(seconds=4), reason="lunch", limit_s=60, by=UUID(int=9)),
            a.TalkEnded(at=T0 + timedelta(seconds=9), call=CALL),
        )


@pytest.fixture
async def worker(owner: asyncpg.Connection) -> Worker:
    agent_id = uuid7(datetime.now(UTC), os.urandom(10))
    await owner.execute(
        "insert into agent (id, tenant_id, extension, display_name, endpoint) values ($1, $2, $3, 'A', $4)",
        agent_id, DEFAULT_TENANT, str(int.from_bytes(os.urandom(3), "big") + 10_000_000), f"e{os.urandom(5).hex()}",
    )  # fmt: skip
    return Worker(agent_id)


@asynccontextmanager
async def running(engine_dsn: str, folder: Path) -> AsyncIterator[EventWriter]:
    writer = EventWriter(journal_dir=folder, connect=writer_connection(engine_dsn), commits=AgentCommits())
    task = asyncio.create_task(writer.run(), name="tests.writer")
    try:
        yield writer
    finally:
        task.cancel()
        with suppress(asyncio.CancelledError):
            await task
        writer.close()


async def assert_stored(owner: asyncpg.Connection, engine: Pool, worker: Worker) -> None:
    rows = await owner.fetch("select * from agent_event where agent_id = $1 order by seq", worker.agent.id)
    assert [(row["seq"], row["kind"], row["state"], row["at"]) for row in rows] == [
        (row.seq, row.kind.value, row.state.value, row.at) for row in worker.rows
    ]
    assert (await PostgresAgents(engine).saved())[worker.agent.id] == worker.agent


async def test_a_day_is_stored_with_who_and_why_and_the_agent_is_found_again_whole(
    engine_dsn: str, tmp_path: Path, owner: asyncpg.Connection, engine: Pool, worker: Worker
) -> None:
    async with running(engine_dsn, tmp_path) as writer:
        for rows in worker.day():
            writer.append(rows)
        await writer.flush()
    await assert_stored(owner, engine, worker)
    paused = await owner.fetchrow("select * from agent_event where agent_id = $1 and kind = 'paused'", worker.agent.id)
    assert paused is not None
    assert (paused["via"], paused["by"], paused["reason"], paused["call_id"]) == ("api", UUID(int=9), "lunch", CALL)
    shown = await owner.fetchrow("select state, last_seq from agent_state where agent_id = $1", worker.agent.id)
    assert shown is not None
    assert tuple(shown) == ("paused", worker.agent.seq)


async def test_what_a_killed_process_left_in_its_journal_is_stored_once(
    engine_dsn: str, tmp_path: Path, owner: asyncpg.Connection, engine: Pool, worker: Worker
) -> None:
    day = worker.day()
    async with running(engine_dsn, tmp_path / "first") as writer:
        for rows in day[:3]:
            writer.append(rows)
        await writer.flush()
    left = EventWriter(journal_dir=tmp_path / "left", connect=writer_connection(engine_dsn), commits=AgentCommits())
    for rows in day[2:]:  # the first of these is in Postgres already
        left.append(rows)
    left.close()
    async with running(engine_dsn, tmp_path / "left") as writer:
        await writer.flush()
    await assert_stored(owner, engine, worker)


async def test_while_postgres_is_away_events_wait_and_then_come_in_order(
    database: Stack, engine_dsn: str, tmp_path: Path, owner_dsn: str, engine: Pool, worker: Worker
) -> None:
    async with running(engine_dsn, tmp_path) as writer:
        first, *rest = worker.day()
        writer.append(first)
        await writer.flush()
        postgres = database.processes["postgres"]
        dead = postgres.pid
        postgres.send(signal.SIGKILL)
        await eventually(lambda: _refused(engine_dsn), 10, every=0.01, what="Postgres to be away")
        for rows in rest:
            writer.append(rows)
        assert writer.unsaved_rows() > 0
        await asyncio.wait_for(writer.flush(), 60)
    await eventually(lambda: postgres.pid not in (None, dead), 30, what="another life of Postgres")
    await postgres.wait_ready()
    owner = await asyncpg.connect(owner_dsn)
    await assert_stored(owner, engine, worker)
    await owner.close()


async def _refused(dsn: str) -> bool:
    try:
        await (await asyncpg.connect(dsn, timeout=1)).close()
    except (OSError, asyncpg.PostgresError, asyncpg.InterfaceError):
        return True
    return False


async def test_a_gap_or_a_second_writer_is_noticed(engine_dsn: str, owner: asyncpg.Connection, worker: Worker) -> None:
    day = worker.day()
    commits, db = AgentCommits(), await asyncpg.connect(engine_dsn)
    await commits.commit(db, day[0])
    for rows in (day[2], day[0]):
        with pytest.raises(asyncpg.PostgresError) as refused:
            await commits.commit(db, rows)
        assert refused.value.sqlstate == "M3001"
    assert await owner.fetchval("select max(seq) from agent_event where agent_id = $1", worker.agent.id) == len(day[0])
    await db.close()


async def test_an_agent_who_is_deleted_meanwhile_holds_nothing_up_and_their_events_stay(
    engine_dsn: str, tmp_path: Path, owner: asyncpg.Connection, engine: Pool, worker: Worker
) -> None:
    first, *rest = worker.day()
    async with running(engine_dsn, tmp_path) as writer:
        writer.append(first)
        await writer.flush()
        await owner.execute("delete from agent where id = $1", worker.agent.id)
        for rows in rest:
            writer.append(rows)
        await writer.flush()
    assert await owner.fetchval("select count(*) from agent_event where agent_id = $1", worker.agent.id) == len(
        worker.rows
    )
    assert worker.agent.id not in await PostgresAgents(engine).saved()
    await eventually(lambda: not (tmp_path / "refused.jsonl").exists())
