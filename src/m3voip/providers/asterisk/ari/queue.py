"""A bounded handover from the ARI reader to a consumer that awaits.

Law: the reader never waits and memory never grows for ever. A consumer further behind than `limit` has lost its place:
what is queued is dropped, the connection is restarted, and the snapshot after it says how things stand (invariant 10).
"""

from __future__ import annotations

import asyncio
from collections import deque
from collections.abc import Callable

from m3voip.providers.asterisk.ari.events import Event
from m3voip.providers.asterisk.ari.metrics import AriMetrics


class EventQueue:
    """Give `put` to AriClient as `on_event`; consume with `async for`. One consumer."""

    def __init__(self, *, limit: int, on_overrun: Callable[[], None], metrics: AriMetrics) -> None:
        self._limit = limit
        self._on_overrun = on_overrun
        self._metrics = metrics
        self._events: deque[Event] = deque()
        self._wake: asyncio.Future[None] | None = None

    def __len__(self) -> int:
        return len(self._events)

    def put(self, event: Event) -> None:
        """Queue an event; never blocks."""
        if len(self._events) >= self._limit:
            self._events.clear()
            self._metrics.overruns += 1
            self._on_overrun()
            return
        self._events.append(event)
        self._metrics.queued = len(self._events)
        if self._wake is not None and not self._wake.done():
            self._wake.set_result(None)

    def __aiter__(self) -> EventQueue:
        return self

    async def __anext__(self) -> Event:
        while not self._events:
            self._wake = asyncio.get_running_loop().create_future()
            await self._wake
        self._metrics.queued = len(self._events) - 1
        return self._events.popleft()
