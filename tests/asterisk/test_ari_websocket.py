"""The WebSocket framing: any chopping of the stream gives the same messages; nothing odd is taken for a message."""

from __future__ import annotations

import asyncio
import base64
import hashlib
import socket
from collections.abc import Sequence
from itertools import pairwise
from typing import cast

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from m3voip.providers.asterisk.ari.websocket import HandshakeRefused, WebSocket, open_websocket

pytestmark = pytest.mark.unit


class FakeTransport:
    """Collects what would be sent."""

    def __init__(self) -> None:
        self.sent = bytearray()
        self.closed = False

    def set_write_buffer_limits(self, high: int) -> None:
        self.high = high

    def write(self, data: bytes) -> None:
        self.sent += data

    def get_write_buffer_size(self) -> int:
        return 0

    def is_closing(self) -> bool:
        return self.closed

    def close(self) -> None:
        self.closed = True

    abort = close


class Peer:
    """A WebSocket after its handshake, and what came out of it."""

    def __init__(self, largest: int = 1 << 20, handshake: bool = True) -> None:
        self.texts: list[bytes] = []
        self.pongs = 0
        self.reasons: list[str] = []
        self.transport = FakeTransport()
        self.socket = WebSocket(
            on_text=self.texts.append, on_pong=self._pong, on_closed=self.reasons.append, largest=largest
        )
        self.socket.connection_made(cast("asyncio.Transport", self.transport))
        self.socket.start("host:1", "/ari/events?app=x", {"Authorization": "Basic eDp5"})
        if handshake:
            self.socket.data_received(self.accepting())
            self.transport.sent.clear()

    def _pong(self) -> None:
        self.pongs += 1

    def accepting(self) -> bytes:
        key = next(line for line in bytes(self.transport.sent).split(b"\r\n") if b"Sec-WebSocket-Key" in line)[19:]
        digest = base64.b64encode(hashlib.sha1(key + b"258EAFA5-E914-47DA-95CA-C5AB0DC85B11").digest())
        return (
            b"HTTP/1.1 101 Switching Protocols\r\nUpgrade: websocket\r\nSec-WebSocket-Accept: " + digest + b"\r\n\r\n"
        )


def frame(payload: bytes, first: int = 0x81) -> bytes:
    """A server's frame."""
    if len(payload) < 126:
        return bytes((first, len(payload))) + payload
    if len(payload) < 65_536:
        return bytes((first, 126)) + len(payload).to_bytes(2) + payload
    return bytes((first, 127)) + len(payload).to_bytes(8) + payload


def sent_messages(data: bytes) -> list[tuple[int, bytes]]:
    """Undo what a client sent, by the letter of RFC 6455 §5.2."""
    messages = []
    while data:
        first, length, start = data[0], data[1] & 0x7F, 2
        assert data[1] & 0x80, "a client must mask"
        if length == 126:
            length, start = int.from_bytes(data[2:4]), 4
        elif length == 127:
            length, start = int.from_bytes(data[2:10]), 10
        mask, body = data[start : start + 4], data[start + 4 : start + 4 + length]
        messages.append((first, bytes(byte ^ mask[i % 4] for i, byte in enumerate(body))))
        data = data[start + 4 + length :]
    return messages


payloads = st.lists(st.one_of(st.binary(max_size=200), st.integers(60_000, 70_000).map(lambda n: b"x" * n)), max_size=6)


@given(messages=payloads, cuts=st.lists(st.integers(0, 400_000), max_size=12))
@settings(max_examples=200, deadline=None)
async def test_any_chopping_of_the_stream_gives_the_same_messages(messages: list[bytes], cuts: Sequence[int]) -> None:
    peer = Peer(handshake=False)
    stream = peer.accepting() + b"".join(map(frame, messages))
    places = [0, *sorted(cut for cut in cuts if cut < len(stream)), len(stream)]
    for begin, end in pairwise(places):
        peer.socket.data_received(stream[begin:end])
    assert peer.texts == messages
    assert peer.socket.usable


@given(messages=st.lists(st.integers(0, 70_000).map(lambda n: (b"abcde" * (n // 5 + 1))[:n]), max_size=5))
@settings(max_examples=60, deadline=None)
async def test_what_is_sent_can_be_read_back_by_the_standard(messages: list[bytes]) -> None:
    peer = Peer()
    for message in messages:
        peer.socket.send(message)
    assert sent_messages(bytes(peer.transport.sent)) == [(0x81, message) for message in messages]


@given(noise=st.binary(max_size=2_000))
@settings(max_examples=300, deadline=None)
async def test_noise_never_raises_and_ends_the_connection_at_most_once(noise: bytes) -> None:
    peer = Peer(largest=1_000)
    peer.socket.data_received(noise)
    peer.socket.connection_lost(None)
    assert len(peer.reasons) == 1


async def test_byte_by_byte_is_the_same_too() -> None:
    peer = Peer(handshake=False)
    for byte in peer.accepting() + frame(b"one") + frame(b"x" * 300) + frame(b"", 0x8A) + frame(b"two"):
        peer.socket.data_received(bytes((byte,)))
    assert peer.texts == [b"one", b"x" * 300, b"two"]
    assert peer.pongs == 1


async def test_a_ping_is_answered_in_kind() -> None:
    peer = Peer()
    peer.socket.data_received(frame(b"hello", 0x89))
    assert sent_messages(bytes(peer.transport.sent)) == [(0x8A, b"hello")]


async def test_a_message_in_pieces_is_put_together_with_a_pong_in_between() -> None:
    peer = Peer()
    peer.socket.data_received(frame(b"he", 0x01) + frame(b"", 0x8A) + frame(b"ll", 0x00) + frame(b"o", 0x80))
    assert (peer.texts, peer.pongs) == ([b"hello"], 1)


@pytest.mark.parametrize(
    ("data", "reason"),
    [
        (frame((1001).to_bytes(2), 0x88), "closed 1001"),
        (frame(b"", 0x88), "closed 1005"),
        (frame(b"x", 0x82), "protocol error 1002"),
        (frame(b"x", 0xC1), "protocol error 1002"),
        (frame(b"x", 0x80), "protocol error 1002"),
        (frame(b"a", 0x01) + frame(b"b", 0x81), "protocol error 1002"),
        (b"\x81\x7f" + (1 << 40).to_bytes(8), "protocol error 1009"),
        (b"\x81\x83abcdxyz", "protocol error 1002"),
        (frame(b"a" * 600_000, 0x01) + frame(b"a" * 600_000, 0x80), "protocol error 1009"),
    ],
)
async def test_what_the_standard_forbids_ends_the_connection(data: bytes, reason: str) -> None:
    peer = Peer()
    peer.socket.data_received(data)
    assert (peer.reasons, peer.texts, peer.transport.closed) == ([reason], [], True)
    peer.socket.data_received(frame(b"late"))
    assert peer.texts == []


async def test_a_callback_that_closes_stops_the_rest_of_the_chunk() -> None:
    peer = Peer()
    peer.socket._on_text = lambda _text: peer.socket.close()
    peer.socket.data_received(frame(b"one") + frame(b"two"))
    assert peer.reasons == ["closed by us"]


@pytest.mark.parametrize(
    ("answer", "status"),
    [
        (b"HTTP/1.1 401 Unauthorized\r\n\r\n", 401),
        (b"HTTP/1.1 101 Switching Protocols\r\nSec-WebSocket-Accept: wrong\r\n\r\n", 0),
        (b"SSH-2.0-OpenSSH\r\n\r\n", 0),
        (b"x" * 20_000, 0),
    ],
)
async def test_a_refused_handshake_says_why(answer: bytes, status: int) -> None:
    peer = Peer(handshake=False)
    peer.socket.data_received(answer)
    with pytest.raises(HandshakeRefused) as refused:
        await peer.socket.opened
    assert refused.value.status == status
    assert peer.reasons == []


async def test_a_line_break_in_a_header_is_refused() -> None:
    peer = Peer(handshake=False)
    with pytest.raises(ValueError, match="line break"):
        peer.socket.start("host", "/x", {"Authorization": "a\r\nX: y"})


async def test_nothing_is_left_open_when_connecting_is_given_up() -> None:
    with socket.create_server(("127.0.0.1", 0)) as silent:  # accepts into its backlog and says nothing
        waiting = WebSocket(on_text=print, on_pong=print, on_closed=print, largest=1)
        with pytest.raises(TimeoutError):
            async with asyncio.timeout(0.1):
                await open_websocket(waiting, f"http://127.0.0.1:{silent.getsockname()[1]}/", {})
        assert not waiting.usable
