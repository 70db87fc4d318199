"""The service stops for good while callers are everywhere: nobody is dropped, everybody is served by plain Asterisk."""

from __future__ import annotations

import asyncio
import os
import signal
from collections.abc import AsyncIterator

import pytest

from m3voip.phones import Answer, Softphone, Ticker
from m3voip.stack.stack import Stack, fresh_name
from tests.support.eventually import eventually
from tests.support.fixtures import in_own_task
from tests.support.office import DID, api_of

pytestmark = pytest.mark.asterisk


@pytest.fixture
async def own_stack(monkeypatch: pytest.MonkeyPatch) -> AsyncIterator[Stack]:
    """A stack of this story's own, because it stops the service."""
    monkeypatch.setenv("M3VOIP_DRAIN_TIMEOUT", "PT1S")
    async with in_own_task(Stack(instance=fresh_name(), ephemeral=True, seeded=True)) as running:
        yield running


async def test_callers_in_a_tree_reach_an_agent_on_the_floor_when_the_service_leaves(
    own_stack: Stack, ticker: Ticker
) -> None:
    settings = own_stack.settings
    agent = next(a for a in own_stack.secrets.agents if a.extension == "101")
    where = (settings.sip_address, settings.sip_udp_port)
    async with (
        api_of(own_stack) as api,
        Softphone(*where, "udp", agent.username, agent.password, ticker=ticker) as phone,
        Softphone(*where, ticker=ticker) as caller,
    ):
        await phone.register(expires=60)
        phone.on_invite = Answer(after=0.2, tone=1870)
        call = await caller.dial(DID, caller_id="15550204001")
        await call.answered()
        await api.in_state("15550204001", "ivr")
        service = own_stack.processes["service"]
        leaving = service.pid
        assert leaving
        os.kill(leaving, signal.SIGTERM)
        await call.hear_tone(1870, within=20, seconds=1.0)
        await asyncio.sleep(1)
        await call.hangup()
        await eventually(lambda: service.pid not in (None, leaving), 30, what="the next process")
        await service.wait_ready()
        ended = await api.ended("15550204001", within=30)
        kinds = await api.kinds(ended["id"])
        assert kinds.count("call.on_floor") == 1
        assert kinds.count("call.ended") == 1
        assert ended["agentExtension"] == "101", kinds
