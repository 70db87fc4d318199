"""The projections are the fold: whatever the story, the batches and the replays."""

import random
from uuid import UUID

import asyncpg
import pytest

from m3voip.core import facts as f
from m3voip.core.causes import EndReason, QueueExit
from m3voip.storage.postgres.commit import Commits, not_yet_stored
from m3voip.storage.postgres.pool import Pool
from tests.storage.support import assert_stored, fold, random_story, rows_of, started

pytestmark = pytest.mark.postgres


async def commit(pool: Pool, commits: Commits, rows: list[f.Recorded]) -> None:
    async with pool.connection() as db, commits.turn():
        await commits.commit(db, rows)


async def assert_is_fold(db: asyncpg.Connection, rows: list[f.Recorded]) -> None:
    call, row = fold(rows), await db.fetchrow("select * from call where id = $1", rows[0].call_id)
    assert row is not None
    pairs = {
        "state": call.state.value, "last_seq": call.seq, "leg": call.leg, "did": call.did, "caller": call.caller,
        "caller_name": call.caller_name.replace("\x00", "�"), "direction": call.direction, "tree": call.tree,
        "tree_version": call.tree_version, "node": call.cursor.node, "queue": call.queue, "visits": call.visits,
        "queued_at": call.queued_at, "recorded": call.recorded, "extension": call.agent, "started_at": call.started_at,
        "connected_at": call.connected_at, "ended_at": call.ended_at,
    }  # fmt: skip
    assert {name: row[name] for name in pairs if name != "caller_name"} == {
        name: value for name, value in pairs.items() if name != "caller_name"
    }
    assert row["talk_s"] == pytest.approx(call.talk_s, abs=0.001)


@pytest.mark.parametrize("seed", range(6))
async def test_a_call_is_the_fold_of_its_facts_however_they_are_batched_and_repeated(
    engine: Pool, owner: asyncpg.Connection, seed: int
) -> None:
    chance = random.Random(seed)
    stories = [random_story(chance, ended=chance.random() < 0.8) for _ in range(40)]
    waiting, stream = [list(story) for story in stories], []
    while waiting:  # calls live side by side, each in its own order
        story = chance.choice(waiting)
        stream.append(story.pop(0))
        if not story:
            waiting.remove(story)
    commits, position = Commits(), 0
    while position < len(stream):
        end = position + chance.randrange(1, 60)
        again = max(0, position - chance.randrange(40)) if chance.random() < 0.3 else position
        async with engine.connection() as db, commits.turn():
            batch = await not_yet_stored(db, stream[again:end])
            if batch:
                await commits.commit(db, batch)
        position = end
    for story in stories:
        await assert_is_fold(owner, story)
    await assert_stored(owner, stream)


@pytest.mark.parametrize("together", [True, False])
async def test_a_queue_call_shows_in_every_table(engine: Pool, owner: asyncpg.Connection, together: bool) -> None:
    commits = Commits()
    rows = rows_of(
        [
            started(),
            f.QueueEntered(queue="sales", visit=1, record=True),
            f.QueuePositionKnown(queue="sales", position=2),
            f.OfferMade(extension="101"),
            f.OfferMissed(extension="101", rang_ms=15000),
            f.QueueExited(queue="sales", exit=QueueExit.TIMEOUT, waited_s=4.0),
            f.QueueEntered(queue="support", visit=2, record=False),
            f.OfferMade(extension="104"),
            f.CallConnected(extension="104", queue="support", waited_s=2.0),
            f.TalkEnded(extension="104", talked_s=1.0, by_caller=True),
            f.CallEnded(reason=EndReason.CALLER_HUNG_UP, cause=16, duration_s=10.0, talk_s=1.0),
        ]
    )
    for batch in [rows] if together else [[row] for row in rows]:
        await commit(engine, commits, batch)
    call_id = rows[0].call_id
    call = await owner.fetchrow("select * from call where id = $1", call_id)
    assert call is not None
    assert (call["wait_s"], call["talk_s"], call["duration_s"]) == (6.0, 1.0, 10.0)
    assert (call["end_reason"], call["hangup_cause"], call["recorded"]) == ("caller_hung_up", 16, True)
    visits = await owner.fetch("select * from queue_visit where call_id = $1 order by seq", call_id)
    assert [(v["visit"], v["queue"], v["position"], v["offers"], v["missed"], v["outcome"], v["waited_s"], v["extension"],
             v["talk_s"]) for v in visits] == [
        (1, "sales", 2, 1, 1, "timeout", 4.0, "", 0.0),
        (2, "support", None, 1, 0, "answered", 2.0, "104", 1.0),
    ]  # fmt: skip
    legs = await owner.fetch("select * from leg where call_id = $1 order by seq", call_id)
    assert [
        (x["role"], x["number"], x["extension"], x["started_at"], x["ended_at"], x["hangup_cause"]) for x in legs
    ] == [
        ("caller", "+15550123456", "", rows[0].at, rows[-1].at, 16),
        ("agent", "", "104", rows[8].at, rows[9].at, None),
    ]
    outbox = await owner.fetch("select o.kind, e.seq from outbox o join call_event e on e.id = o.event_id"
                               " where o.call_id = $1", call_id)  # fmt: skip
    assert [tuple(row) for row in outbox] == [("call.ended", 11)]


@pytest.mark.parametrize("together", [True, False])
async def test_a_call_that_plain_asterisk_queued_has_a_visit_too(
    engine: Pool, owner: asyncpg.Connection, together: bool
) -> None:
    commits = Commits()
    rows = rows_of(
        [
            started(),
            f.QueueEntered(queue="sales", visit=1, record=False),
            f.QueueExited(queue="sales", exit=QueueExit.TIMEOUT, waited_s=4.0),
            f.FloorServed(),
            f.QueuePositionKnown(queue="billing", position=1),
            f.OfferMade(extension="105"),
            f.CallConnected(extension="105", queue="billing", waited_s=3.0),
        ]
    )
    for batch in [rows] if together else [[row] for row in rows]:
        await commit(engine, commits, batch)
    visits = await owner.fetch("select * from queue_visit where call_id = $1 order by seq", rows[0].call_id)
    assert [(v["visit"], v["queue"], v["entered_at"], v["outcome"], v["offers"], v["extension"]) for v in visits] == [
        (1, "sales", rows[1].at, "timeout", 0, ""),
        (2, "billing", rows[4].at, "answered", 1, "105"),
    ]
    call = await owner.fetchrow("select state, wait_s from call where id = $1", rows[0].call_id)
    assert call is not None
    assert tuple(call) == ("talking", 7.0)


@pytest.mark.parametrize("together", [True, False])
async def test_a_talk_of_a_call_that_plain_asterisk_serves_ends_with_plain_asterisk(
    engine: Pool, owner: asyncpg.Connection, together: bool
) -> None:
    commits = Commits()
    rows = rows_of(
        [
            started(),
            f.FloorServed(),
            f.QueuePositionKnown(queue="sales", position=1),
            f.CallConnected(extension="101", queue="sales"),
            f.TalkEnded(extension="101", talked_s=1.0, by_caller=False),
            f.QueueExited(queue="sales", exit=QueueExit.CONTINUED),
        ]
    )
    for batch in [rows] if together else [[row] for row in rows]:
        await commit(engine, commits, batch)
    await assert_is_fold(owner, rows)


async def test_the_agent_and_the_queue_are_found_by_their_names(engine: Pool, owner: asyncpg.Connection) -> None:
    tenant: UUID = await owner.fetchval(
        "insert into tenant (tenant_id, name) values (gen_random_uuid(), 'x') returning tenant_id"
    )
    agent = await owner.fetchval(
        "insert into agent (tenant_id, extension, display_name, endpoint) values ($1, '101', 'A', 'e0123456789') returning id",
        tenant,
    )
    queue = await owner.fetchval("insert into queue (tenant_id, name) values ($1, 'sales') returning id", tenant)
    rows = rows_of(
        [
            started(), f.QueueEntered(queue="sales", visit=1, record=False),
            f.CallConnected(extension="101", queue="sales", waited_s=1.0),
        ],
        tenant=tenant,
    )  # fmt: skip
    for row in rows:
        await commit(engine, commits := Commits(), [row])
        assert commits
    assert await owner.fetchval("select agent_id from call where id = $1", rows[0].call_id) == agent
    visit = await owner.fetchrow("select agent_id, queue_id from queue_visit where call_id = $1", rows[0].call_id)
    assert visit is not None
    assert tuple(visit) == (agent, queue)
    assert (
        await owner.fetchval("select agent_id from leg where call_id = $1 and role = 'agent'", rows[0].call_id) == agent
    )
    await owner.execute("delete from agent where tenant_id = $1", tenant)
    await owner.execute("delete from queue where tenant_id = $1", tenant)
