"""One RTP stream of a call (RFC 3550): sends a frame at each tick, hears what comes, presses keys in between."""

from __future__ import annotations

import asyncio
import secrets
import socket
import struct
import time
from collections import deque
from collections.abc import Callable
from dataclasses import dataclass
from itertools import chain

from m3voip.phones.media.dtmf import KeyReader, key_press
from m3voip.phones.media.ear import Ear
from m3voip.phones.media.g711 import FRAME, PAYLOAD_TYPE, Codec
from m3voip.phones.media.sounds import Sound, silence
from m3voip.phones.media.ticker import Ticker
from m3voip.phones.sip.message import Address

_HEADER = struct.Struct("!BBHII")
_CODEC_OF = {number: codec for codec, number in PAYLOAD_TYPE.items()}
Guard = Callable[[bytes], bytes | None]
"""SRTP: protects or opens one packet; None where it must be dropped."""


@dataclass(slots=True, kw_only=True)
class _Keys:
    """A digit being sent: packets, then pauses (None), then whoever waits is told."""

    packets: list[tuple[bool, bytes] | None]
    done: asyncio.Future[None] | None
    timestamp: int = 0


def _bind(host: str) -> socket.socket:
    """A UDP socket on an even port: the other side sends RTCP to port + 1, which must not be anybody's RTP."""
    for _ in range(64):
        sock = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
        sock.bind((host, 0))
        if sock.getsockname()[1] % 2 == 0:
            sock.setblocking(False)
            return sock
        sock.close()
    raise OSError("no even UDP port free for RTP")


class RtpStream:
    """The socket is bound at once (its port goes into the SDP); packets flow from ``start`` to ``close``. With ``echo`` it
    says what it hears."""

    def __init__(self, host: str, ticker: Ticker, *, keep: bool = True) -> None:
        self._socket = _bind(host)
        self._ticker = ticker
        self.address: Address = self._socket.getsockname()[:2]
        self.ear = Ear(keep=keep)
        self.keys = KeyReader()
        self.on_first_packet: Callable[[], None] | None = None
        self.on_digit: Callable[[str], None] | None = None
        self.protect: Guard | None = None
        self.unprotect: Guard | None = None
        self.sending = True
        self.echo = False
        self.deaf = False
        self.sent = 0
        self.unreadable = 0
        self._remote: Address | None = None
        self._codec: Codec = "ulaw"
        self._event_type: int | None = None
        self._sound = silence()
        self._frames = self._sound.frames("ulaw")
        self._frame = 0
        self._echoes: deque[bytes] = deque(maxlen=10)
        self._keys: deque[_Keys] = deque()
        self._sequence = secrets.randbelow(0x8000)
        self._timestamp = secrets.randbits(31)
        self._ssrc = secrets.randbits(32)
        asyncio.get_running_loop().add_reader(self._socket.fileno(), self._readable)

    def start(self, remote: Address, codec: Codec, event_type: int | None) -> None:
        """Send there from now on; may be called again when the other side moves."""
        first = self._remote is None
        self._remote, self._event_type = remote, event_type
        if codec != self._codec:
            self._codec = codec
            self._frames = self._sound.frames(codec)
        if first:
            self._ticker.add(self._tick)

    @property
    def takes_keys(self) -> bool:
        """The other side understands telephone-events."""
        return self._event_type is not None

    def play(self, sound: Sound) -> None:
        """Say this from the next frame on."""
        self._sound, self._frames, self._frame = sound, sound.frames(self._codec), 0

    def press(self, digit: str, milliseconds: int, pause: int) -> asyncio.Future[None]:
        """Queue a key press and the pause after it; the future is done when both are over."""
        done = asyncio.get_running_loop().create_future()
        quiet: list[tuple[bool, bytes] | None] = [None] * max(1, pause // 20)
        self._keys.append(_Keys(packets=[*key_press(digit, milliseconds), *quiet], done=done))
        return done

    def _tick(self) -> None:
        if self._remote is None or not self.sending:
            self._timestamp += FRAME
            return
        kind, marker, stamp = PAYLOAD_TYPE[self._codec], 0, self._timestamp
        payload = self._next_frame()
        if self._keys:
            keys = self._keys[0]
            packet = keys.packets.pop(0)
            if packet is not None and self._event_type is not None:
                if packet[0]:
                    keys.timestamp = self._timestamp
                kind, marker, stamp, payload = self._event_type, packet[0] << 7, keys.timestamp, packet[1]
            if not keys.packets:
                self._keys.popleft()
                if keys.done is not None and not keys.done.done():
                    keys.done.set_result(None)
        packed = _HEADER.pack(
            0x80, marker | kind, self._sequence & 0xFFFF, stamp & 0xFFFFFFFF, self._ssrc
        ) + payload  # fmt: skip
        self._sequence += 1
        self._timestamp += FRAME
        data = self.protect(packed) if self.protect else packed
        if data is None:
            return
        try:
            self._socket.sendto(data, self._remote)
            self.sent += 1
        except OSError:  # a full buffer or an unreachable port loses a packet, as on any network
            pass

    def _next_frame(self) -> bytes:
        if self.echo and self._echoes:
            return self._echoes.popleft()
        if self._frame >= len(self._frames):
            if not self._sound.loop:
                self.play(silence())
            self._frame = 0
        frame = self._frames[self._frame]
        self._frame += 1
        return frame

    def _readable(self) -> None:
        try:
            data = self._socket.recv(2048)
        except OSError:
            return
        if self.deaf:
            return
        opened = self.unprotect(data) if self.unprotect else data
        if opened is None or len(opened) < 12 or opened[0] >> 6 != 2:
            self.unreadable += 1
            return
        kind = opened[1] & 0x7F
        start = 12 + 4 * (opened[0] & 0x0F)
        if kind in _CODEC_OF:
            first = self.ear.first_packet_at is None
            self.ear.hear(time.monotonic(), _CODEC_OF[kind], opened[start:])
            if self.echo and _CODEC_OF[kind] == self._codec:
                self._echoes.append(opened[start:])
            if first and self.on_first_packet:
                self.on_first_packet()
        elif kind == self._event_type:
            digit = self.keys.read(int.from_bytes(opened[4:8], "big"), opened[start:])
            if digit and self.on_digit:
                self.on_digit(digit)

    def close(self) -> None:
        """Stop both ways; whoever waits for keys is released by cancellation."""
        self._ticker.remove(self._tick)
        for keys in chain(self._keys):
            if keys.done is not None:
                keys.done.cancel()
        self._keys.clear()
        if self._socket.fileno() >= 0:
            asyncio.get_running_loop().remove_reader(self._socket.fileno())
            self._socket.close()
