"""The demo's people on a real Asterisk, and what the terminal shows of them."""

import asyncio
import io
import random
import time
from collections import Counter
from collections.abc import AsyncIterator
from typing import Any

import orjson
import pytest
from aiohttp import web
from rich.console import Console

from m3voip.phones.board import Board, masked
from m3voip.phones.dashboard import Dashboard, messages
from m3voip.phones.demo import CHOICES, DemoEvent, DemoPeople, Mind, Pace, make_up
from m3voip.stack.stack import Stack
from tests.support.eventually import eventually

CALL_ID = "019ab0c4-5d3e-7a31-9f00-3b1c2d4e5f60"


def test_callers_choose_as_often_as_they_should_and_the_seed_repeats_them() -> None:
    def crowd(seed: int) -> list[Mind]:
        mind = random.Random(seed)
        return [make_up(mind, Pace()) for _ in range(2000)]

    keys = Counter("".join(key for _, key in mind.keys) for mind in crowd(1))
    assert keys["1"] / 2000 == pytest.approx(CHOICES["1"] / 100, abs=0.05)
    assert keys["91"] > 0
    assert crowd(1) == crowd(1)
    assert crowd(1) != crowd(2)


@pytest.mark.asterisk
@pytest.mark.usefixtures("asterisk_unchanged")
async def test_agents_register_answer_callers_and_everybody_stops_at_once(asterisk: Stack) -> None:
    settings, seen = asterisk.settings, list[DemoEvent]()
    run = {
        "sip": {"address": settings.sip_address, "udp": settings.sip_udp_port},
        "agents": [{"extension": "102", "username": "e0000000102", "password": "secret-102"}],
        "dids": ["+15550100100"],
    }
    pace = Pace(calls_per_second=3, at_once=3, answer_after=(0.1, 0.2), talk=(0.3, 0.6), patience=(5, 9), seed=1)
    people = DemoPeople(run, pace, seen.append)
    task = asyncio.create_task(people.run())
    try:
        await eventually(lambda: any(e.kind == "caller.ends" for e in seen), within=20, what="a served caller")
        assert {"agent.ready", "agent.rings", "caller.dials"} <= {e.kind for e in seen}
        assert people.on_the_line <= 3
    finally:
        began = time.monotonic()
        task.cancel()
        with pytest.raises(asyncio.CancelledError):
            await task
    assert time.monotonic() - began < 2.5
    assert people.on_the_line == 0
    assert "e0000000102" not in await asterisk.cli("pjsip show contacts")


def _event(number: int, kind: str, **payload: Any) -> dict[str, Any]:
    return {"id": number, "callId": CALL_ID, "seq": number, "at": "2026-11-23T10:00:04Z", "kind": kind,
            "payload": payload}  # fmt: skip


QUEUE = {
    "name": "sales",
    "live": {"waitingCount": 2, "longestWaitSec": 12.4},
    "members": [{"extension": "101", "state": "on_call"}, {"extension": "102", "state": None}],
}
LIVE_CALL = {
    "caller": "+15557654321", "state": "queued", "queue": "sales", "node": "sales", "agentExtension": "",
    "dialStartAt": "2026-11-23T10:00:00Z",
}  # fmt: skip


def _printed(board: Board) -> str:
    console = Console(file=io.StringIO(), width=120)
    console.print(board.render())
    assert isinstance(console.file, io.StringIO)
    return console.file.getvalue()


def test_the_board_counts_tells_and_masks() -> None:
    board = Board("demo")
    board.problem = ""
    board.take_queues([QUEUE])
    board.take_calls([LIVE_CALL])
    board.take_event(_event(1, "call.started", caller="+15557654321", did="+15550100100"))
    board.take_event(_event(2, "call.connected", extension="101"))
    board.take_event(_event(3, "queue.abandoned", queue="sales", waited_s="not a number"))
    board.take_person(DemoEvent(kind="caller.fails", who="15557654321", text="503 Service Unavailable"))
    shown = _printed(board)
    assert "caller …4321 talks with agent 101" in shown
    assert "503 Service Unavailable" in shown
    assert "101 on_call" in shown
    assert "7654321" not in shown
    assert board.line() == "live 1, waiting 2, calls 1, answered 1, abandoned 1, recorded 0, messages 0"
    assert masked("") == "unknown"


async def test_an_event_stream_is_read_with_its_ids_and_without_its_comments() -> None:
    async def lines() -> AsyncIterator[bytes]:
        for line in (b"retry: 2000\n", b"id: 7\n", b"\n", b": ping\n", b"\n", b"id: 8\n", b'data: {"a":1}\n', b"\n"):
            yield line

    assert [m async for m in messages(lines())] == [("7", ""), ("8", '{"a":1}')]


async def test_the_dashboard_resumes_where_the_service_went_away() -> None:
    asked: list[str] = []

    async def events(request: web.Request) -> web.StreamResponse:
        asked.append(request.headers.get("Last-Event-ID", ""))
        response = web.StreamResponse(headers={"Content-Type": "text/event-stream"})
        await response.prepare(request)
        number = len(asked)
        await response.write(b"id: %d\ndata: %s\n\n" % (number, orjson.dumps(_event(number, "call.connected"))))
        return response  # and it breaks off

    async def page(request: web.Request) -> web.Response:
        assert request.headers["Authorization"] == "Bearer key"
        return web.json_response({"items": [QUEUE] if "queues" in request.path else [LIVE_CALL], "nextCursor": None})

    app = web.Application()
    app.add_routes([web.get("/v1/events", events), web.get("/v1/tm/{what}", page)])
    runner = web.AppRunner(app)
    await runner.setup()
    site = web.TCPSite(runner, "127.0.0.1", 0)
    await site.start()
    port = runner.addresses[0][1]
    output = io.StringIO()
    run = {"apiUrl": f"http://127.0.0.1:{port}", "apiKey": "key", "dids": ["+15550100100"]}
    dashboard = Dashboard(run, Console(file=output))
    task = asyncio.create_task(dashboard.run())
    try:
        await eventually(lambda: dashboard.board.counts["answered"] >= 2 and dashboard.board.problem == "")
        assert asked[:2] == ["", "1"]
        assert (dashboard.board.live, dashboard.board.waiting) == (1, 2)
        await runner.cleanup()
        await eventually(lambda: "does not answer" in dashboard.board.problem)
    finally:
        task.cancel()
        with pytest.raises(asyncio.CancelledError):
            await task
        await runner.cleanup()
    assert "live" in output.getvalue()
