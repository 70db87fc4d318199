"""A scanner at the door: it learns no name, gets in nowhere, and the calls of honest phones go on (bar S-03, at CI size)."""

from __future__ import annotations

import asyncio

import pytest

from m3voip.phones import Answer
from m3voip.stack.stack import Stack
from tests.support.fixtures import OpenPhone
from tests.support.scanner import SCANNER, scanner

pytestmark = [pytest.mark.asterisk, pytest.mark.usefixtures("asterisk_unchanged")]

KNOWN = "e0000000102"
NAMES = (
    KNOWN,
    *(f"e00000009{n:02}" for n in range(20)),
    "100",
    "101",
    "102",
    "admin",
    "test",
    "trunk-local",
    "asterisk",
)
ROUNDS = 40


async def test_a_scan_learns_nothing_gets_nowhere_and_harms_no_call(asterisk: Stack, desk: OpenPhone) -> None:
    server = (asterisk.settings.sip_address, asterisk.settings.sip_udp_port)
    honest, other = await desk("101"), await desk("103")
    other.on_invite = Answer(after=0.1, tone=600)
    talk = await honest.dial("103", tone=440)
    await talk.answered()
    begun = talk.ear.packets
    async with scanner(server, KNOWN) as stranger:
        for number in range(ROUNDS):
            for name in NAMES:
                stranger.try_name(name, ("REGISTER", "INVITE")[number % 2])
            await asyncio.sleep(0.05)  # what is measured takes time
            if number == ROUNDS // 2:
                await (await desk("102")).unregister()  # the one that is being guessed comes in all the same
        await talk.hear_tone(600, seconds=0.5)
        again = await honest.dial("600", tone=500)
        await again.answered()
        await again.hear_tone(500)
        await again.hangup()
    assert talk.ear.packets - begun > 50
    await talk.hangup()
    kinds = {whose: {what for who, what in stranger.answers if who == whose} for whose in ("known", "unknown")}
    assert kinds == {
        "known": {"first 401 Unauthorized", "second 401 Unauthorized"},
        "unknown": {"first 401 Unauthorized", "second 401 Unauthorized"},
    }
    assert sum(stranger.answers.values()) > ROUNDS * len(NAMES)
    contacts = await asterisk.cli("pjsip show contacts")
    assert SCANNER not in contacts
