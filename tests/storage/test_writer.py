"""The writer against a Postgres that is killed, stopped, wrong, and against its own death: 0 lost, 0 doubled, in order."""

import asyncio
import os
import random
import signal
import subprocess
import sys
import time
from functools import partial
from pathlib import Path

import asyncpg
import msgspec
import psutil
import pytest
import structlog

from m3voip.core import facts as f
from m3voip.core.causes import EndReason
from m3voip.stack.processes import ManagedProcess, State
from m3voip.stack.stack import Stack
from m3voip.storage.postgres.calls import PostgresCalls
from m3voip.storage.postgres.pool import Pool
from m3voip.storage.postgres.writer import EventWriter
from tests.storage.support import Running, assert_stored, random_story, rows_of, running, short_call, started
from tests.support.eventually import eventually

pytestmark = pytest.mark.postgres


async def saved(writer: EventWriter, within: float = 30.0) -> None:
    async with asyncio.timeout(within):
        await writer.flush()


def assert_told_in_order(it: Running, rows: list[f.Recorded]) -> None:
    """Every row was announced once, ids growing, each call's in its order."""
    ids = [event.id for event in it.told]
    assert ids == sorted(set(ids))
    assert sorted((event.call_id, event.seq) for event in it.told) == sorted((row.call_id, row.seq) for row in rows)


def _in_another_life(process: ManagedProcess, former: int | None) -> bool:
    return process.pid not in (None, former) and process.state is State.READY


def _signal_all(process: ManagedProcess, number: signal.Signals) -> None:
    """To the server and to each of its sessions."""
    assert process.pid is not None
    server = psutil.Process(process.pid)
    for one in [server, *server.children(recursive=True)]:
        one.send_signal(number)


async def test_facts_are_stored_in_order_and_announced_with_their_ids(
    writer: Running, owner: asyncpg.Connection
) -> None:
    rows = [row for _ in range(300) for row in short_call()]
    for start in range(0, len(rows), 3):
        writer.writer.append(rows[start : start + 3])
    await saved(writer.writer)
    await assert_stored(owner, rows)
    assert [(event.call_id, event.seq) for event in writer.told] == [(row.call_id, row.seq) for row in rows]
    stored = await owner.fetch("select id, call_id, seq, kind, payload from call_event where id = any($1) order by id",
                               [event.id for event in writer.told])  # fmt: skip
    assert [(r["id"], r["call_id"], r["seq"], r["kind"]) for r in stored] == [
        (event.id, event.call_id, event.seq, event.kind) for event in writer.told
    ]
    assert "kind" not in stored[0]["payload"]
    assert writer.writer.unsaved_age() == 0


async def test_a_single_fact_is_stored_at_once(writer: Running, owner: asyncpg.Connection) -> None:
    writer.writer.append(short_call()[:1])
    await saved(writer.writer)
    began = time.monotonic()
    row = short_call()[:1]
    writer.writer.append(row)
    await saved(writer.writer)
    assert time.monotonic() - began < 0.5
    await assert_stored(owner, row)


async def test_killing_postgres_again_and_again_loses_and_doubles_nothing(
    database: Stack, engine_dsn: str, owner_dsn: str, tmp_path: Path
) -> None:
    chance, rows = random.Random(7), []
    postgres = database.processes["postgres"]
    async with running(engine_dsn, tmp_path / "journal") as it:
        for _ in range(5):
            kill_at = time.monotonic() + chance.uniform(0.3, 0.8)
            pid = postgres.pid
            while time.monotonic() < kill_at:
                story = random_story(chance)
                rows += story
                it.writer.append(story[:2])
                it.writer.append(story[2:])
                await asyncio.sleep(0.002)
            postgres.send(signal.SIGKILL)
            await eventually(partial(_in_another_life, postgres, pid), 30)
        await saved(it.writer)
        assert_told_in_order(it, rows)
    db = await asyncpg.connect(owner_dsn)
    await assert_stored(db, rows)
    await db.close()


async def test_killing_its_connection_at_random_moments_announces_everything_once(
    writer: Running, owner_dsn: str, database: Stack
) -> None:
    """The commit may have happened or not; both look the same from here."""
    chance, rows = random.Random(8), []
    db = await asyncpg.connect(
        host=str(database.folders.postgres / "socket"), port=database.ports.postgres, user="postgres", database="m3voip"
    )
    until = time.monotonic() + 4
    while time.monotonic() < until:
        story = random_story(chance)
        rows += story
        writer.writer.append(story)
        await asyncio.sleep(0.003)
        if chance.random() < 0.05:
            await db.execute(
                "select pg_terminate_backend(pid) from pg_stat_activity where application_name = 'm3voip writer'"
            )
    await saved(writer.writer)
    assert_told_in_order(writer, rows)
    await assert_stored(db, rows)
    await db.close()


async def test_an_outage_fills_the_journal_and_not_the_memory(
    database: Stack, engine_dsn: str, owner_dsn: str, tmp_path: Path
) -> None:
    postgres = database.processes["postgres"]
    rows: list[f.Recorded] = []
    async with running(engine_dsn, tmp_path / "journal", most_rows=200) as it:
        it.writer.append(early := short_call())
        await saved(it.writer)
        _signal_all(postgres, signal.SIGSTOP)  # the socket is there and nobody answers
        try:
            for _ in range(2000):
                story = short_call()
                rows += story
                it.writer.append(story)
                await asyncio.sleep(0)
            assert it.writer.unsaved_rows() <= 1000
            assert it.writer.unsaved_age() > 0
            with pytest.raises(TimeoutError):
                await saved(it.writer, 1.0)
        finally:
            _signal_all(postgres, signal.SIGCONT)
        await saved(it.writer)
        assert_told_in_order(it, early + rows)
    db = await asyncpg.connect(owner_dsn)
    await assert_stored(db, rows)
    await db.close()


async def test_a_writer_that_starts_while_postgres_is_away_catches_up_when_it_comes(
    engine_dsn: str, owner: asyncpg.Connection, tmp_path: Path
) -> None:
    rows = [row for _ in range(50) for row in short_call()]
    async with running(engine_dsn.replace("m3voip_engine", "nobody"), tmp_path / "journal") as it:
        it.writer.append(rows)
        await asyncio.sleep(0.3)
    async with running(engine_dsn, tmp_path / "journal") as it:
        await saved(it.writer)
    await assert_stored(owner, rows)
    assert not list((tmp_path / "journal").glob("*.facts"))


async def test_a_second_writer_or_a_missing_fact_is_reported_and_stops_nothing(
    writer: Running, owner: asyncpg.Connection
) -> None:
    rows = short_call()
    with structlog.testing.capture_logs() as logs:
        writer.writer.append([rows[0], rows[2]])  # one is missing: a bug somewhere
        after = short_call()
        writer.writer.append(after)
        await saved(writer.writer)
    assert "facts.out_of_step" in {entry["event"] for entry in logs}
    await assert_stored(owner, after)
    assert await owner.fetchval("select last_seq from call where id = $1", rows[0].call_id) == 3


@pytest.mark.parametrize(
    "bad",
    [
        [started(), f.CallEnded(reason=EndReason.FAILED, cause=2**40, duration_s=1.0)],
        [started(), f.QueueEntered(queue=os.urandom(9000).hex(), visit=1, record=False)],
    ],
    ids=["a number too big for its column", "a text too long for its index"],
)
async def test_what_postgres_refuses_for_good_is_put_aside_and_the_rest_is_stored(
    writer: Running, owner: asyncpg.Connection, tmp_path: Path, bad: list[f.AnyFact]
) -> None:
    good, rows = short_call(), rows_of(bad)
    writer.writer.append(good[:2])
    writer.writer.append(rows)
    writer.writer.append(good[2:])
    await saved(writer.writer)
    await assert_stored(owner, good)
    await assert_stored(owner, rows[:1])
    (aside,) = (tmp_path / "journal" / "refused.jsonl").read_text().splitlines()
    assert msgspec.json.decode(aside, type=list[f.Recorded]) == rows[1:]


WRITE_UNTIL_KILLED = """
import asyncio, sys
from pathlib import Path
from m3voip.storage.postgres.commit import Commits
from m3voip.storage.postgres.pool import writer_connection
from m3voip.storage.postgres.writer import EventWriter
from tests.storage.support import short_call

async def main() -> None:
    writer = EventWriter(journal_dir=Path(sys.argv[2]), connect=writer_connection(sys.argv[1]), commits=Commits())
    task = asyncio.create_task(writer.run())
    while True:
        rows = short_call()
        writer.append(rows[:2])
        writer.append(rows[2:])
        sys.stdout.write(f"{rows[0].call_id}\\n")
        sys.stdout.flush()
        await asyncio.sleep(0.001)

asyncio.run(main())
"""


async def test_what_a_killed_process_had_appended_is_stored_by_the_next(
    engine_dsn: str, owner: asyncpg.Connection, tmp_path: Path
) -> None:
    journal, appended = tmp_path / "journal", set()
    for life in range(4):
        process = await asyncio.to_thread(
            subprocess.Popen,
            [sys.executable, "-c", WRITE_UNTIL_KILLED, engine_dsn, str(journal)],
            stdout=subprocess.PIPE, env={**os.environ, "PYTHONPATH": os.pathsep.join(["src", "."])},
        )  # fmt: skip
        assert process.stdout is not None
        for _ in range(150 + 100 * life):
            appended.add((await asyncio.to_thread(process.stdout.readline)).decode().strip())
        process.send_signal(signal.SIGKILL)
        appended.update(line for line in process.stdout.read().decode().split("\n")[:-1] if len(line) == 36)
        process.stdout.close()
        process.wait()
    async with running(engine_dsn, journal) as it:
        await saved(it.writer)
    found = await owner.fetch(
        "select call_id, array_agg(seq order by seq) as seqs from call_event where call_id = any($1::uuid[]) group by 1",
        list(appended),
    )
    assert {str(row["call_id"]) for row in found} == appended
    assert all(row["seqs"] == [1, 2, 3, 4] for row in found)


async def test_late_facts_and_live_ones_are_announced_in_one_order(
    writer: Running, engine: Pool, owner: asyncpg.Connection
) -> None:
    done = [short_call() for _ in range(30)]
    for rows in done:
        writer.writer.append(rows)
    await saved(writer.writer)
    calls, live = PostgresCalls(engine, writer.commits), [short_call() for _ in range(300)]

    async def keep_writing() -> None:
        for rows in live:
            writer.writer.append(rows)
            await asyncio.sleep(0.001)

    async with asyncio.TaskGroup() as group:
        group.create_task(keep_writing())
        for rows in done:
            fact = f.VariableSet(node="n", values={})
            group.create_task(calls.append_late(rows[0].call_id, rows[-1].at, fact))
    await saved(writer.writer)
    ids = [event.id for event in writer.told]
    assert ids == sorted(ids)
    assert len(ids) == 4 * 330 + 30
    late = await owner.fetchval(
        "select count(*) from call where id = any($1) and last_seq = 5", [rows[0].call_id for rows in done]
    )
    assert late == 30
