"""Deadlines on the loop that the service runs on."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Coroutine
from datetime import UTC, datetime, timedelta

import pytest
import uvloop

from m3voip.engine.timers import Timers

pytestmark = pytest.mark.unit

NOW = datetime(2026, 11, 23, 9, 0, tzinfo=UTC)


async def on_the_service_s_loop(story: Callable[[], Coroutine[None, None, None]]) -> None:
    """In a thread with a loop of its own, because the tests' loop is asyncio's."""
    await asyncio.to_thread(lambda: uvloop.run(story()))


async def test_many_deadlines_that_have_passed_are_all_told() -> None:
    """As after a restart: what was due while the service was dead."""
    rung: list[str] = []

    async def story() -> None:
        done = asyncio.Event()

        def ring(key: str) -> None:
            rung.append(key)
            if len(rung) == 3:
                done.set()

        timers = Timers(ring, lambda: NOW)
        for key in ("a", "b", "c"):
            timers.set(key, NOW - timedelta(minutes=5))
        await asyncio.wait_for(done.wait(), 5)
        timers.close()

    await on_the_service_s_loop(story)
    assert sorted(rung) == ["a", "b", "c"]


async def test_a_deadline_set_while_one_rings_and_one_that_fails_stop_no_other() -> None:
    rung: list[str] = []
    failed: list[object] = []

    async def story() -> None:
        asyncio.get_running_loop().set_exception_handler(lambda _, context: failed.append(context["exception"]))
        done = asyncio.Event()

        def ring(key: str) -> None:
            rung.append(key)
            if key == "again":
                timers.set("more", NOW - timedelta(seconds=1))
                timers.set("and more", NOW - timedelta(seconds=1))
            if key == "bug":
                raise ValueError(key)
            if len(rung) == 4:
                done.set()

        timers = Timers(ring, lambda: NOW)
        timers.set("again", NOW)
        timers.set("bug", NOW)
        await asyncio.wait_for(done.wait(), 5)
        timers.close()

    await on_the_service_s_loop(story)
    assert sorted(rung) == ["again", "and more", "bug", "more"]
    assert [type(error) for error in failed] == [ValueError]
