"""An Asterisk whose socket carries events but no requests: the only fault here that the real one cannot be made to show
for longer than until its filter is repaired."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator

import pytest
from aiohttp import web

from m3voip.providers.asterisk.ari import channels, system
from m3voip.providers.asterisk.ari.client import AriAccess, AriClient
from m3voip.providers.asterisk.ari.errors import AriError, AriTimeout
from m3voip.providers.asterisk.timing import LinkTiming
from tests.support.eventually import eventually

pytestmark = pytest.mark.unit


class DeafSocket:
    """Answers by HTTP only, and remembers what it was asked."""

    def __init__(self) -> None:
        self.asked: list[tuple[str, str, str]] = []

    async def events(self, request: web.Request) -> web.WebSocketResponse:
        socket = web.WebSocketResponse()
        await socket.prepare(request)
        async for _message in socket:
            pass
        return socket

    async def rest(self, request: web.Request) -> web.Response:
        self.asked.append((request.method, request.path, await request.text()))
        if request.path == "/ari/channels/gone/answer":
            return web.json_response({"message": "Channel not found"}, status=404)
        if request.path == "/ari/channels/slow/answer":
            await asyncio.sleep(5)
        return web.json_response([] if request.path in ("/ari/channels", "/ari/endpoints") else {})


@pytest.fixture
async def deaf() -> AsyncIterator[tuple[DeafSocket, AriClient]]:
    """A client that had to turn to HTTP."""
    server = DeafSocket()
    app = web.Application()
    app.router.add_get("/ari/events", server.events)
    app.router.add_route("*", "/ari/{rest:.*}", server.rest)
    runner = web.AppRunner(app, shutdown_timeout=0.1)
    await runner.setup()
    site = web.TCPSite(runner, "127.0.0.1", 0)
    await site.start()
    port = runner.addresses[0][1]
    access = AriAccess(base_url=f"http://127.0.0.1:{port}/ari", user="u", password="p", app="a", drop_events=("Dial",))
    client = AriClient(access, on_event=print, timing=LinkTiming(probe_s=0.2, tick_s=0.05))
    run = asyncio.create_task(client.run(), name="test ari client")
    async with asyncio.timeout(3):
        await client.wait_connected()
    yield server, client
    client.stop()
    await run
    await runner.cleanup()


async def test_requests_go_by_http_in_order_when_the_socket_answers_none(deaf: tuple[DeafSocket, AriClient]) -> None:
    server, client = deaf
    assert server.asked[0][:2] == ("PUT", "/ari/applications/a/eventFilter")
    errors: list[AriError] = []
    client.submit(channels.set_variables("c", {"A": "1"}), errors.append)
    client.submit(channels.send_on("c", context="x", extension="s"), errors.append)
    client.submit(channels.answer("gone"), errors.append)
    assert await client.call(channels.list_all()) == ()
    assert [path for _, path, _ in server.asked[1:]] == [
        "/ari/channels/c/variables",
        "/ari/channels/c/continue",
        "/ari/channels/gone/answer",
        "/ari/channels",
    ]
    assert server.asked[1][2] == '{"variables":{"A":"1"}}'
    await eventually(lambda: errors)
    assert [(error.status, error.message) for error in errors] == [(404, "Channel not found")]


async def test_a_slow_answer_by_http_is_an_unknown_outcome_too(deaf: tuple[DeafSocket, AriClient]) -> None:
    _, client = deaf
    with pytest.raises(AriTimeout):
        await client.call(channels.answer("slow"), timeout_s=0.2)
    await client.call(system.ping())
