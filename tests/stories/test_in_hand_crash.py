"""The service is killed while calls are in hand: everybody goes on hearing whom they heard, who hung up meanwhile is noticed,
and what is asked afterwards works."""

from __future__ import annotations

from collections.abc import AsyncIterator
from typing import Any
from uuid import uuid4

import aiohttp
import pytest

from m3voip.phones import Answer, NeverAnswer
from m3voip.stack.stack import Stack
from tests.chaos.faults import dead, kill, ready
from tests.stories.carriers import NUMBER, OUTSIDE, Carriers, over
from tests.stories.talk import CALLER, FIRST, SECOND, Talk
from tests.support import leaks
from tests.support.eventually import eventually
from tests.support.hearing import hears_all, hears_music

pytestmark = [pytest.mark.asterisk, pytest.mark.usefixtures("nothing_left")]


@pytest.fixture
async def nothing_left(stack: Stack) -> AsyncIterator[None]:
    """The service is another process afterwards, so only Asterisk's descriptors are counted."""
    async with leaks.nothing_left(stack.cli, {"asterisk": stack.processes["asterisk"].pid or 0}):
        yield


async def killed(stack: Stack) -> None:
    """The service dies and is back."""
    await kill(stack, "service")
    await ready(stack, "service")


async def test_a_held_caller_hears_music_through_it_and_is_taken_back_afterwards(
    talk: Talk, stack: Stack, number: str
) -> None:
    await talk.ask("hold")
    await hears_music(talk.caller, FIRST)
    await killed(stack)
    await hears_music(talk.caller, FIRST)
    assert await talk.parties() == {"": ("caller", "main"), "101": ("agent", "aside")}
    await talk.ask("resume")
    await talk.caller.hear_tone(FIRST)
    await talk.agent.hear_tone(CALLER)
    await talk.caller.hangup()
    await talk.agent.ended()
    ended = await talk.ended(number)
    assert (await talk.api.kinds(ended["id"])).count("call.resumed") == 1


async def test_a_consult_goes_on_and_can_be_completed_afterwards(talk: Talk, stack: Stack, number: str) -> None:
    second = await talk.consult()
    await killed(stack)
    await second.hear_tone(FIRST)
    await hears_music(talk.caller, FIRST, SECOND)
    await talk.ask("complete")
    await talk.agent.ended()
    await talk.caller.hear_tone(SECOND)
    await second.hear_tone(CALLER)
    await second.hangup()
    await talk.caller.ended()
    assert (await talk.ended(number))["agentExtension"] == "104"


async def test_who_answers_a_consult_while_the_service_is_dead_is_let_go_and_the_caller_is_back_with_the_agent(
    talk: Talk, stack: Stack
) -> None:
    talk.other.on_invite = NeverAnswer()
    await talk.ask("consult", extension="104")
    second = await talk.other.next_call(10, after=0)
    async with dead(stack, "service"):
        second.answer(SECOND)
        await second.ended()
    await ready(stack, "service")
    await talk.caller.hear_tone(FIRST, within=10)
    await talk.agent.hear_tone(CALLER)
    await talk.caller.hangup()
    await talk.agent.ended()


@pytest.mark.parametrize("leaves", ["caller", "agent", pytest.param("guest", marks=pytest.mark.chaos)])
async def test_who_hangs_up_while_the_service_is_dead_is_noticed_when_it_is_back(
    talk: Talk, stack: Stack, number: str, leaves: str
) -> None:
    second = await talk.consult()
    await talk.ask("conference")
    await hears_all(talk.caller, FIRST, SECOND)
    async with dead(stack, "service"):
        await {"caller": talk.caller, "agent": talk.agent, "guest": second}[leaves].hangup()
    await ready(stack, "service")
    if leaves == "agent":
        await talk.caller.hear_tone(SECOND)
        await second.hear_tone(CALLER)
        assert await talk.parties() == {"": ("caller", "main"), "104": ("agent", "main")}
    elif leaves == "guest":
        await talk.caller.hear_tone(FIRST)
        assert await talk.parties() == {"": ("caller", "main"), "101": ("agent", "main")}
    if leaves != "caller":
        await talk.caller.hangup()
    await talk.agent.ended()
    await second.ended()
    await talk.ended(number)


async def test_a_bridge_that_a_dead_process_left_behind_is_removed(stack: Stack) -> None:
    settings, bridge = stack.settings, f"{uuid4()}-main"
    user = {"api_key": f"{settings.ari_user}:{settings.ari_password.get_secret_value()}"}
    async with aiohttp.ClientSession() as session:
        url = f"http://{settings.ari_host}:{settings.ari_port}/ari/bridges/{bridge}"
        async with session.post(url, params={"type": "mixing", **user}) as made:
            assert made.status == 200, await made.text()
    assert bridge in await stack.cli("bridge show all")
    await killed(stack)

    async def removed() -> bool:
        return bridge not in await stack.cli("bridge show all")

    await eventually(removed, 10, what="the bridge of nobody's call to be gone")


async def test_a_parked_caller_is_still_there_to_be_picked_up(talk: Talk, stack: Stack, number: str) -> None:
    slot = (await talk.ask("park"))["slot"]
    await talk.agent.ended()
    await killed(stack)
    await hears_music(talk.caller, FIRST)
    assert (await talk.api.get(f"/v1/tm/calls/{talk.id}/parties"))["slot"] == slot
    talk.other.on_invite = Answer(after=0.2, tone=SECOND)
    await talk.ask("pick-up", extension="104")
    await talk.caller.hear_tone(SECOND, within=10)
    await talk.caller.hangup()
    assert (await talk.ended(number))["agentExtension"] == "104"


@pytest.mark.parametrize("what", [pytest.param("hold", marks=pytest.mark.chaos), "transfer"])
async def test_a_kill_right_after_a_request_loses_nobody(talk: Talk, stack: Stack, number: str, what: str) -> None:
    talk.other.on_invite = Answer(after=0.2, tone=SECOND)
    body: dict[str, Any] = {"kind": "extension", "name": "104"} if what == "transfer" else {}
    await talk.ask(what, **body)
    await killed(stack)
    if what == "hold":
        await hears_music(talk.caller, FIRST)
        await talk.ask("resume")
        await talk.caller.hear_tone(FIRST)
    else:
        await talk.caller.hear_tone(SECOND, within=15)
        await talk.other.received[0].hear_tone(CALLER)
    await talk.caller.hangup()
    await talk.ended(number)


async def test_a_number_outside_is_dialled_once_whoever_dies_and_joins_when_it_answers(
    talk: Talk, stack: Stack, carriers: Carriers, number: str
) -> None:
    carriers.first.on_invite = NeverAnswer()
    await talk.ask("add", number=NUMBER)
    outside = await carriers.first.next_call(10, after=0)
    await killed(stack)
    assert [party["number"] for party in await talk.all_parties()] == ["", "", NUMBER]
    outside.answer(OUTSIDE)
    await hears_all(talk.caller, FIRST, OUTSIDE, within=10)
    await outside.hangup()
    await talk.caller.hear_tone(FIRST)
    await talk.caller.hangup()
    await talk.ended(number)
    await over(talk, "answered")
    assert carriers.called == (1, 0)
