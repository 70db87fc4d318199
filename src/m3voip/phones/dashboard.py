"""Shows a running call centre in the terminal, from its HTTP API alone: lists each second, events as they happen. The
service may come and go under it; it says so and goes on."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterable, AsyncIterator, Mapping
from typing import Any

import aiohttp
import orjson
from rich.console import Console
from rich.live import Live

from m3voip.phones.board import Board
from m3voip.phones.demo import DemoEvent

_POLL_SECONDS = 1.0
_LINE_SECONDS = 5.0


class Dashboard:
    """``Dashboard(run_json).run()`` until cancelled. ``on_event`` takes what the simulated people do."""

    def __init__(self, run: Mapping[str, Any], console: Console | None = None) -> None:
        self.board = Board("m3voip demo: call " + ", ".join(run["dids"]))
        self._base = str(run["apiUrl"])
        self._key = str(run["apiKey"])
        self._console = console or Console()
        self._last_event = ""

    def on_event(self, event: DemoEvent) -> None:
        """Show what a simulated person did."""
        self.board.take_person(event)

    async def run(self) -> None:
        """Read and show until cancelled."""
        headers = {"Authorization": f"Bearer {self._key}"}
        timeout = aiohttp.ClientTimeout(total=None, sock_connect=3, sock_read=30)
        async with (
            aiohttp.ClientSession(self._base, headers=headers, timeout=timeout) as http,
            asyncio.TaskGroup() as readers,
        ):
            readers.create_task(self._lists(http), name="dashboard.lists")
            readers.create_task(self._events(http), name="dashboard.events")
            readers.create_task(self._show(), name="dashboard.show")

    async def _show(self) -> None:
        if not self._console.is_terminal:
            while True:
                self._console.print(self.board.line(), highlight=False, soft_wrap=True)
                await asyncio.sleep(_LINE_SECONDS)
        with Live(console=self._console, auto_refresh=False, transient=False) as screen:
            while True:
                screen.update(self.board.render(), refresh=True)
                await asyncio.sleep(0.25)

    async def _lists(self, http: aiohttp.ClientSession) -> None:
        while True:
            try:
                self.board.take_queues(await self._items(http, "/v1/tm/queues"))
                self.board.take_calls(await self._items(http, "/v1/tm/calls?state=live&limit=200"))
                self.board.problem = ""
            except (aiohttp.ClientError, TimeoutError, orjson.JSONDecodeError) as error:
                self.board.problem = f"the service does not answer ({_short(error)})"
            await asyncio.sleep(_POLL_SECONDS)

    async def _items(self, http: aiohttp.ClientSession, path: str) -> list[dict[str, Any]]:
        async with http.get(path) as response:
            response.raise_for_status()
            page: dict[str, Any] = orjson.loads(await response.read())
            return list(page["items"])

    async def _events(self, http: aiohttp.ClientSession) -> None:
        """The stream, resumed after the last event seen, so a restart of the service loses and doubles nothing."""
        while True:
            try:
                headers = {"Last-Event-ID": self._last_event} if self._last_event else {}
                async with http.get("/v1/events", headers=headers) as response:
                    response.raise_for_status()
                    async for event_id, data in messages(response.content):
                        self._last_event = event_id or self._last_event
                        if data:
                            self.board.take_event(orjson.loads(data))
            except (aiohttp.ClientError, TimeoutError, orjson.JSONDecodeError):
                pass  # _lists says it on the screen
            await asyncio.sleep(_POLL_SECONDS)


async def messages(lines: AsyncIterable[bytes]) -> AsyncIterator[tuple[str, str]]:
    """(id, data) of each message of an event stream; comments and other fields are skipped."""
    event_id, data = "", ""
    async for raw in lines:
        line = raw.decode().rstrip("\r\n")
        name, _, value = line.partition(":")
        value = value.removeprefix(" ")
        if not line:
            if event_id or data:
                yield event_id, data
            event_id, data = "", ""
        elif name == "id":
            event_id = value
        elif name == "data":
            data += value


def _short(error: Exception) -> str:
    return f"HTTP {error.status}" if isinstance(error, aiohttp.ClientResponseError) else type(error).__name__
