"""A scanner is banned while everybody else goes on; the ban holds without the service and is lifted by a person."""

from __future__ import annotations

from collections.abc import AsyncIterator

import pytest

from m3voip.phones import Answer
from m3voip.stack.stack import Stack
from tests.chaos.faults import dead, ready
from tests.stories.talk import FIRST
from tests.support import leaks
from tests.support.eventually import eventually
from tests.support.fixtures import OpenPhone
from tests.support.office import Api
from tests.support.scanner import SCANNER, Scanner, scanner

pytestmark = [pytest.mark.asterisk, pytest.mark.usefixtures("nothing_left")]


@pytest.fixture
async def nothing_left(stack: Stack) -> AsyncIterator[None]:
    """The service is another process afterwards, so only Asterisk's descriptors are counted."""
    async with leaks.nothing_left(stack.cli, {"asterisk": stack.processes["asterisk"].pid or 0}):
        yield


async def answered(stranger: Scanner, what: str) -> bool:
    """Try a name and see whether the last answer was this."""
    before = stranger.answers.total()
    stranger.try_name("100", "REGISTER")
    await eventually(lambda: stranger.answers.total() > before)
    return any(what in kind for (_, kind), _ in stranger.answers.items())


async def test_who_guesses_names_is_banned_until_let_in_again(stack: Stack, api: Api, agent_phone: OpenPhone) -> None:
    ann, bob = await agent_phone("101"), await agent_phone("104")
    bob.on_invite = Answer(after=0.1, tone=FIRST)
    talk = await ann.dial("104", tone=440)
    await talk.answered()
    server = (stack.settings.sip_address, stack.settings.sip_udp_port)
    async with scanner(server) as stranger:
        for name in ("100", "101", "102", "admin", "test"):
            stranger.try_name(name, "REGISTER")
        await eventually(lambda: answered(stranger, "403"), 10, what="the ban")
        [ban] = [ban for ban in (await api.get("/v1/tm/telephony/bans"))["items"] if ban["source"] == f"{SCANNER}/32"]
        assert (ban["why"], ban["inForce"], ban["earlier"]) == ("unknown_names", True, 0)
        await talk.hear_tone(FIRST)  # everybody else goes on
        await talk.hangup()
        await (await agent_phone("102")).unregister()  # who comes anew, too

        async with dead(stack, "service"):
            stranger.answers.clear()
            assert await answered(stranger, "403")
        await ready(stack, "service")
        await api.ready()
        stranger.answers.clear()
        assert await answered(stranger, "403")

        await api.ask("DELETE", f"/v1/tm/telephony/bans/{ban['id']}")
        stranger.answers.clear()
        await eventually(lambda: answered(stranger, "401"), 5, what="being let in")
    assert (await api.get("/v1/tm/telephony/bans"))["items"] == []
