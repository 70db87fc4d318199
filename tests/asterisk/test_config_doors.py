"""Who gets in at which door of a real Asterisk, and who does not (bars S-03, S-04, S-06)."""

from __future__ import annotations

import asyncio
import re
import socket
import ssl
from collections.abc import AsyncIterator, Iterator
from pathlib import Path

import aiohttp
import psutil
import pytest

from m3voip.phones import Answer, CallRefusedError, RegistrationRefusedError, Softphone, Ticker
from m3voip.phones.baresip import Account, Baresip
from m3voip.phones.media.tones import is_tone
from m3voip.phones.sip import digest
from m3voip.phones.sip.message import Message, parse
from m3voip.stack.certificates import CA_FILE
from m3voip.stack.stack import Stack
from tests.support.fixtures import OpenPhone
from tests.support.leaks import Baseline

pytestmark = pytest.mark.asterisk

STRANGER = "127.0.0.2"
"""An address of this machine that is neither the trunk's nor the one ARI and AMI are open to."""


def authority(asterisk: Stack) -> Path:
    return asterisk.folders.asterisk_keys / CA_FILE


@pytest.fixture
def stranger() -> Iterator[socket.socket]:
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as sock:
        sock.bind((STRANGER, 0))
        sock.settimeout(2)
        yield sock


# Phones


async def test_an_independent_tls_phone_registers_and_hears_with_srtp(
    asterisk_unchanged: Baseline, asterisk: Stack, tmp_path: Path
) -> None:
    account = Account(
        address=asterisk.settings.sip_address, port=asterisk.settings.sip_tls_port, username="e0000000201",
        password="secret-201", ca=authority(asterisk), tone=600,
    )  # fmt: skip
    async with Baresip(account, tmp_path) as phone:
        await phone.registered()
        mark = phone.mark()
        await phone.dial("601")
        await phone.wait_for("CALL_ESTABLISHED", since=mark)
        statistics = await asterisk.cli("pjsip show channelstats")
        await asyncio.sleep(1.5)  # the length of what is listened to
        await phone.hangup()
        samples, rate = await phone.heard()
    assert "e0000000201" in statistics
    assert is_tone(samples[rate // 2 : rate], rate, 1004)  # the test tone of 601


async def test_two_tls_phones_talk_in_both_directions(asterisk_unchanged: Baseline, desk: OpenPhone) -> None:
    ann, bob = await desk("201"), await desk("202")
    bob.on_invite = Answer(after=0.1, tone=700)
    call = await ann.dial("202", tone=500)
    await call.answered()
    await call.hear_tone(700)
    await (await bob.next_call(after=0)).hear_tone(500)
    await call.hangup()


async def test_a_plain_offer_from_a_tls_phone_is_not_acceptable(
    asterisk_unchanged: Baseline, asterisk: Stack, ticker: Ticker
) -> None:
    phone = Softphone(
        asterisk.settings.sip_address, asterisk.settings.sip_tls_port, "tls", "e0000000201", "secret-201",
        tls_ca=authority(asterisk), srtp=False, ticker=ticker,
    )  # fmt: skip
    async with phone:
        await phone.register()
        call = await phone.dial("600")
        with pytest.raises(CallRefusedError) as refused:
            await call.answered()
    assert refused.value.status == 488


async def test_a_phone_reaches_phones_and_test_numbers_and_no_way_out(
    asterisk_unchanged: Baseline, desk: OpenPhone
) -> None:
    ann, bob = await desk("101"), await desk("102")
    bob.on_invite = Answer(after=0.1, tone=700)
    for number, heard in (("102", 700), ("600", 500)):
        call = await ann.dial(number, tone=500)
        await call.answered()
        await call.hear_tone(heard)
        await call.hangup()
    outside = [await ann.dial(number) for number in ("0015550100100", "+15550100100", "911", "15550100100")]
    assert {(await call.ended(8)).status for call in outside} == {403}
    for number in ("inbound", "to-queue", "s", "abc"):
        call = await ann.dial(number)
        assert (await call.ended()).status == 404


async def test_a_code_that_nobody_can_answer_says_so_and_is_no_yes(
    asterisk_unchanged: Baseline, asterisk: Stack, desk: OpenPhone
) -> None:
    phone = await desk("101")
    call = await phone.dial("*50")
    await call.answered()
    await call.hear_sound()
    shown = await asterisk.cli("core show channels concise")
    assert "!agent-asks!s!" in shown
    assert "feature-not-avail-line" in shown or "beeperr" in shown
    await call.hangup()


async def test_the_mailbox_key_is_for_phones_that_have_a_box(asterisk_unchanged: Baseline, desk: OpenPhone) -> None:
    owner, other = await desk("101"), await desk("102")
    call = await owner.dial("*97")
    await call.answered()
    await call.hear_sound()  # that it does not work now: nobody answers the AGI here
    assert (await call.ended(8)).by == "them"
    refused = await other.dial("*97")
    assert (await refused.ended(8)).status == 403


# Strangers


def _request(sock: socket.socket, method: str, user: str, server: tuple[str, int]) -> Message:
    host, port = sock.getsockname()
    target = f"sip:{server[0]}" if method == "REGISTER" else f"sip:600@{server[0]}"
    to = f"sip:{user}@{server[0]}" if method == "REGISTER" else target
    return Message(
        method=method, uri=target,
        headers=[
            ("Via", f"SIP/2.0/UDP {host}:{port};branch=z9hG4bK1"), ("From", f"<sip:{user}@{server[0]}>;tag=t1"),
            ("To", f"<{to}>"), ("Call-ID", f"{method}-{user}-{port}"), ("CSeq", f"1 {method}"),
            ("Contact", f"<sip:{user}@{host}:{port}>"), ("Max-Forwards", "70"),
        ],
    )  # fmt: skip


def _tries(sock: socket.socket, method: str, user: str, server: tuple[str, int]) -> list[str]:
    """Both answers to a request with a wrong password, without what differs between any two requests."""
    answers: list[str] = []
    request = _request(sock, method, user, server)
    for attempt in (1, 2):
        request.put("CSeq", f"{attempt} {method}")
        request.put("Via", request.get("Via").replace("z9hG4bK", f"z9hG4bK{attempt}"))
        sock.sendto(request.encode(), server)
        answer = parse(sock.recv(4096))
        plain = re.sub(r'(nonce|opaque)="[^"]*"|tag=[^\s;>]*|branch=\S*', r"\1", answer.encode().decode())
        answers.append(plain.replace(user, "USER"))
        credentials = digest.answer(answer, request, user, "wrong password")
        if credentials is not None:
            request.headers.append(credentials)
    return answers


@pytest.mark.parametrize("method", ["REGISTER", "INVITE", "OPTIONS", "SUBSCRIBE", "MESSAGE"])
def test_a_wrong_password_and_an_unknown_user_look_the_same(
    method: str, asterisk: Stack, stranger: socket.socket
) -> None:
    server = (asterisk.settings.sip_address, asterisk.settings.sip_udp_port)
    known = _tries(stranger, method, "e0000000101", server)
    unknown = _tries(stranger, method, "e0000000999", server)
    assert [answer.split("\r\n")[0] for answer in known] == ["SIP/2.0 401 Unauthorized"] * 2
    assert known == unknown


def test_the_name_of_a_trunk_opens_nothing(asterisk: Stack, stranger: socket.socket) -> None:
    server = (asterisk.settings.sip_address, asterisk.settings.sip_udp_port)
    for method in ("INVITE", "REGISTER"):
        assert all("401 Unauthorized" in a for a in _tries(stranger, method, "trunk-local", server))


async def test_a_wrong_password_does_not_register(asterisk: Stack, desk: OpenPhone) -> None:
    with pytest.raises(RegistrationRefusedError) as refused:
        await desk("201", "secret-202")
    assert refused.value.status == 401
    assert "No objects found" in await asterisk.cli("pjsip show contacts")


# Listening sockets


def test_ari_and_ami_listen_on_loopback_and_nothing_listens_that_was_not_asked_for(asterisk: Stack) -> None:
    settings, pid = asterisk.settings, asterisk.processes["asterisk"].pid
    sockets = psutil.Process(pid).net_connections(kind="inet")
    listening = {(s.laddr.ip, s.laddr.port) for s in sockets if s.status == psutil.CONN_LISTEN}
    phones = (settings.sip_tcp_port, settings.sip_tls_port, settings.wss_port)
    assert listening == {
        ("127.0.0.1", settings.ari_port),
        ("127.0.0.1", settings.ami_port),
        *((settings.sip_address, port) for port in phones),
    }
    # Two more UDP sockets on any address are PJSIP's own, to ask the DNS with.
    datagrams = {(s.laddr.ip, s.laddr.port) for s in sockets if s.type == socket.SOCK_DGRAM}
    bound = {address for address in datagrams if address[0] not in ("0.0.0.0", "::")}
    assert bound == {(settings.sip_address, settings.sip_udp_port)}
    assert len(datagrams - bound) <= 2


@pytest.fixture
async def web(asterisk: Stack) -> AsyncIterator[aiohttp.ClientSession]:
    """A web client at the stranger's address that knows the right ARI password."""
    trusted = ssl.create_default_context(cafile=str(authority(asterisk)))
    password = asterisk.settings.ari_password.get_secret_value()
    async with aiohttp.ClientSession(
        connector=aiohttp.TCPConnector(local_addr=(STRANGER, 0), ssl=trusted),
        headers={"Authorization": aiohttp.encode_basic_auth(asterisk.settings.ari_user, password)},
    ) as session:
        yield session


async def test_ari_is_not_behind_the_browsers_port(asterisk: Stack, web: aiohttp.ClientSession) -> None:
    settings = asterisk.settings
    base = f"https://{settings.sip_address}:{settings.wss_port}"
    for path in ("/ari/asterisk/info", "/ari/events?app=x", "/ARI/asterisk/info", "/ari"):
        async with web.get(base + path) as answer:
            assert answer.status in (403, 404), path
    for path in ("/static/docs/index.html", "/httpstatus", "/manager", "/mxml", "/rawman", "/metrics"):
        async with web.get(base + path) as answer:
            assert answer.status == 404, path
    async with web.get(f"http://127.0.0.1:{settings.ari_port}/ari/asterisk/info") as answer:
        assert answer.status == 403
    async with web.ws_connect(f"{base}/ws", protocols=("sip",)) as sip:  # the door itself is open
        assert sip.protocol == "sip"


async def test_a_browser_s_websocket_takes_sip_and_asks_for_a_password(
    asterisk: Stack, web: aiohttp.ClientSession
) -> None:
    settings = asterisk.settings
    async with web.ws_connect(f"https://{settings.sip_address}:{settings.wss_port}/ws", protocols=("sip",)) as sip:
        register = Message(
            method="REGISTER", uri=f"sip:{settings.sip_address}",
            headers=[
                ("Via", "SIP/2.0/WSS x.invalid;branch=z9hG4bK1"), ("From", "<sip:e0000000101@x>;tag=t"),
                ("To", "<sip:e0000000101@x>"), ("Call-ID", "ws1"), ("CSeq", "1 REGISTER"), ("Max-Forwards", "70"),
                ("Contact", "<sip:e0000000101@x.invalid;transport=ws>"),
            ],
        )  # fmt: skip
        await sip.send_str(register.encode().decode())
        answer = parse((await sip.receive_str(timeout=3)).encode())
    assert (answer.status, 'realm="asterisk"' in answer.get("WWW-Authenticate")) == (401, True)


@pytest.mark.filterwarnings("ignore:ssl.TLSVersion:DeprecationWarning")
@pytest.mark.parametrize(("version", "taken"), [("TLSv1", False), ("TLSv1_1", False), ("TLSv1_2", True)])
@pytest.mark.parametrize("port", ["sip_tls_port", "wss_port"])
def test_tls_begins_at_1_2_with_forward_secrecy(version: str, taken: bool, port: str, asterisk: Stack) -> None:
    client = ssl.create_default_context(cafile=str(authority(asterisk)))
    client.set_ciphers("ALL:@SECLEVEL=0")
    client.maximum_version = ssl.TLSVersion[version]
    client.minimum_version = ssl.TLSVersion[version]
    address = (asterisk.settings.sip_address, getattr(asterisk.settings, port))
    with socket.create_connection(address, timeout=3) as plain:
        if not taken:
            with pytest.raises((ssl.SSLError, ConnectionError)):
                client.wrap_socket(plain, server_hostname="localhost")
            return
        with client.wrap_socket(plain, server_hostname=asterisk.settings.sip_address) as secure:
            cipher = secure.cipher()
    assert cipher is not None
    assert re.fullmatch(r"ECDHE-\w+-AES(128|256)-GCM-SHA\d+", cipher[0])


@pytest.mark.parametrize("port", ["sip_tls_port", "wss_port"])
def test_tls_without_forward_secrecy_is_refused(port: str, asterisk: Stack) -> None:
    client = ssl.create_default_context(cafile=str(authority(asterisk)))
    client.maximum_version = ssl.TLSVersion.TLSv1_2
    client.set_ciphers("AES128-GCM-SHA256:AES128-SHA:ECDHE-RSA-AES128-SHA:@SECLEVEL=0")
    address = (asterisk.settings.sip_address, getattr(asterisk.settings, port))
    with socket.create_connection(address, timeout=3) as plain, pytest.raises((ssl.SSLError, ConnectionError)):
        client.wrap_socket(plain, server_hostname=asterisk.settings.sip_address)


# AMI


async def _ami(asterisk: Stack, *actions: str) -> list[str]:
    """Log in as the service and ask; the answers."""
    settings = asterisk.settings
    reader, writer = await asyncio.open_connection("127.0.0.1", settings.ami_port)
    answers: list[str] = []
    login = f"Login\r\nUsername: {settings.ami_user}\r\nSecret: {settings.ami_secret.get_secret_value()}\r\nEvents: off"
    try:
        await reader.readline()
        for action in (login, *actions):
            writer.write(f"Action: {action}\r\n\r\n".encode())
            while "Response:" not in (answer := (await reader.readuntil(b"\r\n\r\n")).decode()):
                pass
            answers.append(answer)
    finally:
        writer.close()
        await writer.wait_closed()
    return answers[1:]


async def test_the_ami_user_can_do_what_the_service_needs_and_nothing_else(asterisk: Stack) -> None:
    allowed = ("QueuePause\r\nInterface: PJSIP/e0000000102\r\nPaused: false", "QueueStatus", "CoreStatus", "Ping")
    assert all("Response: Success" in answer for answer in await _ami(asterisk, *allowed))
    denied = (
        "Command\r\nCommand: core show version", "Originate\r\nChannel: Local/1@x\r\nApplication: System",
        "UpdateConfig", "GetConfig\r\nFilename: manager.conf", "ModuleLoad", "MixMonitor\r\nChannel: x\r\nCommand: id",
        "DBPut", "DialplanExtensionAdd", "ConfbridgeStartRecord\r\nConference: x\r\nRecordFile: /x",
    )  # fmt: skip
    answers = await _ami(asterisk, *denied)
    assert all("Permission denied" in answer for answer in answers)
    # What comes with the right to move channels (ADR 0008) and could do more where more modules are loaded.
    dangerous = ("SHELL(id)", "FILE(/var/spool/asterisk/probe)", "ENV(PATH)", "DB(a/b)", "GLOBAL(X)")
    answers = await _ami(asterisk, *(f"Setvar\r\nVariable: {name}\r\nValue: x" for name in dangerous))
    assert not [name for name, answer in zip(dangerous, answers, strict=True) if "Response: Success" in answer]
    steers = ("ConfbridgeKick\r\nConference: x\r\nChannel: all", "ConfbridgeLock\r\nConference: x")
    assert all("No active conferences" in answer for answer in await _ami(asterisk, *steers))
