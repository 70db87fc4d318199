"""Somebody who tries names and secrets at the SIP port, from an address of their own."""

from __future__ import annotations

import asyncio
from collections import Counter
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from itertools import count
from typing import cast

from m3voip.phones.sip import digest
from m3voip.phones.sip.message import Message, parse

SCANNER = "127.0.0.3"
"""An address of this machine that is nobody's."""


class Scanner(asyncio.DatagramProtocol):
    """Tries names and secrets as fast as it is answered; counts the answers by what was tried."""

    def __init__(self, server: tuple[str, int], known: frozenset[str]) -> None:
        self.server = server
        self.known = known
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
        whose = "known" if name in self.known else "unknown"
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


@asynccontextmanager
async def scanner(server: tuple[str, int], *known: str, address: str = SCANNER) -> AsyncIterator[Scanner]:
    """``known``: the names that it tries and that somebody has."""
    loop = asyncio.get_running_loop()
    transport, made = await loop.create_datagram_endpoint(
        lambda: Scanner(server, frozenset(known)), local_addr=(address, 0)
    )
    try:
        yield made
    finally:
        transport.close()
