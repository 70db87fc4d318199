"""How fast facts get into Postgres, and what they cost: the writer against a plain COPY of the same rows.

``python -m tests.bench.writer_bench`` starts a Postgres of its own and prints one JSON object. The ways alternate within a
round; figures are medians of the rounds. COPY writes into a table with call_event's columns and indexes, without row-level
security (COPY cannot do with it), projections, outbox or notice. This Postgres does not wait for the disk, which favours COPY:
waiting would be the same for both.
"""

from __future__ import annotations

import asyncio
import json
import sys
import tempfile
import time
from collections.abc import Awaitable, Callable, Sequence
from contextlib import suppress
from pathlib import Path
from statistics import median

import asyncpg
import uvloop

from m3voip.core.facts import Recorded, encode_fact
from m3voip.stack.stack import Stack, fresh_name
from m3voip.storage.codec import encode_rows
from m3voip.storage.postgres.commit import Commits
from m3voip.storage.postgres.pool import writer_connection
from m3voip.storage.postgres.queries import load
from m3voip.storage.postgres.writer import EventWriter
from tests.bench.machine import describe, process_ms
from tests.storage.support import short_call

ROUNDS = 5
CALLS_A_ROUND = 1500
PACED_CALLS, PACED_SECONDS = 300, 4.0
"""A call here has four facts, written by three appends: it begins, a digit, it ends."""

_COLUMNS = ["call_id", "tenant_id", "seq", "at", "id", "kind", "payload"]


class Bench:
    """One Postgres and the ways to write into it."""

    def __init__(self, owner: asyncpg.Connection, engine: asyncpg.Connection, dsn: str) -> None:
        self.owner, self.engine, self.dsn = owner, engine, dsn
        self.commits = Commits()
        self._id = 0

    async def copy(self, rows: Sequence[Recorded]) -> None:
        """Plain COPY, encoded from the same objects."""
        records = []
        for row in rows:
            self._id += 1
            kind, payload = str(type(row.fact).__struct_config__.tag), encode_fact(row.fact).decode()
            records.append((row.call_id, row.tenant_id, row.seq, row.at, self._id, kind, payload))
        await self.owner.copy_records_to_table("plain", columns=_COLUMNS, records=records)

    async def commit(self, rows: Sequence[Recorded]) -> None:
        """Facts with everything computed from them, outbox and notice."""
        async with self.commits.turn():
            await self.commits.commit(self.engine, rows)

    async def events_only(self, rows: Sequence[Recorded]) -> None:
        """The same rows as COPY writes, by the writer's statement, nothing computed from them."""
        events = f"[{encode_rows(rows).decode()}]"
        await self.engine.fetchval(load("commit")["record"], True, len(rows), events, *[None] * 9)

    async def in_batches(
        self, db: asyncpg.Connection, way: Callable[[Sequence[Recorded]], Awaitable[None]], size: int
    ) -> dict[str, float]:
        """One round of one way."""
        rows = [row for _ in range(CALLS_A_ROUND) for row in short_call()]
        pid = db.get_server_pid()
        server, client, began = process_ms(pid), time.process_time(), time.perf_counter()
        for start in range(0, len(rows), size):
            await way(rows[start : start + size])
        seconds = time.perf_counter() - began
        return {
            "rows_per_s": len(rows) / seconds,
            "client_us_per_row": (time.process_time() - client) / len(rows) * 1e6,
            "server_us_per_row": (process_ms(pid) - server) * 1000 / len(rows),
        }

    async def through_the_writer(self, calls_per_s: float | None) -> dict[str, float]:
        """The whole way from ``append``: journal, backlog, batches. Paced as live calls are, or as fast as it goes."""
        with tempfile.TemporaryDirectory() as folder:
            writer = EventWriter(journal_dir=Path(folder), connect=writer_connection(self.dsn), commits=self.commits)
            task = asyncio.create_task(writer.run(), name="bench.writer")
            count = CALLS_A_ROUND if calls_per_s is None else int(calls_per_s * PACED_SECONDS)
            calls = [short_call() for _ in range(count)]
            writer.append(short_call())
            await writer.flush()
            client, began = time.process_time(), time.perf_counter()
            for number, rows in enumerate(calls):
                for part in (rows[:2], rows[2:3], rows[3:]):
                    writer.append(part)
                if calls_per_s is not None:
                    await asyncio.sleep(max(0.0, began + number / calls_per_s - time.perf_counter()))
            appended = time.process_time()
            await writer.flush()
            seconds, used = time.perf_counter() - began, time.process_time() - client
            task.cancel()
            with suppress(asyncio.CancelledError):
                await task
            writer.close()
        return {
            "rows_per_s": count * 4 / seconds,
            "client_us_per_call": used / count * 1e6,
            "append_us_per_call": (appended - client) / count * 1e6,
        }


async def idle_us_per_call() -> float:
    """What pacing itself costs: the same loop with nothing in it."""
    count, began, client = int(PACED_CALLS * PACED_SECONDS), time.perf_counter(), time.process_time()
    for number in range(count):
        await asyncio.sleep(max(0.0, began + number / PACED_CALLS - time.perf_counter()))
    return (time.process_time() - client) / count * 1e6


async def run() -> dict[str, object]:
    """Everything, as one object."""
    async with Stack(instance=fresh_name(), parts={"postgres"}, ephemeral=True) as stack:
        assert stack.settings.owner_dsn is not None
        dsn = stack.settings.engine_dsn.get_secret_value()
        owner, engine = await asyncpg.connect(stack.settings.owner_dsn.get_secret_value()), await asyncpg.connect(dsn)
        await owner.execute("create table plain (like call_event_default including all)")
        bench = Bench(owner, engine, dsn)
        found: dict[str, list[dict[str, float]]] = {}
        for _ in range(ROUNDS + 1):
            for size in (24, 500):
                found.setdefault(f"copy_{size}", []).append(await bench.in_batches(owner, bench.copy, size))
                found.setdefault(f"events_{size}", []).append(await bench.in_batches(engine, bench.events_only, size))
                found.setdefault(f"facts_{size}", []).append(await bench.in_batches(engine, bench.commit, size))
            found.setdefault("writer_flat_out", []).append(await bench.through_the_writer(None))
        paced = [await bench.through_the_writer(PACED_CALLS) for _ in range(3)]
        idle = median([await idle_us_per_call() for _ in range(3)])
        await owner.close()
        await engine.close()
    medians = {
        way: {name: round(median(one[name] for one in rounds[1:]), 1) for name in rounds[0]}  # the first warms up
        for way, rounds in found.items()
    }
    paced_us = median(one["client_us_per_call"] for one in paced) - idle
    return {
        "machine": describe(),
        "medians_of": ROUNDS,
        **medians,
        "ratio_to_copy": {
            way: round(medians[way]["rows_per_s"] / medians[f"copy_{size}"]["rows_per_s"], 2)
            for size in (24, 500)
            for way in (f"events_{size}", f"facts_{size}")
        },
        "paced_calls_per_s": PACED_CALLS,
        "paced_client_us_per_call": round(paced_us, 1),
    }


if __name__ == "__main__":
    sys.stdout.write(json.dumps(uvloop.run(run()), indent=2) + "\n")
