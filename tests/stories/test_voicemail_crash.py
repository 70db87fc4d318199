"""The service dies while a caller leaves a message: the message comes, once, and the lamp with it."""

from __future__ import annotations

import os
import signal

import pytest

from tests.stories.test_voicemail import Office, lamp, office, speak
from tests.support.eventually import eventually
from tests.support.fixtures import OpenPhone

__all__ = ["office"]  # the fixture

pytestmark = pytest.mark.asterisk


async def test_a_message_survives_the_death_of_the_service_in_its_middle(
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
