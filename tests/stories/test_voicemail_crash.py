"""The service dies while a caller leaves a message: the message comes, once, and the lamp with it. The AGI process dies while
its owner listens: the owner is told, and it works again."""

from __future__ import annotations

import os
import signal

import pytest

from tests.stories.test_voicemail import Office, lamp, office, speak
from tests.support.eventually import eventually
from tests.support.fixtures import OpenPhone

__all__ = ["office"]  # the fixture

pytestmark = pytest.mark.asterisk


async def test_a_message_survives_the_death_of_the_service_and_its_owner_that_of_the_menu(
    trunk_caller: OpenPhone, agent_phone: OpenPhone, office: Office, number: str
) -> None:
    agent, phone = await agent_phone("102"), await trunk_caller()
    service = office.api.stack.processes["service"]
    call = await speak(phone, office, number, 440)
    before = service.pid
    assert before
    os.kill(before, signal.SIGKILL)
    await call.send_digits("#")
    assert (await call.ended(20)).by == "them"
    await eventually(lambda: service.pid not in (None, before), 30, what="the next process")
    await service.wait_ready()
    (message,) = await office.some()
    assert message["caller"] == f"+{number}"
    await lamp(agent, True)
    ended = await office.api.ended(number)
    kinds = await office.api.kinds(ended["id"])
    assert kinds.count("voicemail.stored") == kinds.count("call.ended") == 1

    agi = office.api.stack.processes["agi"]
    before = agi.pid
    assert before
    menu = await agent.dial("*97")
    await menu.hear_tone(440, within=20, seconds=0.3)
    os.kill(before, signal.SIGKILL)
    assert (await menu.ended(20)).by == "them"
    await eventually(lambda: agi.pid not in (None, before), 30, what="the next process")
    await agi.wait_ready()
    again = await agent.dial("*97")
    await again.hear_tone(440, within=20, seconds=0.3)
    await again.hangup()
    (same,) = await office.messages()
    assert (same["id"], same["heardAt"]) == (message["id"], None)  # nobody heard it to its end
    playing = office.api.stack.settings.asterisk_spool / "playing"
    await eventually(lambda: not list(playing.iterdir()), 5, what="nothing to play left behind")
