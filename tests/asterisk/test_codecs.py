"""Which codecs calls get on a real Asterisk, with independent phones that speak Opus and G.722: one codec all the way where
both can do it, and an honest report where not."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path

import pytest

from m3voip.core.codecs import read_costs
from m3voip.phones import Answer, Softphone, Ticker
from m3voip.phones.baresip import Account, Baresip
from m3voip.phones.media.g711 import Codec
from m3voip.providers.asterisk.ami import actions
from m3voip.providers.asterisk.ami.client import AmiAccess, AmiClient
from m3voip.providers.asterisk.observe import channel_formats
from m3voip.providers.asterisk.provision.model import EndpointKind
from m3voip.stack.certificates import CA_FILE
from m3voip.stack.stack import Stack
from tests.support.eventually import eventually
from tests.support.fixtures import PHONES, OpenPhone

pytestmark = [pytest.mark.asterisk, pytest.mark.usefixtures("asterisk_unchanged")]
INDEPENDENT = pytest.mark.skipif(not Baresip.is_installed(), reason="baresip is not installed")

OPUS_FIRST = ("opus", "g722", "alaw", "ulaw")
G722_FIRST = ("g722", "opus", "alaw", "ulaw")
Seen = dict[str, tuple[str, bool]]
"""Extension (or the trunk) → codec, and whether its audio is transcoded either way."""


@pytest.fixture
async def ami(asterisk: Stack) -> AsyncIterator[AmiClient]:
    settings = asterisk.settings
    access = AmiAccess(
        host=settings.ami_host, port=settings.ami_port, user=settings.ami_user,
        secret=settings.ami_secret.get_secret_value(),
    )  # fmt: skip
    client = AmiClient(access, on_event=lambda _: None)
    running = asyncio.create_task(client.run(), name="tests.ami")
    async with asyncio.timeout(10):
        await client.wait_connected()
    yield client
    running.cancel()
    await asyncio.gather(running, return_exceptions=True)


async def settled(ami: AmiClient, codecs: set[str]) -> Seen:
    """Both channels once they speak these codecs and no other."""

    async def look() -> Seen | None:
        seen = {
            one.device.removeprefix("e0000000"): (one.codec, len(one.from_it) > 1 or len(one.to_it) > 1)
            for one in channel_formats(await ami.call(actions.channels()))
        }
        return seen if len(seen) == 2 and {codec for codec, _ in seen.values()} == codecs else None

    return await eventually(look, 5, what=f"two channels that speak {codecs}")


@asynccontextmanager
async def independent(asterisk: Stack, extension: str, codecs: tuple[str, ...], home: Path) -> AsyncIterator[Baresip]:
    settings, kind = asterisk.settings, PHONES[extension]
    tls = kind is EndpointKind.DESK_TLS
    port = {EndpointKind.DESK_TLS: settings.sip_tls_port, EndpointKind.SOFTPHONE: settings.sip_tcp_port}.get(
        kind, settings.sip_udp_port
    )
    account = Account(
        address=settings.sip_address, port=port, username=f"e{extension:0>10}", password=f"secret-{extension}",
        ca=asterisk.folders.asterisk_keys / CA_FILE, codecs=codecs, answers_itself=True,
        transport="tls" if tls else "tcp" if kind is EndpointKind.SOFTPHONE else "udp",
        media_encryption="srtp-mand" if tls else "",
    )  # fmt: skip
    async with Baresip(account, home / extension) as phone:
        await phone.registered()
        yield phone


@INDEPENDENT
@pytest.mark.parametrize(
    ("caller", "called", "answers", "kept"),
    [
        ("201", "202", G722_FIRST, "g722"),
        ("103", "202", ("opus",), "opus"),
        ("202", "103", OPUS_FIRST, "g722"),
    ],
    ids=["two-desk-phones", "program-calls-desk-phone", "desk-phone-calls-program-that-prefers-another"],
)
async def test_two_capable_phones_keep_the_callers_codec_and_nobody_transcodes(
    asterisk: Stack, ami: AmiClient, tmp_path: Path, caller: str, called: str, answers: tuple[str, ...], kept: str
) -> None:
    offers = OPUS_FIRST if caller == "103" else G722_FIRST
    async with (
        independent(asterisk, caller, offers, tmp_path) as one,
        independent(asterisk, called, answers, tmp_path),
    ):
        await one.dial(called)
        await one.wait_for("CALL_ESTABLISHED")
        assert await settled(ami, {kept}) == {caller: (kept, False), called: (kept, False)}
        await one.hangup()


@INDEPENDENT
async def test_phones_without_a_codec_in_common_are_transcoded_and_it_is_seen(
    asterisk: Stack, ami: AmiClient, tmp_path: Path
) -> None:
    async with (
        independent(asterisk, "103", ("opus",), tmp_path) as one,
        independent(asterisk, "202", ("g722",), tmp_path),
    ):
        await one.dial("202")
        await one.wait_for("CALL_ESTABLISHED")
        assert await settled(ami, {"opus", "g722"}) == {"103": ("opus", True), "202": ("g722", True)}
        await one.hangup()


@pytest.mark.parametrize("codec", ["ulaw", "alaw"])
async def test_the_carriers_codec_is_the_agents_too(
    asterisk: Stack, ami: AmiClient, desk: OpenPhone, ticker: Ticker, codec: Codec
) -> None:
    agent, settings = await desk("102"), asterisk.settings
    agent.on_invite = Answer(after=0.1, tone=600)
    async with Softphone(settings.sip_address, settings.sip_udp_port, codecs=(codec,), ticker=ticker) as caller:
        call = await caller.dial("15550100100", caller_id="15550204000", tone=440)
        await call.hear_tone(600, within=15)
        assert await settled(ami, {codec}) == {"trunk-local": (codec, False), "102": (codec, False)}
        await call.hangup()


@INDEPENDENT
async def test_a_program_that_answers_with_several_codecs_is_spoken_to_in_the_callers(
    asterisk: Stack, ami: AmiClient, tmp_path: Path, ticker: Ticker
) -> None:
    settings = asterisk.settings
    async with (
        independent(asterisk, "103", OPUS_FIRST, tmp_path),
        Softphone(
            settings.sip_address,
            settings.sip_udp_port,
            "udp",
            "e0000000101",
            "secret-101",
            codecs=("ulaw",),
            ticker=ticker,
        ) as caller,
    ):
        call = await caller.dial("103", tone=440)
        await call.answered()
        assert await settled(ami, {"ulaw"}) == {"101": ("ulaw", False), "103": ("ulaw", False)}
        await call.hangup()


async def test_the_table_of_costs_is_read(asterisk: Stack) -> None:
    costs = read_costs(await asterisk.cli("core show translation"))
    assert {(one, other) for one in OPUS_FIRST for other in OPUS_FIRST if one != other} <= costs.keys()
    assert all(cost > 0 for cost in costs.values())
    assert costs["alaw", "ulaw"] < costs["opus", "ulaw"]
