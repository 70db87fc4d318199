"""What every call story has: the stack, its API, callers with numbers of their own, agents' phones."""

from __future__ import annotations

from collections.abc import AsyncIterator
from itertools import count

import pytest

from m3voip.phones import Answer
from m3voip.phones.media.ticker import Ticker
from m3voip.stack.stack import Stack
from tests.stories.carriers import Carriers, two_carriers
from tests.stories.talk import CALLER, FIRST, Talk
from tests.support.fixtures import OpenPhone
from tests.support.office import DID, Api, api_of
from tests.support.queues import OpenQueue, opening_queues

_numbers = count(2000)


@pytest.fixture
async def api(stack: Stack) -> AsyncIterator[Api]:
    """Of a stack that is ready: the story before may have killed a part of it."""
    async with api_of(stack) as client:
        await client.ready()
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


@pytest.fixture
async def talk(trunk_caller: OpenPhone, agent_phone: OpenPhone, api: Api, number: str) -> Talk:
    first = await agent_phone("101")
    first.on_invite = Answer(after=0.2, tone=FIRST)
    phone = await trunk_caller()
    caller = await phone.dial(DID, caller_id=number, tone=CALLER)
    await caller.answered()
    await caller.hear_sound()
    await caller.send_digits("1")
    await caller.hear_tone(FIRST, within=20)
    agent = first.received[0]
    await agent.hear_tone(CALLER)
    record = await api.in_state(number, "talking")
    other = await agent_phone("104")
    return Talk(api, record["id"], caller, agent, other, first)


@pytest.fixture
async def carriers(stack: Stack, ticker: Ticker, api: Api) -> AsyncIterator[Carriers]:
    """See ``two_carriers``; they are disconnected after the story."""
    async with two_carriers(stack, ticker, api) as connected:
        yield connected
