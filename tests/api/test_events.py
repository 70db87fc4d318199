"""The event stream: nothing missed, nothing twice, whatever is cut; a reader that does not read is let go."""

from __future__ import annotations

import asyncio
import random
import socket
from collections.abc import AsyncGenerator
from contextlib import aclosing, suppress
from datetime import UTC, datetime
from typing import Any
from uuid import UUID

import aiohttp
import orjson
import pytest

from m3voip.config import DEFAULT_TENANT
from m3voip.core import facts as f
from tests.api.client import Client
from tests.api.conftest import OTHER_TENANT, World
from tests.api.stories import ended, new_id, started, story, to_agent
from tests.support.eventually import eventually

pytestmark = pytest.mark.postgres


@pytest.fixture(autouse=True)
async def _nobody_listens(world: World) -> AsyncGenerator[None]:
    """Each test begins and ends without readers: those that went are noticed."""
    await listening(world, 0)
    yield
    await listening(world, 0)


class Reader:
    """A browser's EventSource: remembers the last id and comes back with it."""

    def __init__(self, client: Client, **params: str) -> None:
        self.client = client
        self.params = params
        self.last_id: str | None = None
        self.events: list[dict[str, Any]] = []

    async def read(self, *, cut_after: int | None = None) -> None:
        """One connection, until it ends or, abruptly, after so many events."""
        headers = {**self.client.headers, **({"Last-Event-ID": self.last_id} if self.last_id is not None else {})}
        url = f"{self.client.base}/v1/events"
        seen = 0
        async with self.client.session.get(url, params=self.params, headers=headers) as response:
            assert response.status == 200
            assert response.content_type == "text/event-stream"
            async with aclosing(frames(response)) as received:
                async for frame in received:
                    if "id" in frame:
                        self.last_id = frame["id"]
                    if "data" in frame:
                        self.events.append(orjson.loads(frame["data"]))
                        assert str(self.events[-1]["id"]) == frame["id"]
                        seen += 1
                        if seen == cut_after:
                            response.close()
                            return

    @property
    def facts(self) -> list[tuple[str, int]]:
        return [(event["callId"], event["seq"]) for event in self.events]


async def frames(response: aiohttp.ClientResponse) -> AsyncGenerator[dict[str, str]]:
    frame: dict[str, str] = {}
    async for raw in response.content:
        line = raw.decode().rstrip("\n")
        if line:
            name, _, value = line.partition(": ")
            frame[name] = value
        else:
            yield frame
            frame = {}


async def write_calls(world: World, count: int, tenant: UUID = DEFAULT_TENANT) -> list[tuple[str, int]]:
    written = []
    for _ in range(count):
        call = new_id()
        rows = story(tenant, call, datetime.now(UTC), started(), *to_agent(), *ended())
        await world.writer.write(*rows)
        written += [(str(call), row.seq) for row in rows]
    return written


async def listening(world: World, count: int = 1) -> None:
    await eventually(lambda: len(world.hub) == count, what=f"{count} readers listen")


async def test_a_reader_gets_events_as_they_are_stored(world: World, mine: Client) -> None:
    reader = Reader(mine)
    async with asyncio.TaskGroup() as tasks:
        reading = tasks.create_task(reader.read(), name="reader")
        await listening(world)
        written = await write_calls(world, 3)
        await eventually(lambda: len(reader.events) == len(written))
        reading.cancel()
    assert reader.facts == written
    shown = (await mine.get(f"/v1/tm/calls/{written[0][0]}/events")).json["items"]
    assert reader.events[: len(shown)] == shown
    await listening(world, 0)


async def test_after_0_begins_with_the_first_event_of_the_tenant(world: World, mine: Client) -> None:
    written = await write_calls(world, 2)
    total = await world.owner.fetchval("SELECT count(*) FROM call_event WHERE tenant_id = $1", DEFAULT_TENANT)
    reader = Reader(mine, after="0")
    await reader.read(cut_after=total)
    assert reader.facts[-len(written) :] == written
    resumed = Reader(mine, after=str(reader.events[-3]["id"]))
    await resumed.read(cut_after=2)
    assert resumed.events == reader.events[-2:]


async def test_only_the_kinds_that_were_asked_for(world: World, mine: Client) -> None:
    reader = Reader(mine, kinds="call.started, call.ended")
    before = await world.owner.fetchval("SELECT max(id) FROM call_event")
    async with asyncio.TaskGroup() as tasks:
        reading = tasks.create_task(reader.read(), name="reader")
        await listening(world)
        await write_calls(world, 2)
        await eventually(lambda: len(reader.events) == 4)
        reading.cancel()
    assert [event["kind"] for event in reader.events] == ["call.started", "call.ended"] * 2
    again = Reader(mine, kinds="call.started, call.ended", after=str(before or 0))
    await again.read(cut_after=4)
    assert again.events == reader.events
    assert (await mine.get("/v1/events", kinds="call.begun")).paths == ["kinds"]
    assert (await mine.get("/v1/events", after="-1")).paths == ["after"]
    wrong = await mine.ask("GET", "/v1/events", headers={"Last-Event-ID": "x"})
    assert wrong.paths == ["Last-Event-ID"]


async def test_fifty_cuts_miss_nothing_and_double_nothing(world: World, mine: Client) -> None:
    reader = Reader(mine, after=str(await world.owner.fetchval("SELECT coalesce(max(id), 0) FROM call_event")))
    chance = random.Random(1)
    written: list[tuple[str, int]] = []

    async def talk() -> None:
        for _ in range(60):
            written.extend(await write_calls(world, 1))
            await write_calls(world, 1, OTHER_TENANT)

    cuts = 0

    async def listen() -> None:
        nonlocal cuts
        while True:
            with suppress(aiohttp.ClientError):
                await reader.read(cut_after=chance.randint(1, 9))
            cuts += 1

    async with asyncio.TaskGroup() as tasks:
        talking = tasks.create_task(talk(), name="talk")
        listening_ = tasks.create_task(listen(), name="listen")
        await eventually(lambda: talking.done() and len(reader.events) >= len(written), within=60)
        listening_.cancel()
    assert reader.facts == written
    assert cuts >= 50


async def test_a_commit_that_nobody_was_told_of_is_found_by_the_next_one(world: World, mine: Client) -> None:
    reader = Reader(mine)
    async with asyncio.TaskGroup() as tasks:
        reading = tasks.create_task(reader.read(), name="reader")
        await listening(world)
        call = new_id()
        rows = story(DEFAULT_TENANT, call, datetime.now(UTC), started(), *to_agent(), *ended())
        await world.writer.write(rows[0])
        await world.writer.write(rows[1], told=False)
        await world.writer.write(rows[2])
        await world.writer.write(rows[3], told=False)
        await world.writer.write(*rows[4:])
        await eventually(lambda: len(reader.events) == len(rows))
        reading.cancel()
    assert reader.facts == [(str(call), row.seq) for row in rows]


async def test_a_reader_that_does_not_read_is_cut_off_and_can_resume(world: World, mine: Client) -> None:
    begin = str(await world.owner.fetchval("SELECT coalesce(max(id), 0) FROM call_event"))
    host, port = world.base.removeprefix("http://").split(":")
    with socket.socket() as stuck:
        stuck.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 4096)
        stuck.connect((host, int(port)))
        stuck.sendall(
            f"GET /v1/events?after={begin} HTTP/1.1\r\nHost: {host}\r\nAuthorization: Bearer {mine.key}\r\n\r\n".encode()
        )
        await listening(world)
        quick = Reader(mine, after=begin)
        async with asyncio.TaskGroup() as tasks:
            reading = tasks.create_task(quick.read(), name="quick")
            await listening(world, 2)
            call = new_id()
            noise = "x" * 10_000  # together more than any socket buffer takes
            rows = story(
                DEFAULT_TENANT, call, datetime.now(UTC), started(),
                *(f.VariableSet(node="n", values={"v": noise}) for _ in range(1200)),
            )  # fmt: skip
            for first in range(0, len(rows), 50):
                await world.writer.write(*rows[first : first + 50])
                await asyncio.sleep(0)
            await eventually(lambda: len(quick.events) == len(rows), within=20)
            await eventually(lambda: len(world.hub) == 1, what="the stuck reader is let go")
            reading.cancel()
        await asyncio.to_thread(drained, stuck)
    assert quick.facts == [(str(call), row.seq) for row in rows]


def drained(connection: socket.socket) -> None:
    """Read what was on its way; the connection must be at its end, not open."""
    connection.settimeout(5)
    with suppress(ConnectionResetError):
        while connection.recv(65536):
            pass


async def test_streams_end_when_the_service_stops(world: World, mine: Client) -> None:
    reader = Reader(mine)
    async with asyncio.TaskGroup() as tasks:
        tasks.create_task(reader.read(), name="reader")
        await listening(world)
        for subscription in list(world.hub._subscriptions):
            subscription.end()
    assert reader.last_id is not None


async def test_a_stream_needs_the_database_only_to_begin(world: World, mine: Client) -> None:
    assert (await mine.using("").get("/v1/events")).status == 401
    silent = await world.key()
    assert (await mine.using(silent).get("/v1/events")).status == 403
