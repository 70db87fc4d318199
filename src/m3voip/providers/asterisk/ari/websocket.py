"""The client side of RFC 6455 as ARI uses it: text messages both ways, no extensions.

Law: a message is handed over in the same call in which its last byte arrived, and a message is on its way when `send`
returns; no task and no queue in between. That is the reason this file exists: measured against Asterisk it costs 30 %
less of our CPU per call than the same client on a general WebSocket library (docs/adr/0004-ari-client.md).
"""

from __future__ import annotations

import asyncio
import base64
import hashlib
import os
import ssl
from collections.abc import Callable, Mapping
from typing import cast
from urllib.parse import urlsplit

_GUID = b"258EAFA5-E914-47DA-95CA-C5AB0DC85B11"
_TEXT, _CLOSE, _PING, _PONG = 0x81, 0x88, 0x89, 0x8A  # each with FIN
_LONGEST_HANDSHAKE = 16_384
_WRITE_BUFFER = 1 << 20
"""With so many bytes unsent, the other side is not reading."""


class HandshakeRefused(Exception):  # noqa: N818  # not an error of ours: the server said no
    """The server answered with another status than 101; 0 when it did not speak WebSocket."""

    def __init__(self, status: int) -> None:
        super().__init__(f"the server answered {status}")
        self.status = status


class WebSocket(asyncio.Protocol):
    """One connection. `on_closed(reason)` is called exactly once after a successful handshake; callbacks must not raise."""

    def __init__(
        self,
        *,
        on_text: Callable[[bytes], None],
        on_pong: Callable[[], None],
        on_closed: Callable[[str], None],
        largest: int,
    ) -> None:
        self.opened: asyncio.Future[None] = asyncio.get_running_loop().create_future()
        self.congested = False  # Asterisk has stopped reading
        self._on_text = on_text
        self._on_pong = on_pong
        self._on_closed = on_closed
        self._largest = largest
        self._key = base64.b64encode(os.urandom(16))
        self._transport: asyncio.Transport | None = None
        self._buffer = bytearray()
        self._needed = 0  # how long the buffer must be before parsing again is worth it
        self._fragments: list[bytes] = []
        self._closed = False

    # What the owner calls

    @property
    def usable(self) -> bool:
        """Whether `send` would put a message on its way."""
        return self.opened.done() and not self._closed and not self.congested

    def start(self, host: str, path: str, headers: Mapping[str, str]) -> None:
        """Send the handshake; `opened` is set when the server accepts it, and fails when not."""
        lines = [f"GET {path} HTTP/1.1", f"Host: {host}", "Upgrade: websocket", "Connection: Upgrade"]
        lines += ["Sec-WebSocket-Version: 13", f"Sec-WebSocket-Key: {self._key.decode()}"]
        lines += [f"{name}: {value}" for name, value in headers.items()]
        if any("\r" in line or "\n" in line for line in lines):
            raise ValueError("a line break in the handshake")
        self._write("\r\n".join((*lines, "", "")).encode())

    def send(self, message: bytes) -> None:
        """Send a text message. Without effect once closed: `on_closed` has said so, or is about to."""
        self._send_frame(_TEXT, message)

    def ping(self) -> None:
        """Ask for a pong."""
        self._send_frame(_PING, b"")

    def close(self) -> None:
        """Say goodbye if that does not take waiting, and let go of the socket."""
        if self._transport is not None:
            self._send_frame(_CLOSE, (1000).to_bytes(2))
            if self._transport.get_write_buffer_size():
                self._transport.abort()
            else:
                self._transport.close()
        self._end("closed by us")

    # What the event loop calls

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        """Keep the transport; the write limit decides what counts as congested."""
        self._transport = cast("asyncio.Transport", transport)  # uvloop's transports are no subclasses
        self._transport.set_write_buffer_limits(high=_WRITE_BUFFER)

    def connection_lost(self, exc: Exception | None) -> None:
        """The socket is gone."""
        self._end("lost" if exc is None else type(exc).__name__)

    def pause_writing(self) -> None:
        """The other side has stopped reading."""
        self.congested = True

    def resume_writing(self) -> None:
        """It reads again."""
        self.congested = False

    def data_received(self, data: bytes) -> None:
        """Cut the stream into messages."""
        if self._buffer:
            self._buffer += data
            if len(self._buffer) < self._needed:
                return
            data = bytes(self._buffer)
            self._buffer.clear()
        start = 0 if self.opened.done() else self._handshake(data)
        if start >= 0:
            start = self._frames(data, start)
        if start < len(data) and not self._closed:
            self._buffer += data[start:] if start > 0 else data

    # Inside

    def _handshake(self, data: bytes) -> int:
        """Where the frames begin, or -1 while the answer is incomplete or refused."""
        end = data.find(b"\r\n\r\n")
        if end < 0 and len(data) <= _LONGEST_HANDSHAKE:
            self._needed = len(data) + 1
            return -1
        status, _, rest = data[: max(end, 0)].partition(b"\r\n")
        words = status.split(b" ", 2)
        fields = dict(line.lower().split(b":", 1) for line in rest.split(b"\r\n") if b":" in line)
        accept = base64.b64encode(hashlib.sha1(self._key + _GUID).digest())  # noqa: S324  # RFC 6455 names SHA-1
        code = int(words[1]) if len(words) > 1 and words[1].isdigit() else 0
        if code == 101 and fields.get(b"sec-websocket-accept", b"").strip() == accept.lower():
            self.opened.set_result(None)
            return end + 4
        self.opened.set_exception(HandshakeRefused(0 if code == 101 else code))
        self._end("refused")
        return -1

    def _frames(self, data: bytes, start: int) -> int:
        """Hand over every complete frame from `start` on; returns where the first incomplete one begins."""
        end = len(data)
        while end - start >= 2 and not self._closed:
            first, length, body = data[start], data[start + 1], start + 2
            if length > 125:
                if length > 127:  # masked, which a server must not do
                    self._fail(1002)
                    break
                wide = 2 if length == 126 else 8
                if end - body < wide:
                    break
                length = int.from_bytes(data[body : body + wide])
                body += wide
                if length > self._largest:
                    self._fail(1009)
                    break
            if end - body < length:
                self._needed = body + length - start
                return start
            start = body + length
            if first == _TEXT and not self._fragments:
                self._on_text(data[body:start])
            else:
                self._odd_frame(first, data[body:start])
        self._needed = 0
        return start

    def _odd_frame(self, first: int, payload: bytes) -> None:
        """Everything but a whole text message."""
        if first == _PONG:
            self._on_pong()
        elif first == _PING and len(payload) <= 125:
            self._send_frame(_PONG, payload)
        elif first == _CLOSE:
            code = int.from_bytes(payload[:2]) if len(payload) >= 2 else 1005
            self._send_frame(_CLOSE, payload[:2])
            self._end(f"closed {code}")
        elif (first == 0x01 and not self._fragments) or (first in (0x00, 0x80) and self._fragments):
            self._fragments.append(payload)
            if sum(map(len, self._fragments)) > self._largest:
                self._fail(1009)
            elif first == 0x80:
                whole, self._fragments = b"".join(self._fragments), []
                self._on_text(whole)
        else:
            self._fail(1002)

    def _fail(self, code: int) -> None:
        self._send_frame(_CLOSE, code.to_bytes(2))
        self._end(f"protocol error {code}")

    def _send_frame(self, first: int, payload: bytes) -> None:
        """Masked, as RFC 6455 demands of a client; one big XOR is the fastest way Python has."""
        length = len(payload)
        if length < 126:
            head = bytes((first, 0x80 | length))
        elif length < 65_536:
            head = bytes((first, 0xFE)) + length.to_bytes(2)
        else:
            head = bytes((first, 0xFF)) + length.to_bytes(8)
        mask = os.urandom(4)
        cover = int.from_bytes((mask * (length // 4 + 1))[:length])
        self._write(head + mask + (int.from_bytes(payload) ^ cover).to_bytes(length))

    def _write(self, data: bytes) -> None:
        if self._transport is not None and not self._closed:
            self._transport.write(data)

    def _end(self, reason: str) -> None:
        if self._closed:
            return
        self._closed = True
        if self._transport is not None and not self._transport.is_closing():
            self._transport.abort()
        if self.opened.done() and not self.opened.cancelled() and self.opened.exception() is None:
            self._on_closed(reason)
        elif not self.opened.done():
            self.opened.set_exception(HandshakeRefused(0))
            self.opened.exception()  # seen: whoever gave up waiting does not look any more


async def open_websocket(socket: WebSocket, url: str, headers: Mapping[str, str]) -> None:
    """Connect `socket` to `url` (http, https, ws or wss). Raises OSError or HandshakeRefused; put asyncio.timeout around
    it."""
    parts = urlsplit(url)
    secure = parts.scheme in ("https", "wss")
    host, port = parts.hostname or "", parts.port or (443 if secure else 80)
    context = ssl.create_default_context() if secure else None
    try:
        await asyncio.get_running_loop().create_connection(lambda: socket, host, port, ssl=context)
        socket.start(f"{host}:{port}", f"{parts.path}?{parts.query}", headers)
        await socket.opened
    except BaseException:
        socket.close()
        raise
