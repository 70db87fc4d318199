"""Killing parts of a stack, and what their lives look like from outside. Law: a kill is SIGKILL, and it hits a process that
lives."""

from __future__ import annotations

import asyncio
import os
import signal
import time
from collections.abc import AsyncIterator, Iterator
from contextlib import asynccontextmanager, contextmanager, suppress

import psutil

from m3voip.stack.processes import State
from m3voip.stack.stack import Stack
from tests.support.eventually import eventually


async def kill(stack: Stack, part: str, number: signal.Signals = signal.SIGKILL) -> State:
    """Kill it, whatever it does; returns what state it was in. Waits for a life to end, if it is between two."""
    process = stack.processes[part]
    pid = await eventually(lambda: process.pid, 30, every=0.005, what=f"a life of {part}")
    was = process.state
    process.send(number)
    await eventually(lambda: process.pid != pid, 60, every=0.005, what=f"the end of {part}")
    return was


async def ready(stack: Stack, part: str, within: float = 90.0) -> float:
    """Wait until it answers; returns the seconds that took."""
    began = time.monotonic()
    async with asyncio.timeout(within):
        await stack.processes[part].wait_ready()
    return time.monotonic() - began


@asynccontextmanager
async def dead(stack: Stack, part: str) -> AsyncIterator[None]:
    """An outage: each new life is killed at once. The part's supervisor goes on trying."""

    async def again() -> None:
        while True:
            await kill(stack, part)

    killer = asyncio.create_task(again(), name=f"{part} stays dead")
    try:
        await asyncio.sleep(0.1)
        yield
    finally:
        killer.cancel()
        with suppress(asyncio.CancelledError):
            await killer


@contextmanager
def hung(pid: int) -> Iterator[None]:
    """Stopped with all its children: connections stay open, nothing answers."""
    family = [psutil.Process(pid), *psutil.Process(pid).children(recursive=True)]
    for process in family:
        with suppress(psutil.NoSuchProcess):
            process.suspend()
    try:
        yield
    finally:
        for process in family:
            with suppress(psutil.NoSuchProcess):
                process.resume()


class Lives:
    """When a part answered and when it was dead, on the wall clock. Attach before the first fault."""

    def __init__(self, stack: Stack, part: str) -> None:
        self._process = stack.processes[part]
        self._states: list[tuple[float, State]] = [(0.0, self._process.state)]
        before = stack.on_change

        def changed() -> None:
            before()
            if self._process.state is not self._states[-1][1]:
                self._states.append((time.time(), self._process.state))

        stack.on_change = changed

    def answered(self, since: float, until: float) -> bool:
        """Whether it answered all the time between."""
        at_first = [state for at, state in self._states if at <= since][-1]
        return at_first is State.READY and not any(since < at < until for at, _ in self._states)

    def was_dead(self, at: float, *, for_s: float) -> bool:
        """Whether there was no process then, and had not been for ``for_s``."""
        entered, state = [(when, state) for when, state in self._states if when <= at][-1]
        return state is State.PAUSING and at - entered >= for_s

    def recoveries(self) -> list[float]:
        """Seconds from each death to the next answer."""
        found: list[float] = []
        died: float | None = None
        for at, state in self._states:
            if state is State.PAUSING and died is None:
                died = at
            elif state is State.READY and died is not None:
                found.append(at - died)
                died = None
        return found


def descriptors(pid: int | None) -> int:
    """Open file descriptors of a process."""
    return psutil.Process(pid or os.getpid()).num_fds()
