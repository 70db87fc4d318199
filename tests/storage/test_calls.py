"""What recovery and the jobs read and write."""

import asyncio
import random
from datetime import UTC, datetime, timedelta
from pathlib import Path
from uuid import UUID

import asyncpg
import pytest

from m3voip.config import DEFAULT_TENANT
from m3voip.core import facts as f
from m3voip.core.causes import EndReason
from m3voip.storage.errors import StorageUnavailable
from m3voip.storage.postgres.calls import PostgresCalls
from m3voip.storage.postgres.commit import Commits
from m3voip.storage.postgres.pool import Pool, engine_pool
from m3voip.storage.postgres.queries import load
from tests.storage.support import Running, assert_stored, fold, new_call_id, random_story, rows_of, short_call, started

pytestmark = pytest.mark.postgres


def recording(recording_id: UUID) -> f.RecordingStored:
    return f.RecordingStored(recording=recording_id, key="k", sha256="0" * 64, duration_s=2.5, size=1234)


async def test_recovery_reads_the_facts_of_open_calls_and_of_no_others(writer: Running, engine: Pool) -> None:
    chance = random.Random(1)
    open_, ended = [random_story(chance, ended=False) for _ in range(20)], [random_story(chance) for _ in range(20)]
    for story in [*open_, *ended]:
        writer.writer.append(story)
    await writer.writer.flush()
    calls = await PostgresCalls(engine, writer.commits).open_calls()
    for story in open_:
        assert [row.seq for row in calls[story[0].call_id]] == [row.seq for row in story]
        here, there = fold(story), fold(calls[story[0].call_id])
        assert (there.state, there.visits, there.queue, there.talk_s) == (
            here.state,
            here.visits,
            here.queue,
            here.talk_s,
        )
        assert [row.at for row in calls[story[0].call_id]] == [row.at for row in story]
    assert not {story[0].call_id for story in ended} & set(calls)


async def test_facts_come_back_as_they_went_in(writer: Running, engine: Pool) -> None:
    rows = rows_of([started(caller_name='é "\\" \u2028'), f.FloorServed(), f.VariableSet(node="n", values={"a": "1"})])
    writer.writer.append(rows)
    await writer.writer.flush()
    calls = await PostgresCalls(engine, writer.commits).open_calls()
    assert calls[rows[0].call_id] == rows


async def test_late_facts_take_the_next_seq_even_many_at_once(
    writer: Running, engine: Pool, owner: asyncpg.Connection
) -> None:
    rows, calls = short_call(), PostgresCalls(engine, writer.commits)
    writer.writer.append(rows)
    await writer.writer.flush()
    fact = f.VariableSet(node="n", values={})
    late = await asyncio.gather(*(calls.append_late(rows[0].call_id, datetime.now(UTC), fact) for _ in range(10)))
    assert sorted(row.seq for row in late if row) == list(range(5, 15))
    await assert_stored(owner, [*rows, *(row for row in late if row)])


async def test_a_recording_is_linked_once_however_often_the_job_repeats(
    writer: Running, engine: Pool, owner: asyncpg.Connection
) -> None:
    rows, calls, fact = short_call(), PostgresCalls(engine, writer.commits), recording(new_call_id())
    writer.writer.append(rows)
    await writer.writer.flush()
    first = await calls.append_late(rows[0].call_id, datetime.now(UTC), fact)
    again = await calls.append_late(rows[0].call_id, datetime.now(UTC), fact)
    assert first is not None
    assert again == first
    stored = await owner.fetchrow("select * from recording where call_id = $1", rows[0].call_id)
    assert stored is not None
    assert (stored["id"], stored["key"], stored["duration_s"], stored["size"]) == (fact.recording, "k", 2.5, 1234)
    assert await owner.fetchval("select recording_id from call where id = $1", rows[0].call_id) == fact.recording
    message = f.VoicemailStored(
        voicemail=new_call_id(), box="801", message_id="m", key="v", sha256="0", duration_s=1.0, size=10
    )
    assert await calls.append_late(rows[0].call_id, datetime.now(UTC), message)
    voicemail = await owner.fetchrow("select * from voicemail where call_id = $1", rows[0].call_id)
    assert voicemail is not None
    assert (voicemail["id"], voicemail["box"], voicemail["caller"]) == (message.voicemail, "801", "+15550123456")
    kinds = await owner.fetch("select kind from outbox where call_id = $1 order by seq", rows[0].call_id)
    assert [row["kind"] for row in kinds] == ["call.ended", "recording.ready", "voicemail.stored"]


async def test_a_call_that_lives_or_is_not_known_gets_no_late_fact(writer: Running, engine: Pool) -> None:
    rows, calls = rows_of([started()]), PostgresCalls(engine, writer.commits)
    writer.writer.append(rows)
    await writer.writer.flush()
    assert await calls.append_late(rows[0].call_id, datetime.now(UTC), recording(new_call_id())) is None
    assert await calls.append_late(new_call_id(), datetime.now(UTC), recording(new_call_id())) is None


async def test_a_call_is_found_by_its_id_and_by_its_leg(writer: Running, engine: Pool) -> None:
    leg, calls = f"{random.randrange(10**9)}.7", PostgresCalls(engine, writer.commits)
    end = f.CallEnded(reason=EndReason.COMPLETED, cause=16, duration_s=1.0)
    older, newer = rows_of([started(leg=leg)], at=datetime(2026, 1, 1, tzinfo=UTC)), rows_of([started(leg=leg), end])
    for rows in (older, newer):
        writer.writer.append(rows)
    await writer.writer.flush()
    by_leg, by_id = await calls.find(leg=leg), await calls.find(call_id=older[0].call_id)
    assert by_leg is not None
    assert (by_leg.call_id, by_leg.ended, by_leg.started_at) == (newer[0].call_id, True, newer[0].at)
    assert by_id is not None
    assert (by_id.call_id, by_id.ended) == (older[0].call_id, False)
    assert await calls.find(leg="nothing") is None


async def test_whoever_asks_while_postgres_is_away_is_told_within_two_seconds(tmp_path: Path) -> None:
    pool = engine_pool(f"postgresql://m3voip_engine@/m3voip?host={tmp_path}")
    await pool.open()
    calls = PostgresCalls(pool, Commits())
    loop = asyncio.get_running_loop()
    for ask in (
        calls.open_calls(),
        calls.find(leg="x"),
        calls.append_late(new_call_id(), datetime.now(UTC), f.FloorServed()),
    ):
        began = loop.time()
        with pytest.raises(StorageUnavailable) as told:
            await ask
        assert told.value.retryable
        assert loop.time() - began < 2.2
    await pool.close()


def talked(tenant: UUID, caller: str, extension: str, at: datetime) -> list[f.Recorded]:
    facts: list[f.AnyFact] = [
        started(caller=caller),
        f.QueueEntered(queue="sales", visit=1, record=False),
        f.CallConnected(extension=extension, queue="sales", waited_s=1.0),
        f.TalkEnded(extension=extension, talked_s=5.0, by_caller=True),
        f.QueueEntered(queue="support", visit=2, record=False),
        f.OfferMade(extension="999"),  # rung afterwards, never talked
        f.CallEnded(reason=EndReason.CALLER_HUNG_UP, cause=16, duration_s=9.0, talk_s=5.0),
    ]
    return rows_of(facts, tenant=tenant, at=at)


async def test_the_last_agent_is_whoever_talked_in_the_caller_s_newest_call(
    writer: Running, engine: Pool, owner: asyncpg.Connection
) -> None:
    caller, now, day = f"1555{random.randrange(10**7):07}", datetime.now(UTC), timedelta(days=1)
    tenants = [DEFAULT_TENANT, new_call_id()]
    await owner.execute("insert into tenant (tenant_id, name) values ($1, 'another')", tenants[1])
    for number, tenant in enumerate(tenants):
        for extension in ("7101", "7102", "7103"):
            await owner.execute(
                "insert into agent (tenant_id, extension, display_name, endpoint) values ($1, $2, 'A', $3)",
                tenant, extension, f"e{number}{extension}00000",
            )  # fmt: skip
    for row in (
        talked(DEFAULT_TENANT, f"+{caller}", "7101", now - 5 * day),
        talked(DEFAULT_TENANT, caller, "7102", now - 3 * day),
        rows_of([started(caller=caller), f.CallEnded(reason=EndReason.CALLER_HUNG_UP, cause=16, duration_s=1.0)]),
        talked(DEFAULT_TENANT, f"{caller}9", "7103", now),
        talked(tenants[1], caller, "7103", now - day),
    ):
        writer.writer.append(row)
    await writer.writer.flush()
    calls = PostgresCalls(engine, writer.commits)
    assert await calls.last_agent(DEFAULT_TENANT, caller, now - 30 * day) == "7102"
    assert await calls.last_agent(DEFAULT_TENANT, caller, now - 2 * day) == ""
    assert await calls.last_agent(tenants[1], caller, now - 30 * day) == "7103", "tenants do not share their agents"
    await owner.execute("update agent set active = false where extension = '7102' and tenant_id = $1", DEFAULT_TENANT)
    assert await calls.last_agent(DEFAULT_TENANT, caller, now - 30 * day) == "7101"
    await owner.execute("delete from agent where extension in ('7101', '7102', '7103')")


async def test_looking_for_the_last_agent_goes_by_an_index(owner: asyncpg.Connection) -> None:
    async with owner.transaction():
        await owner.execute("set local enable_seqscan = off")
        plan = await owner.fetch(f"explain {load('calls')['last_agent']}", DEFAULT_TENANT, "15550123456", new_call_id())
    assert any("call_list_caller" in row[0] for row in plan), plan
