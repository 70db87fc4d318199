"""One 20 ms clock for every call of a process: a timer per call would cost more than the packets."""

from __future__ import annotations

import asyncio
from collections.abc import Callable

INTERVAL = 0.02
MOST_BEHIND = 0.5
"""Seconds of missed ticks that are made up for after a stall; more is dropped, as a real phone would."""


class Ticker:
    """Calls every subscriber each 20 ms while there is one; runs on the loop of the first subscription."""

    def __init__(self) -> None:
        self._subscribers: dict[Callable[[], None], None] = {}
        self._timer: asyncio.TimerHandle | None = None
        self._due = 0.0
        self.worst_late = 0.0
        """Longest delay of a tick in seconds: tells whether this machine keeps up."""

    def add(self, tick: Callable[[], None]) -> None:
        """Subscribe."""
        self._subscribers[tick] = None
        if self._timer is None:
            loop = asyncio.get_running_loop()
            self._due = loop.time() + INTERVAL
            self._timer = loop.call_at(self._due, self._tick, loop)

    def remove(self, tick: Callable[[], None]) -> None:
        """Unsubscribe; the clock stops with the last one."""
        self._subscribers.pop(tick, None)
        if not self._subscribers and self._timer is not None:
            self._timer.cancel()
            self._timer = None

    def _tick(self, loop: asyncio.AbstractEventLoop) -> None:
        late = loop.time() - self._due
        self.worst_late = max(self.worst_late, late)
        if late > MOST_BEHIND:
            self._due = loop.time()
        while self._due <= loop.time():
            for tick in list(self._subscribers):
                tick()
            self._due += INTERVAL
        if self._subscribers:
            self._timer = loop.call_at(self._due, self._tick, loop)
        else:
            self._timer = None
