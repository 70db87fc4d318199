"""Ways to carry SIP: UDP, TCP, TLS. A transport delivers whole parsed messages and knows nothing of their meaning."""

from __future__ import annotations

import asyncio
import socket
import ssl
from collections.abc import Callable
from pathlib import Path
from typing import Literal, Protocol, cast

from m3voip.phones.sip.message import Address, Message, MessageError, parse, split_stream

TransportName = Literal["udp", "tcp", "tls"]
Deliver = Callable[[Message, Address], None]


class Transport(Protocol):
    """What the transaction layer needs of a way to carry messages."""

    name: TransportName
    local: Address

    def send(self, data: bytes, to: Address) -> None:
        """Send one message; a stream ignores ``to`` because it has only one other end."""

    def close(self) -> None:
        """Close the socket; nothing is delivered afterwards."""


class Udp(asyncio.DatagramProtocol):
    """One UDP socket; malformed datagrams are counted and dropped."""

    name: TransportName = "udp"

    def __init__(self, deliver: Deliver) -> None:
        self._deliver = deliver
        self._socket: asyncio.DatagramTransport | None = None
        self.local: Address = ("", 0)
        self.malformed = 0

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        """The socket is bound."""
        self._socket = cast("asyncio.DatagramTransport", transport)
        self.local = transport.get_extra_info("sockname")[:2]

    def datagram_received(self, data: bytes, addr: tuple[str, int]) -> None:
        """One datagram is one message (RFC 3261 §18.3); a keep-alive is shorter than any message."""
        if len(data) < 8:
            return
        try:
            message = parse(data)
        except MessageError:
            self.malformed += 1
            return
        self._deliver(message, addr)

    def send(self, data: bytes, to: Address) -> None:
        """Send one datagram."""
        if self._socket is not None:
            self._socket.sendto(data, to)

    def close(self) -> None:
        """Close the socket."""
        if self._socket is not None:
            self._socket.close()
            self._socket = None


class Stream(asyncio.Protocol):
    """One TCP or TLS connection to the server, used both ways as RFC 5626 phones do."""

    def __init__(self, deliver: Deliver, name: TransportName) -> None:
        self.name = name
        self._deliver = deliver
        self._buffer = bytearray()
        self._stream: asyncio.Transport | None = None
        self.local: Address = ("", 0)
        self._peer: Address = ("", 0)
        self.malformed = 0
        self.lost = False

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        """The connection (and the TLS handshake) is done."""
        self._stream = cast("asyncio.Transport", transport)
        self.local = transport.get_extra_info("sockname")[:2]
        self._peer = transport.get_extra_info("peername")[:2]

    def data_received(self, data: bytes) -> None:
        """Cut the stream into messages."""
        self._buffer += data
        for whole in split_stream(self._buffer):
            try:
                message = parse(whole)
            except MessageError:
                self.malformed += 1
                continue
            self._deliver(message, self._peer)

    def connection_lost(self, exc: Exception | None) -> None:  # noqa: ARG002  # asyncio's signature
        """The server closed the connection; requests will time out with 408."""
        self.lost = True
        self._stream = None

    def send(self, data: bytes, to: Address) -> None:  # noqa: ARG002  # a stream has one other end
        """Send on the connection; silently nothing once it is gone, as on a dead network."""
        if self._stream is not None:
            self._stream.write(data)

    def close(self) -> None:
        """Close the connection at once."""
        if self._stream is not None:
            self._stream.abort()
            self._stream = None


async def open_udp(deliver: Deliver, local: Address) -> Udp:
    """Bind a UDP socket; port 0 takes a free one."""
    _, protocol = await asyncio.get_running_loop().create_datagram_endpoint(
        lambda: Udp(deliver), local_addr=local, family=socket.AF_INET
    )
    return protocol


async def open_stream(deliver: Deliver, server: Address, local_host: str, tls: ssl.SSLContext | None) -> Stream:
    """Connect by TCP, or by TLS where a context is given. Raises OSError (ssl.SSLError included)."""
    _, protocol = await asyncio.get_running_loop().create_connection(
        lambda: Stream(deliver, "tls" if tls else "tcp"), *server, ssl=tls, local_addr=(local_host, 0),
        server_hostname=server[0] if tls else None,
    )  # fmt: skip
    return protocol


def client_tls(ca: Path | None) -> ssl.SSLContext:
    """TLS 1.2+ that trusts ``ca`` only; without one the server is not verified (a phone for self-signed labs)."""
    context = ssl.create_default_context(cafile=str(ca) if ca else None)
    context.minimum_version = ssl.TLSVersion.TLSv1_2
    if ca is None:
        context.check_hostname = False
        context.verify_mode = ssl.CERT_NONE
    return context
