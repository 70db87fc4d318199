"""The service is killed while somebody supervises: it goes on under control, or its legs are gone; nothing is left behind."""

from __future__ import annotations

from collections.abc import AsyncIterator

import pytest

from m3voip.phones import NeverAnswer
from m3voip.stack.stack import Stack
from tests.chaos.faults import kill, ready
from tests.stories.test_supervision import AGENT, CALLER, PATH, Floor, floor
from tests.support import leaks
from tests.support.eventually import eventually
from tests.support.hearing import hears_all

__all__ = ["floor"]  # the fixture

pytestmark = pytest.mark.asterisk


@pytest.fixture(autouse=True)
async def nothing_left(stack: Stack) -> AsyncIterator[None]:
    """As ``stack_unchanged``, but for the service: it is another process afterwards."""
    async with leaks.nothing_left(stack.cli, own_tasks=False):
        yield
    async with leaks.nothing_left(stack.cli, own_tasks=False):
        assert await leaks.channels(stack.cli) == 0


async def restart(stack: Stack) -> None:
    await kill(stack, "service")
    await ready(stack, "service")


@pytest.mark.parametrize("mode", ["listen", "whisper", "barge"])
async def test_a_supervision_goes_on_under_control_after_a_kill(stack: Stack, floor: Floor, mode: str) -> None:
    ear = await floor.supervise(mode)
    await restart(stack)
    check = {"listen": floor.listens, "whisper": floor.whispers, "barge": floor.barges}
    await check[mode]()
    await hears_all(ear, CALLER, AGENT)
    other = "listen" if mode == "barge" else "barge"
    await floor.change(mode=other)
    await check[other]()
    await hears_all(ear, CALLER, AGENT)
    assert len(floor.boss.received) == 1
    await floor.end()
    await ear.ended()
    await floor.listens()
    await floor.caller.hangup()
    await floor.agent.ended()


@pytest.mark.parametrize("who", ["agent", "supervisor"])
async def test_who_left_while_the_service_was_dead_is_noticed_when_it_is_back(
    stack: Stack, floor: Floor, who: str
) -> None:
    ear = await floor.supervise()
    await kill(stack, "service")
    if who == "agent":
        await floor.agent.hangup()
    else:
        await ear.hangup()
    await ready(stack, "service")
    await ear.ended()
    await floor.over("agent_left" if who == "agent" else "supervisor_left")
    await floor.caller.hangup()
    await floor.agent.ended()


async def test_a_phone_that_rang_when_the_service_died_is_answered_to_the_next(stack: Stack, floor: Floor) -> None:
    floor.boss.on_invite = NeverAnswer()
    body = {"agentExtension": "101", "extension": "104", "reason": "training"}
    floor.id = (await floor.api.ask("POST", PATH, expect=201, json=body))["id"]
    rings = await floor.boss.next_call(5, after=0)
    await restart(stack)
    rings.answer(1230)
    await hears_all(rings, CALLER, AGENT)
    await floor.end()
    await rings.ended()
    await floor.caller.hangup()


async def test_a_call_that_was_taken_over_lives_on_without_the_service(stack: Stack, floor: Floor, number: str) -> None:
    ear = await floor.supervise()
    await floor.api.ask("POST", f"{PATH}/{floor.id}/take-over", expect=202)
    await kill(stack, "service")
    await ready(stack, "service")
    await floor.over("taken_over")
    await floor.caller.hear_tone(1230, within=10)
    await ear.hear_tone(CALLER)
    await eventually(lambda: floor.agent.end, 5, what="the end of the agent's call")
    await floor.caller.hangup()
    await ear.ended()
    assert (await floor.api.ended(number))["agentExtension"] == "104"
