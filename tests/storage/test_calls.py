"""What recovery and the jobs read and write."""

import asyncio
import random
from datetime import UTC, datetime
from pathlib import Path
from uuid import UUID

import asyncpg
import pytest

from m3voip.core import facts as f
from m3voip.core.causes import EndReason
from m3voip.storage.errors import StorageUnavailable
from m3voip.storage.postgres.calls import PostgresCalls
from m3voip.storage.postgres.commit import Commits
from m3voip.storage.postgres.pool import Pool, engine_pool
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
