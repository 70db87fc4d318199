"""Phones that talk to each other over loopback; whatever a test leaves open fails it."""

import asyncio
import gc
from collections.abc import AsyncIterator, Callable

import psutil
import pytest

from m3voip.phones import Softphone, Ticker

NOBODY = ("127.0.0.1", 9)


@pytest.fixture
def phone() -> Callable[[], Softphone]:
    """A factory of unregistered UDP phones sharing one ticker; use each with ``async with``."""
    ticker = Ticker()

    def make() -> Softphone:
        return Softphone(*NOBODY, ticker=ticker)

    return make


@pytest.fixture
def secure_phone() -> Callable[[], Softphone]:
    """The same with SRTP."""
    ticker = Ticker()
    return lambda: Softphone(*NOBODY, ticker=ticker, srtp=True)


@pytest.fixture(autouse=True)
async def nothing_left_behind() -> AsyncIterator[None]:
    """No task and no file descriptor more than before."""
    process = psutil.Process()
    tasks, files = asyncio.all_tasks(), process.num_fds()
    yield
    await asyncio.sleep(0)  # transports close in the loop's next round
    await asyncio.sleep(0)
    gc.collect()
    assert asyncio.all_tasks() - tasks - {asyncio.current_task()} == set()
    assert process.num_fds() <= files
