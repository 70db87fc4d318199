"""A phone that takes another address for its own than the one it has outside: audio and ends of calls find it all the same
(force_rport, rewrite_contact, rtp_symmetric of pjsip.conf)."""

from __future__ import annotations

from collections.abc import AsyncIterator

import pytest

from m3voip.phones import Answer, Softphone, Ticker
from m3voip.stack.certificates import CA_FILE
from m3voip.stack.stack import Stack
from tests.support.fixtures import OpenPhone

pytestmark = [pytest.mark.asterisk, pytest.mark.usefixtures("asterisk_unchanged")]

INSIDE = ("10.255.255.1", 5062)
"""Nowhere: what is sent there is lost."""


@pytest.fixture(params=["102", "202"], ids=["udp", "tls+srtp"])
async def hidden(
    request: pytest.FixtureRequest, asterisk: Stack, ticker: Ticker
) -> AsyncIterator[tuple[str, Softphone]]:
    """Extension and phone."""
    extension, settings = request.param, asterisk.settings
    secure = extension == "202"
    phone = Softphone(
        settings.sip_address, settings.sip_tls_port if secure else settings.sip_udp_port, "tls" if secure else "udp",
        f"e{extension:0>10}", f"secret-{extension}", tls_ca=asterisk.folders.asterisk_keys / CA_FILE, ticker=ticker,
        inside=INSIDE,
    )  # fmt: skip
    async with phone:
        await phone.register(expires=60)
        yield extension, phone


async def test_a_phone_behind_a_nat_is_called_hears_and_is_heard(
    desk: OpenPhone, hidden: tuple[str, Softphone]
) -> None:
    caller, (extension, phone) = await desk("101"), hidden
    phone.on_invite = Answer(after=0.1, tone=600)
    call = await caller.dial(extension, tone=440)
    await call.answered()
    await call.hear_tone(600)
    received = phone.received[0]
    await received.hear_tone(440)
    await received.hold()
    await received.hold(False)  # what comes later in a call finds its way, too: it would end by itself otherwise
    await call.hear_tone(600)
    await call.hangup()
    assert (await received.ended()).by == "them"  # the BYE found its way in, too


async def test_a_phone_behind_a_nat_calls_hears_and_is_heard(desk: OpenPhone, hidden: tuple[str, Softphone]) -> None:
    called = await desk("101")
    called.on_invite = Answer(after=0.1, tone=600)
    call = await hidden[1].dial("101", tone=440)
    await call.answered()
    await call.hear_tone(600)
    received = called.received[0]
    await received.hear_tone(440)
    await received.hangup()
    assert (await call.ended()).by == "them"
