"""When the answer and the first audio reached the caller, from the packets on loopback.

Law: nothing is read while calls run. The kernel stamps each packet and keeps it in one large socket buffer; afterwards
the packets are read and analysed. Needs CAP_NET_RAW; without it there are no figures rather than wrong ones.
"""

from __future__ import annotations

import re
import socket
import struct
from collections.abc import Iterable, Iterator
from dataclasses import dataclass

_ETH_P_IP = 0x0800
_SO_TIMESTAMPNS = 35
_BUFFER = 256 * 2**20
_CALL_ID = re.compile(rb"\r\nCall-ID: *(\S+)", re.IGNORECASE)
_MEDIA = re.compile(rb"\r\nm=audio (\d+)")
_INVITE = re.compile(rb"\r\nCSeq: *\d+ INVITE", re.IGNORECASE)


@dataclass(frozen=True, slots=True, kw_only=True)
class Packet:
    """A UDP packet as its receiver gets it; `at` in seconds."""

    at: float
    source: int
    target: int
    payload: bytes


@dataclass(frozen=True, slots=True, kw_only=True)
class Latencies:
    """Milliseconds from the INVITE to its 200 and to the first RTP packet; one value a call."""

    answer: tuple[float, ...]
    audio: tuple[float, ...]
    lost: int
    """Packets that did not fit the buffer; figures with losses are not used."""


class Capture:
    """Open from its making until `finish`."""

    def __init__(self, *, sip_port: int) -> None:
        self._sip_port = sip_port
        self._socket: socket.socket | None = None
        try:
            self._socket = socket.socket(socket.AF_PACKET, socket.SOCK_DGRAM, socket.htons(_ETH_P_IP))
        except PermissionError:
            return
        self._socket.setsockopt(socket.SOL_SOCKET, 33, _BUFFER)  # SO_RCVBUFFORCE
        self._socket.setsockopt(socket.SOL_SOCKET, _SO_TIMESTAMPNS, 1)
        self._socket.bind(("lo", _ETH_P_IP))

    def finish(self) -> Latencies | None:
        """Read and analyse; None without the right to capture."""
        if self._socket is None:
            return None
        with self._socket:
            packets = list(_read(self._socket))
            statistics = self._socket.getsockopt(263, 6, 8)  # SOL_PACKET, PACKET_STATISTICS
        return analyse(packets, sip_port=self._sip_port, lost=struct.unpack("II", statistics)[1])


def analyse(packets: Iterable[Packet], *, sip_port: int, lost: int = 0) -> Latencies:
    """Pure: match INVITEs with their 200s by Call-ID, and 200s with the first RTP from the port they announce."""
    invited: dict[bytes, float] = {}
    answered: dict[bytes, float] = {}
    heard: dict[bytes, float] = {}
    waiting: dict[int, bytes] = {}
    for packet in packets:
        if packet.target == sip_port and packet.payload.startswith(b"INVITE "):
            if found := _CALL_ID.search(packet.payload):
                invited.setdefault(found.group(1), packet.at)
        elif packet.source == sip_port and packet.payload.startswith(b"SIP/2.0 200"):
            found, media = _CALL_ID.search(packet.payload), _MEDIA.search(packet.payload)
            if found and media and _INVITE.search(packet.payload) and found.group(1) not in answered:
                answered[found.group(1)] = packet.at
                waiting[int(media.group(1))] = found.group(1)
        elif packet.source in waiting and len(packet.payload) >= 12 and packet.payload[0] >> 6 == 2:
            heard[waiting.pop(packet.source)] = packet.at

    def since_invite(times: dict[bytes, float]) -> tuple[float, ...]:
        return tuple((at - invited[call]) * 1000 for call, at in times.items() if call in invited)

    return Latencies(answer=since_invite(answered), audio=since_invite(heard), lost=lost)


def _read(source: socket.socket) -> Iterator[Packet]:
    source.setblocking(False)
    while True:
        try:
            data, ancillary, _, address = source.recvmsg(4096, 64)
        except BlockingIOError:
            return
        # Only a tap of all protocols sees a packet leave too, so each comes once, as its receiver gets it.
        if address[2] != socket.PACKET_HOST or len(data) < 28 or data[9] != socket.IPPROTO_UDP:
            continue
        head = (data[0] & 15) * 4
        seconds, nanoseconds = struct.unpack("qq", ancillary[0][2])
        ports = struct.unpack_from(">HH", data, head)
        yield Packet(at=seconds + nanoseconds / 1e9, source=ports[0], target=ports[1], payload=data[head + 8 :])
