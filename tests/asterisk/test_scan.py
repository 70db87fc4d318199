"""A scanner at the door: it learns no name, gets in nowhere, and the calls of honest phones go on (bar S-03, at CI size)."""

from __future__ import annotations

import asyncio
from collections import Counter
from itertools import count
from typing import cast

import pytest

from m3voip.phones import Answer
from m3voip.phones.sip import digest
from m3voip.phones.sip.message import Message, parse
from m3voip.stack.stack import Stack
from tests.support.fixtures import OpenPhone

pytestmark = [pytest.mark.asterisk, pytest.mark.usefixtures("asterisk_unchanged")]

SCANNER = "127.0.0.3"
"""An address of this machine that is nobody's."""
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


class Scanner(asyncio.DatagramProtocol):
    """Tries names and secrets as fast as it is answered; counts the answers by what was tried."""

    def __init__(self, server: tuple[str, int]) -> None:
        self.server = server
        self.answers: Counter[tuple[str, str]] = Counter()
        self._waiting: dict[str, tuple[str, Message]] = {}
        self._tries = count()

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        self.transport = cast("asyncio.DatagramTransport", transport)

    def datagram_received(self, data: bytes, addr: object) -> None:
        answer = parse(data)
        if answer.method or answer.get("Call-ID") not in self._waiting:
            return
        name, request = self._waiting.pop(answer.get("Call-ID"))
        whose = "known" if name == KNOWN else "unknown"
        first = not request.get("Authorization")
        self.answers[whose, f"{'first' if first else 'second'} {answer.status} {answer.reason}"] += 1
        if first and (credentials := digest.answer(answer, request, name, "guessed")):
            request.headers.append(credentials)
            self._send(name, request)

    def try_name(self, name: str, method: str) -> None:
        host, port = self.transport.get_extra_info("sockname")[:2]
        server = self.server[0]
        target = f"sip:{server}" if method == "REGISTER" else f"sip:600@{server}"
        self._send(name, Message(method=method, uri=target, headers=[
            ("Via", f"SIP/2.0/UDP {host}:{port};branch=x"), ("From", f"<sip:{name}@{server}>;tag=t"),
            ("To", f"<sip:{name}@{server}>"), ("Call-ID", "x"), ("CSeq", f"1 {method}"),
            ("Contact", f"<sip:{name}@{host}:{port}>"), ("Max-Forwards", "70"),
        ]))  # fmt: skip

    def _send(self, name: str, request: Message) -> None:
        number = next(self._tries)
        request.put("Call-ID", f"scan-{number}")
        request.put("Via", request.get("Via").rpartition("branch=")[0] + f"branch=z9hG4bK{number}")
        self._waiting[f"scan-{number}"] = (name, request)
        self.transport.sendto(request.encode(), self.server)


async def test_a_scan_learns_nothing_gets_nowhere_and_harms_no_call(asterisk: Stack, desk: OpenPhone) -> None:
    server = (asterisk.settings.sip_address, asterisk.settings.sip_udp_port)
    honest, other = await desk("101"), await desk("103")
    other.on_invite = Answer(after=0.1, tone=600)
    talk = await honest.dial("103", tone=440)
    await talk.answered()
    loop = asyncio.get_running_loop()
    transport, scanner = await loop.create_datagram_endpoint(lambda: Scanner(server), local_addr=(SCANNER, 0))
    begun = talk.ear.packets
    try:
        for number in range(ROUNDS):
            for name in NAMES:
                scanner.try_name(name, ("REGISTER", "INVITE")[number % 2])
            await asyncio.sleep(0.05)  # what is measured takes time
            if number == ROUNDS // 2:
                await (await desk("102")).unregister()  # the one that is being guessed comes in all the same
        await talk.hear_tone(600, seconds=0.5)
        again = await honest.dial("600", tone=500)
        await again.answered()
        await again.hear_tone(500)
        await again.hangup()
    finally:
        transport.close()
    assert talk.ear.packets - begun > 50
    await talk.hangup()
    kinds = {whose: {what for who, what in scanner.answers if who == whose} for whose in ("known", "unknown")}
    assert kinds == {
        "known": {"first 401 Unauthorized", "second 401 Unauthorized"},
        "unknown": {"first 401 Unauthorized", "second 401 Unauthorized"},
    }
    assert sum(scanner.answers.values()) > ROUNDS * len(NAMES)
    contacts = await asterisk.cli("pjsip show contacts")
    assert SCANNER not in contacts
