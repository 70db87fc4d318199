"""What every call story has: the stack, its API, callers with numbers of their own, agents' phones."""

from __future__ import annotations

from collections.abc import AsyncIterator
from itertools import count

import pytest

from m3voip.stack.stack import Stack
from tests.support.office import Api, api_of
from tests.support.queues import OpenQueue, opening_queues

_numbers = count(2000)


@pytest.fixture
async def api(stack: Stack) -> AsyncIterator[Api]:
    async with api_of(stack) as client:
        yield client


@pytest.fixture
def number() -> str:
    """A caller's number that no other story uses."""
    return f"1555020{next(_numbers)}"


@pytest.fixture
async def open_queue(stack: Stack, api: Api) -> AsyncIterator[OpenQueue]:
    """See ``opening_queues``; they are closed after the story."""
    async with opening_queues(stack, api) as opened:
        yield opened
