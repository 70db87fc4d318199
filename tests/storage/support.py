"""Stories to store, and looking at what was stored."""

import asyncio
import os
import random
from collections.abc import AsyncIterator, Iterable, Sequence
from contextlib import asynccontextmanager, suppress
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from functools import reduce
from pathlib import Path
from uuid import UUID

import asyncpg

from m3voip.config import DEFAULT_TENANT
from m3voip.core import facts as f
from m3voip.core.call import Call, evolve
from m3voip.core.causes import ConferenceExit, EndReason, QueueExit
from m3voip.core.ids import uuid7
from m3voip.storage.codec import StoredEvent
from m3voip.storage.postgres.commit import Commits
from m3voip.storage.postgres.pool import writer_connection
from m3voip.storage.postgres.writer import MOST_ROWS, EventWriter


@dataclass
class Running:
    """A writer at work. ``told`` is what ``on_committed`` was told, in order."""

    writer: EventWriter
    commits: Commits
    told: list[StoredEvent] = field(default_factory=list)


@asynccontextmanager
async def running(engine_dsn: str, folder: Path, *, most_rows: int = MOST_ROWS) -> AsyncIterator[Running]:
    """A writer whose task runs until the end."""
    told: list[StoredEvent] = []
    commits = Commits(told.extend)
    writer = EventWriter(
        journal_dir=folder, connect=writer_connection(engine_dsn), commits=commits, most_rows=most_rows
    )
    task = asyncio.create_task(writer.run(), name="tests.writer")
    try:
        yield Running(writer, commits, told)
    finally:
        task.cancel()
        with suppress(asyncio.CancelledError):
            await task
        writer.close()


def new_call_id() -> UUID:
    return uuid7(datetime.now(UTC), os.urandom(10))


def rows_of(facts: Iterable[f.AnyFact], *, call_id: UUID | None = None, tenant: UUID = DEFAULT_TENANT,
            at: datetime | None = None, first: int = 1) -> list[f.Recorded]:  # fmt: skip
    """Facts of one call, a second apart."""
    at = at or datetime.now(UTC)
    call_id = call_id or uuid7(at, os.urandom(10))
    return [
        f.Recorded(call_id, tenant, first + place, at + timedelta(seconds=place), fact)
        for place, fact in enumerate(facts)
    ]


def short_call(tenant: UUID = DEFAULT_TENANT) -> list[f.Recorded]:
    """Answered by the tree, one digit, hung up."""
    return rows_of(
        [
            f.CallStarted(leg="1700000000.1", did="15550100100", caller="+15550123456", caller_name="Ann", tree="main",
                          tree_version=1),
            f.NodeEntered(node="menu", verb="menu", prompt="p1"),
            f.DigitsTaken(node="menu", digits="1"),
            f.CallEnded(reason=EndReason.COMPLETED, cause=16, duration_s=3.0),
        ],
        tenant=tenant,
    )  # fmt: skip


def started(**values: str) -> f.CallStarted:
    return f.CallStarted(**{"leg": "1700000000.2", "did": "15550100100", "caller": "+15550123456", **values})  # type: ignore[arg-type]


_NAMES = ["", "Ann", "O'Hara \x00 \u202e", "\\u0000"]


def random_story(chance: random.Random, *, ended: bool = True) -> list[f.Recorded]:
    """A call as the engine might tell it: any fact may follow any, as after glare, crashes and floors."""
    call_id, at = new_call_id(), datetime.now(UTC) - timedelta(minutes=5)
    facts: list[f.AnyFact] = [started(leg=f"17{chance.randrange(10**8)}.1", caller_name=chance.choice(_NAMES))]
    facts += [_random_fact(chance, visit) for visit in range(chance.randrange(25))]
    rows = [
        f.Recorded(
            call_id, DEFAULT_TENANT, seq, at + timedelta(seconds=seq * 3, microseconds=chance.randrange(10**6)), fact
        )
        for seq, fact in enumerate(facts, 1)
    ]
    if ended:
        end = f.CallEnded(reason=EndReason.CALLER_HUNG_UP, cause=16, duration_s=30.0, talk_s=fold(rows).talk_s)
        rows.append(f.Recorded(call_id, DEFAULT_TENANT, len(rows) + 1, at + timedelta(minutes=3), end))
    return rows


def _random_fact(chance: random.Random, visit: int) -> f.AnyFact:
    extension, queue = chance.choice(["101", "102", "999"]), chance.choice(["sales", "support"])
    seconds = chance.randrange(10**5) / 1000
    facts: list[f.AnyFact] = [
        f.NodeEntered(node=f"n{chance.randrange(5)}", verb="menu"),
        f.VariableSet(node="n", values={"k": "v\\u0000\x00"}),
        f.QueueEntered(queue=queue, visit=visit, record=chance.random() < 0.5),
        f.QueuePositionKnown(queue=queue, position=chance.randrange(1, 9)),
        f.QueueExited(queue=queue, exit=chance.choice(list(QueueExit)), waited_s=seconds),
        f.QueueCallAbandoned(queue=queue, waited_s=seconds),
        f.OfferMade(extension=extension),
        f.OfferMissed(extension=extension, rang_ms=15000),
        f.CallConnected(extension=extension, queue=chance.choice(["", queue]), waited_s=seconds),
        f.TalkEnded(extension=extension, talked_s=seconds, by_caller=True),
        f.DialStarted(extension=extension, record=chance.random() < 0.5),
        f.DialEnded(extension=extension, status="NOANSWER"),
        f.VoicemailEntered(box="801"),
        f.CallRouted(route="r", version=1, rule="all", why="", target="tree", to="main"),
        f.TreeEntered(tree=chance.choice(["main", "direct-sales"]), version=visit),
        f.VoicemailDone(box="801", status="SUCCESS"),
        f.ConferenceEntered(conference="800"),
        f.ConferenceDone(conference="800", exit=ConferenceExit.LEFT, stayed_s=seconds),
        f.ConferenceMuted(muted=True),
        f.FloorServed(),
    ]
    return chance.choice(facts)


def fold(rows: Sequence[f.Recorded]) -> Call:
    return reduce(evolve, rows, Call(id=rows[0].call_id, tenant_id=rows[0].tenant_id))


async def assert_stored(db: asyncpg.Connection, rows: Iterable[f.Recorded]) -> None:
    """Every row is stored, once, and no other of these calls."""
    wanted: dict[UUID, list[int]] = {}
    for row in rows:
        wanted.setdefault(row.call_id, []).append(row.seq)
    found: dict[UUID, list[int]] = {}
    for record in await db.fetch(
        "select call_id, seq from call_event where call_id = any($1) order by call_id, seq", list(wanted)
    ):
        found.setdefault(record["call_id"], []).append(record["seq"])
    for call_id, seqs in wanted.items():
        assert found.get(call_id, []) == seqs
    calls = await db.fetch("select id, last_seq from call where id = any($1)", list(wanted))
    assert {call["id"]: call["last_seq"] for call in calls} == {call_id: seqs[-1] for call_id, seqs in wanted.items()}
