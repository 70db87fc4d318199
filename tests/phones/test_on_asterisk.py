"""Softphones on a real Asterisk: registration, audio through it, refusals, and phones that break."""

import asyncio
from pathlib import Path

import pytest

from m3voip.core.device import KINDS, SipServer, phone_settings
from m3voip.phones import (
    Answer,
    CallRefusedError,
    Decline,
    NeverAnswer,
    RegistrationRefusedError,
    Softphone,
    Vanish,
)
from m3voip.phones.baresip import Account, Baresip
from m3voip.phones.media.tones import is_tone
from m3voip.stack.certificates import CA_FILE
from m3voip.stack.stack import Stack
from tests.support.eventually import eventually
from tests.support.fixtures import OpenPhone

pytestmark = [pytest.mark.asterisk, pytest.mark.usefixtures("asterisk_unchanged")]


@pytest.mark.parametrize("extension", ["101", "103", "201"], ids=["udp", "tcp", "tls+srtp"])
async def test_a_registered_phone_hears_itself_in_the_echo(desk: OpenPhone, extension: str) -> None:
    phone = await desk(extension)
    call = await phone.dial("600", tone=440)
    await call.answered()
    await call.hear_tone(440)
    assert call.stream.unreadable == 0
    assert (await call.hangup()).by == "us"


async def test_phones_of_different_kinds_talk_and_press_keys_through_asterisk(desk: OpenPhone) -> None:
    plain, secure = await desk("101"), await desk("201")
    secure.on_invite = Answer(after=0.1, tone=600)
    call = await plain.dial("201", tone=440)
    await call.answered()
    there = secure.received[0]
    await call.hear_tone(600)
    await there.hear_tone(440)
    assert there.caller_id == "101"
    await call.send_digits("12#")
    await there.hear_digits("12#")
    await there.hangup()
    end = await call.ended()
    assert (end.by, end.cause) == ("them", 16)


@pytest.mark.parametrize("extension", ["101", "201"], ids=["udp", "tls"])
async def test_a_wrong_password_does_not_register(desk: OpenPhone, extension: str) -> None:
    with pytest.raises(RegistrationRefusedError) as refused:
        await desk(extension, "not-the-password")
    assert refused.value.status == 401


async def test_a_phone_without_srtp_gets_488_at_a_tls_endpoint(asterisk: Stack) -> None:
    settings = asterisk.settings
    ca = asterisk.folders.asterisk_keys / CA_FILE
    async with Softphone(
        settings.sip_address, settings.sip_tls_port, "tls", "e0000000201", "secret-201", tls_ca=ca, srtp=False
    ) as phone:
        await phone.register()
        call = await phone.dial("600")
        with pytest.raises(CallRefusedError, match="488"):
            await call.answered()


async def test_a_registration_is_taken_back(asterisk: Stack, desk: OpenPhone) -> None:
    phone = await desk("101")
    assert "e0000000101" in await asterisk.cli("pjsip show contacts")
    await phone.unregister()
    assert "e0000000101" not in await asterisk.cli("pjsip show contacts")


async def test_a_decline_and_a_missing_answer_reach_the_caller(desk: OpenPhone) -> None:
    caller, called = await desk("101"), await desk("102")
    called.on_invite = Decline(status=486)
    with pytest.raises(CallRefusedError, match="486"):
        await (await caller.dial("102")).answered()
    called.on_invite = NeverAnswer()
    call = await caller.dial("102")
    await call.ringing()
    assert (await call.hangup()).status == 487
    assert (await called.received[1].ended()).status == 487


async def test_a_vanished_phone_leaves_the_caller_without_an_answer(desk: OpenPhone) -> None:
    caller, called = await desk("101"), await desk("102")
    called.on_invite = Vanish(ring=True, after=0.2)
    call = await caller.dial("102")
    await call.ringing()
    assert (await call.hangup()).status == 487


async def test_the_lamp_is_off_before_any_message(desk: OpenPhone) -> None:
    phone = await desk("101")
    await eventually(lambda: phone.messages_waiting is False, what="the NOTIFY that says no")


async def test_twenty_calls_at_once_all_hear_their_own_echo(desk: OpenPhone) -> None:
    phone = await desk("102")
    calls = []
    for number in range(20):
        calls.append(await phone.dial("600", tone=400 + 40 * number))
        await asyncio.sleep(0.02)
    for call in calls:
        await call.answered()
    for number, call in enumerate(calls):
        await call.hear_tone(400 + 40 * number)
        await call.hangup()


@pytest.mark.skipif(not Baresip.is_installed(), reason="baresip is not installed")
async def test_baresip_registers_by_tls_and_talks_by_srtp_with_a_softphone(
    asterisk: Stack, desk: OpenPhone, tmp_path: Path
) -> None:
    settings, plain = asterisk.settings, await desk("101")
    account = Account(
        address=settings.sip_address, port=settings.sip_tls_port, username="e0000000202", password="secret-202",
        ca=asterisk.folders.asterisk_keys / CA_FILE, tone=600, answers_itself=True, codecs=("alaw",),
    )  # fmt: skip
    async with Baresip(account, tmp_path / "baresip") as desk_phone:
        await desk_phone.registered()
        call = await plain.dial("202", tone=440)
        await call.answered()
        await call.hear_tone(600)
        await desk_phone.wait_for("CALL_ESTABLISHED")
        assert "AES_CM_128_HMAC_SHA1_80" in (await desk_phone.wait_for("CALL_MENC")).parameter
        await call.send_digits("5")
        await asyncio.sleep(1)  # the length of what is listened to below
        await call.hangup()
        await desk_phone.wait_for("CALL_CLOSED")
        samples, rate = await desk_phone.heard()
        assert is_tone(samples[-rate // 2 :], rate, 440)


@pytest.mark.skipif(not Baresip.is_installed(), reason="baresip is not installed")
async def test_baresip_with_a_wrong_password_is_refused(asterisk: Stack, tmp_path: Path) -> None:
    account = Account(
        address=asterisk.settings.sip_address, port=asterisk.settings.sip_tls_port, username="e0000000202",
        password="not-the-password", ca=asterisk.folders.asterisk_keys / CA_FILE,
    )  # fmt: skip
    async with Baresip(account, tmp_path / "baresip") as phone:
        with pytest.raises(RegistrationRefusedError, match="401"):
            await phone.registered()


@pytest.mark.skipif(not Baresip.is_installed(), reason="baresip is not installed")
@pytest.mark.parametrize(("kind", "extension"), [("desk_tls", "202"), ("desk_udp", "102"), ("softphone", "103")])
async def test_baresip_works_with_the_line_that_it_is_given(
    asterisk: Stack, tmp_path: Path, kind: str, extension: str
) -> None:
    settings, user, secret = asterisk.settings, f"e{extension:0>10}", f"secret-{extension}"
    server = SipServer(
        host=settings.sip_address,
        ports={"udp": settings.sip_udp_port, "tcp": settings.sip_tcp_port, "tls": settings.sip_tls_port},
    )
    account = Account(
        address=settings.sip_address, port=server.ports[KINDS[kind].transport], username=user, password=secret,
        ca=asterisk.folders.asterisk_keys / CA_FILE, line=phone_settings(KINDS[kind], user, server, secret).baresip or "",
    )  # fmt: skip
    async with Baresip(account, tmp_path / "baresip") as phone:
        await phone.registered()
        await phone.dial("601")
        await phone.wait_for("CALL_ESTABLISHED")
        await phone.hangup()
        await phone.wait_for("CALL_CLOSED")
