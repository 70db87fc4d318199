"""Fixtures of the tests of the edge: a private Asterisk, and an ARI client on it."""

from __future__ import annotations

import asyncio
import os
from collections.abc import AsyncIterator, Callable
from contextlib import AbstractAsyncContextManager, asynccontextmanager
from itertools import count
from random import Random
from typing import Protocol

import pytest
import uvloop

from m3voip.providers.asterisk.ari.client import AriAccess, AriClient
from m3voip.providers.asterisk.ari.events import Event
from m3voip.providers.asterisk.timing import LinkTiming
from m3voip.stack.paths import locate
from tests.asterisk.lab import Lab
from tests.support import leaks

_apps = count(1)


class Seen:
    """An ARI client of a test and what it was told."""

    client: AriClient
    app: str

    def __init__(self) -> None:
        self.events: list[Event] = []
        self.ups = 0
        self.downs: list[str] = []
        self.run: asyncio.Task[None] | None = None

    async def up(self) -> None:
        self.ups += 1

    def has_come_up(self, times: int) -> bool:
        return self.ups >= times

    def of(self, kind: type[Event]) -> list[Event]:
        return [event for event in self.events if type(event) is kind]


class OpenAri(Protocol):
    """`async with open_ari() as seen:`; the arguments replace the defaults."""

    def __call__(
        self,
        *,
        base_url: str = ...,
        app: str = ...,
        password: str = ...,
        drop: tuple[str, ...] = ...,
        timing: LinkTiming | None = ...,
        on_event: Callable[[Event], None] | None = ...,
        wait: bool = ...,
    ) -> AbstractAsyncContextManager[Seen]: ...


@pytest.fixture(scope="session")
async def lab(tmp_path_factory: pytest.TempPathFactory) -> AsyncIterator[Lab]:
    """One private Asterisk for all tests of the edge."""
    uvloop.new_event_loop().close()  # libuv opens one pipe a process, for good; it must not look like a test's leak
    running = Lab.prepare(locate().asterisk_root, tmp_path_factory.mktemp("lab"))
    await running.start()
    yield running
    await running.kill()


@pytest.fixture
async def quiet_lab(lab: Lab) -> AsyncIterator[Lab]:
    """The same, and nothing may be left after the test: no channel, no bridge, no task, no descriptor (bar R-13)."""
    async with leaks.nothing_left(lab.cli, {"tests": os.getpid()}, slack=0):
        yield lab


@pytest.fixture
def open_ari(lab: Lab) -> OpenAri:
    """Opens supervised clients, each with an application name of its own."""

    @asynccontextmanager
    async def opened(
        *,
        base_url: str = "",
        app: str = "",
        password: str = "",
        drop: tuple[str, ...] = (),
        timing: LinkTiming | None = None,
        on_event: Callable[[Event], None] | None = None,
        wait: bool = True,
    ) -> AsyncIterator[Seen]:
        seen = Seen()
        access = AriAccess(
            base_url=base_url or lab.base_url,
            user=lab.user,
            password=password or lab.password,
            app=app or f"test{next(_apps)}",
            drop_events=drop,
        )
        seen.client = AriClient(
            access,
            on_event=on_event or seen.events.append,
            on_connected=seen.up,
            on_disconnected=seen.downs.append,
            timing=timing,
            rng=Random(1),
        )
        seen.app = access.app
        seen.run = asyncio.create_task(seen.client.run(), name="test ari client")
        try:
            if wait:
                async with asyncio.timeout(5):
                    await seen.client.wait_connected()
            yield seen
        finally:
            seen.run.cancel()
            await asyncio.gather(seen.run, return_exceptions=True)

    return opened
