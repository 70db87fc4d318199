"""The service is killed while people supervise: they go on under control, or their legs are gone; nothing is left behind."""

from __future__ import annotations

from collections.abc import AsyncIterator

import pytest

from m3voip.phones import Answer, NeverAnswer
from m3voip.stack.stack import Stack
from tests.chaos.faults import kill, ready
from tests.stories.test_supervision import AGENT, BOSS, CALLER, PATH, Floor, floor, stops_hearing
from tests.support import leaks
from tests.support.fixtures import OpenPhone
from tests.support.hearing import hears_all, hears_none

__all__ = ["floor"]  # the fixture

pytestmark = pytest.mark.asterisk

WHISPERER, BARGER = 2350, 2950
"""What the supervisors at 105 and 103 say (Hz)."""


@pytest.fixture(autouse=True)
async def nothing_left(stack: Stack) -> AsyncIterator[None]:
    """As ``stack_unchanged``, but for the service: it is another process afterwards."""
    async with leaks.nothing_left(stack.cli, own_tasks=False):
        yield


async def test_after_a_kill_everybody_is_heard_by_whom_they_were_heard_before(
    stack: Stack, floor: Floor, agent_phone: OpenPhone
) -> None:
    """Four supervise one agent: one listens, one whispers, one barges in, and one's phone rings when the service dies."""
    ear = await floor.supervise()
    rows, phones = {"104": floor.id}, {"104": floor.boss}
    for extension, mode, tone in (("105", "whisper", WHISPERER), ("103", "barge", BARGER), ("102", "listen", 0)):
        phones[extension] = await agent_phone(extension)
        phones[extension].on_invite = Answer(after=0.1, tone=tone) if tone else NeverAnswer()
        body = {"agentExtension": "101", "extension": extension, "mode": mode, "reason": "training"}
        rows[extension] = (await floor.api.ask("POST", PATH, expect=201, json=body))["id"]
        await phones[extension].next_call(10, after=0)
    await hears_all(floor.agent, CALLER, WHISPERER, BARGER)
    await kill(stack, "service")
    await ready(stack, "service")
    phones["102"].received[0].answer(BOSS)
    await hears_all(floor.agent, CALLER, WHISPERER, BARGER)
    await hears_all(floor.caller, AGENT, BARGER)
    hears_none(floor.caller, BOSS, WHISPERER)
    hears_none(floor.agent, BOSS)
    for phone in phones.values():
        await hears_all(phone.received[0], CALLER, AGENT)
        assert len(phone.received) == 1
    await floor.api.ask("PATCH", f"{PATH}/{rows['103']}", json={"mode": "listen"})
    await stops_hearing(floor.caller, BARGER)
    await stops_hearing(floor.agent, BARGER)
    await floor.change(mode="barge")
    await hears_all(floor.caller, AGENT, BOSS)
    await phones["105"].received[0].hangup()
    await stops_hearing(floor.agent, WHISPERER)
    await floor.agent.hangup()
    for phone in (floor.boss, phones["103"], phones["102"]):
        await phone.received[0].ended()
    await ear.ended()
    await floor.over("agent_left")
    await floor.caller.hangup()


async def test_a_call_that_was_taken_over_lives_on_and_who_else_listened_is_let_go(
    stack: Stack, floor: Floor, number: str, agent_phone: OpenPhone
) -> None:
    second = await agent_phone("105")
    second.on_invite = Answer(after=0.1, tone=WHISPERER)
    body = {"agentExtension": "101", "extension": "105", "mode": "whisper", "reason": "training"}
    other = (await floor.api.ask("POST", PATH, expect=201, json=body))["id"]
    await hears_all(floor.agent, CALLER, WHISPERER, within=10)
    ear = await floor.supervise()
    await floor.api.ask("POST", f"{PATH}/{floor.id}/take-over", expect=202)
    await kill(stack, "service")
    await ready(stack, "service")
    await floor.over("taken_over")
    floor.id = other
    await floor.over("agent_left")
    await second.received[0].ended()
    await floor.agent.ended()
    await floor.caller.hear_tone(BOSS, within=10)
    await ear.hear_tone(CALLER)
    await floor.caller.hangup()
    await ear.ended()
    assert (await floor.api.ended(number))["agentExtension"] == "104"
