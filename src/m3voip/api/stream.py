"""The event stream of one reader: first what it missed, from the database, then what happens, from the hub.

Law: it listens before it catches up and drops what it has sent already, so the seam loses and doubles nothing. A reader
that does not read is dropped, not waited for.
"""

from __future__ import annotations

import asyncio
from collections.abc import AsyncGenerator, Awaitable, Callable
from contextlib import aclosing, suppress

import structlog
from starlette.responses import Response
from starlette.types import Receive, Scope, Send

from m3voip.api.live import EventHub, Frame, Subscription
from m3voip.storage.errors import StorageUnavailable

log = structlog.get_logger()

PING_SECONDS = 15.0
RETRY_MILLISECONDS = 2000
STUCK_SECONDS = 20.0
"""How long one write may wait for the reader."""
PAGE = 500
"""Events read from the database at once."""

Load = Callable[[int, int], Awaitable[list[Frame]]]
"""(after id, limit) → the reader's events from the database, in order."""


async def messages(subscription: Subscription, load: Load, after: int, missed: list[Frame]) -> AsyncGenerator[bytes]:
    """The bytes of the stream, for ever. ``missed`` is the first page after the event ``after``.

    Raises StorageUnavailable when the database must be asked and is away.
    """
    # An id without data: the reader can resume from here even if nothing happens before it is cut off.
    yield b"retry: %d\nid: %d\n\n" % (RETRY_MILLISECONDS, after)
    last, page = after, missed
    while True:
        while page:
            yield b"".join(one.body for one in page)
            last = page[-1].id
            page = await load(last, PAGE)
        try:
            async with asyncio.timeout(PING_SECONDS):
                heard = [await subscription.next()]
        except TimeoutError:
            yield b": ping\n\n"
            with suppress(StorageUnavailable):  # nothing is committed while the database is away
                page = await load(last, PAGE)
            continue
        heard += subscription.take()
        if None in heard:
            page = await load(last, PAGE)  # what was heard besides is in it
            continue
        fresh = [one for one in heard if one is not None and one.id > last]
        if fresh:
            last = fresh[-1].id
            yield b"".join(one.body for one in fresh)


class EventStream(Response):
    """The answer that never ends by itself."""

    media_type = "text/event-stream"

    def __init__(self, hub: EventHub, subscription: Subscription, load: Load, after: int, missed: list[Frame]) -> None:
        self.status_code = 200
        self.background = None
        self._hub = hub
        self._subscription = subscription
        self._messages = messages(subscription, load, after, missed)
        self._stuck = False
        # no buffering by a proxy in between
        self.init_headers({"content-type": "text/event-stream; charset=utf-8", "x-accel-buffering": "no"})

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """ASGI: send until the reader goes, is too slow, or the service stops."""
        try:
            await send({"type": "http.response.start", "status": 200, "headers": self.raw_headers})
            async with asyncio.TaskGroup() as tasks:
                ends = [
                    tasks.create_task(self._send_all(send), name="sse.send"),
                    tasks.create_task(self._subscription.over(), name="sse.over"),
                    tasks.create_task(_gone(receive), name="sse.gone"),
                ]
                await asyncio.wait(ends, return_when=asyncio.FIRST_COMPLETED)
                for task in ends:
                    task.cancel()
            await self._finish(scope, send)
        finally:
            self._hub.unsubscribe(self._subscription)

    async def _send_all(self, send: Send) -> None:
        try:
            async with aclosing(self._messages) as chunks:
                async for chunk in chunks:
                    async with asyncio.timeout(STUCK_SECONDS):
                        await send({"type": "http.response.body", "body": chunk, "more_body": True})
        except TimeoutError:
            self._stuck = True
        except (
            StorageUnavailable
        ) as error:  # the database went away during the catching up: the reader comes back and resumes
            log.warning("api.stream_ended", why=str(error))

    async def _finish(self, scope: Scope, send: Send) -> None:
        if self._subscription.too_slow or self._stuck:
            log.info("api.slow_reader_cut_off")
            abort = scope.get("m3voip.abort")
            if callable(abort):
                abort()
                return
        with suppress(TimeoutError):
            async with asyncio.timeout(1.0):
                await send({"type": "http.response.body", "body": b"", "more_body": False})


async def _gone(receive: Receive) -> None:
    while (await receive())["type"] != "http.disconnect":
        pass
