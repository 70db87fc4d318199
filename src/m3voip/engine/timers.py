"""Deadlines. A deadline is a field of a call (``due_at``), never a sleeping task: one heap, one armed loop timer.

Deadlines are wall-clock times in the state and are turned into the loop's monotonic time when set, so a stepped clock
moves no timer that is already armed (bar R-16).
"""

from __future__ import annotations

import asyncio
import heapq
from collections.abc import Callable
from datetime import datetime
from itertools import count


class Timers:
    """Calls ``fire(key)`` once when a key's latest deadline passes. Setting a key again replaces its deadline."""

    def __init__(self, fire: Callable[[str], None], now: Callable[[], datetime]) -> None:
        self._fire = fire
        self._now = now
        self._heap: list[tuple[float, int, str]] = []
        self._current: dict[str, int] = {}
        self._ticket = count(1)
        self._armed: asyncio.Handle | None = None
        self._armed_for = 0.0
        """Kept here: for a time that has passed uvloop gives a handle that does not know it."""

    def __len__(self) -> int:
        return len(self._current)

    def set(self, key: str, due_at: datetime | None) -> None:
        """Set, move or (None) clear the deadline of ``key``."""
        if due_at is None:
            self._current.pop(key, None)
            return
        loop = asyncio.get_running_loop()
        ticket = next(self._ticket)
        self._current[key] = ticket
        when = loop.time() + max(0.0, (due_at - self._now()).total_seconds())
        heapq.heappush(self._heap, (when, ticket, key))
        if self._armed is None or when < self._armed_for:
            self._arm()

    def close(self) -> None:
        """Forget everything."""
        self._current.clear()
        self._heap.clear()
        if self._armed:
            self._armed.cancel()
            self._armed = None

    def _arm(self) -> None:
        if self._armed:
            self._armed.cancel()
            self._armed = None
        if self._heap:
            self._armed_for = self._heap[0][0]
            self._armed = asyncio.get_running_loop().call_at(self._armed_for, self._ring)

    def _ring(self) -> None:
        self._armed = None
        time = asyncio.get_running_loop().time()
        try:
            while self._heap and self._heap[0][0] <= time:
                _, ticket, key = heapq.heappop(self._heap)
                if self._current.get(key) == ticket:
                    del self._current[key]
                    self._fire(key)
        finally:  # a bug in what one deadline leads to stops no other
            self._drop_stale()
            self._arm()

    def _drop_stale(self) -> None:
        """Deadlines that were moved or cleared stay in the heap until they surface or outnumber the live ones."""
        while self._heap and self._current.get(self._heap[0][2]) != self._heap[0][1]:
            heapq.heappop(self._heap)
        if len(self._heap) > 1000 and len(self._heap) > 4 * len(self._current):
            self._heap = [entry for entry in self._heap if self._current.get(entry[2]) == entry[1]]
            heapq.heapify(self._heap)
