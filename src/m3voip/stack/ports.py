"""The ports of one instance: chosen once by trying them, remembered in ports.json, chosen again when taken meanwhile.

Law: a port counts as free only if we could bind it a moment ago, by UDP and by TCP, and no other instance of this
machine remembers it as its own.
"""

from __future__ import annotations

import dataclasses
import fcntl
import json
import random
import socket
from collections.abc import Collection, Iterable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

from m3voip.stack import files
from m3voip.stack.errors import StackError

RTP_COUNT = 500
"""Ports of the RTP range: 250 audio streams, since each takes an even port and the next for RTCP. More than a small machine
carries, and few enough that many instances find a free block beside each other."""

_PREFERRED = {
    "sip_udp": 5060, "sip_tcp": 5060, "sip_tls": 5061, "http": 8088, "wss": 8089, "ami": 5038, "agi": 4573,
    "api": 8000, "postgres": 5433,
}  # fmt: skip
_OTHERWISE = range(5100, 9900)
_RTP_STARTS = range(10000, 32000, RTP_COUNT)
"""All below the ports that the kernel hands out to outgoing connections (32768 and up), so that none of those sits on
ours while the stack is down."""


HOLDERS = {
    "postgres": ("postgres",),
    "asterisk": ("sip_udp", "sip_tcp", "sip_tls", "http", "wss", "ami", "rtp_start"),
    "agi": ("agi",),
    "service": ("api",),
}
"""Which part of the stack binds which ports."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Ports:
    """`http` carries ARI, `wss` the browsers' SIP. `rtp_start`..`rtp_end` is inclusive."""

    sip_udp: int
    sip_tcp: int
    sip_tls: int
    http: int
    wss: int
    ami: int
    agi: int
    api: int
    postgres: int
    rtp_start: int
    rtp_end: int


def assign(path: Path, address: str, *, held: Collection[str] = ()) -> Ports:
    """Read the remembered ports and replace those that are taken.

    `path` is the instance's ports.json, its neighbours' are respected; `address` is where SIP binds; `held` names the
    ports that a part of this instance, still running, holds itself. One process at a time per home folder. Raises
    StackError when nothing is free.
    """
    with _locked(path.parent.parent / ".ports.lock"):
        last = remembered(path)
        known: dict[str, int] = dataclasses.asdict(last) if last else {}
        others = _remembered_by_others(path)
        chosen: dict[str, int] = {}
        for name, preferred in _PREFERRED.items():
            if name in known and name in held:
                chosen[name] = known[name]
                continue
            wanted, used = preferred, others | set(chosen.values())
            if name == "sip_tcp":  # the same number as UDP, as everybody expects
                wanted = chosen["sip_udp"]
                used.discard(wanted)
            chosen[name] = _first(_candidates(known.get(name), wanted), used, address)
        if "rtp_start" in known and "rtp_start" in held:
            chosen["rtp_start"] = known["rtp_start"]
        else:
            chosen["rtp_start"] = _rtp_start(known.get("rtp_start"), others, address)
        chosen["rtp_end"] = chosen["rtp_start"] + RTP_COUNT - 1
        files.write_json(path, chosen)
        return Ports(**chosen)


def remembered(path: Path) -> Ports | None:
    """The ports of the last start, or None if there was none or if it knew other ports than we do."""
    known: dict[str, int] = files.read_json(path) or {}
    names = {field.name for field in dataclasses.fields(Ports)}
    return Ports(**known) if set(known) == names else None


def is_free(port: int, address: str) -> bool:
    """Whether UDP and TCP can both be bound there and on loopback now."""
    return all(
        _can_bind(kind, port, where)
        for where in {address, "127.0.0.1"}
        for kind in (socket.SOCK_DGRAM, socket.SOCK_STREAM)
    )


def _candidates(known: int | None, preferred: int) -> Iterator[int]:
    if known:
        yield known
    yield preferred
    yield from random.sample(_OTHERWISE, 200)


def _first(candidates: Iterable[int], used: set[int], address: str) -> int:
    for port in candidates:
        if port not in used and is_free(port, address):
            return port
    raise StackError("no free port found in 200 tries; what listens on this machine? (ss -lntu)")


def _rtp_start(known: int | None, others: set[int], address: str) -> int:
    starts: list[int] = [*([known] if known else []), *_RTP_STARTS]
    for start in starts:
        block = range(start, start + RTP_COUNT)
        if others.isdisjoint(block) and all(_can_bind(socket.SOCK_DGRAM, port, address) for port in block):
            return start
    raise StackError(f"no {RTP_COUNT} neighbouring UDP ports are free for RTP; what uses them? (ss -lnu)")


def _remembered_by_others(path: Path) -> set[int]:
    used: set[int] = set()
    for file in path.parent.parent.glob("*/ports.json"):
        if file != path:
            try:
                theirs: dict[str, int] = files.read_json(file) or {}
            except json.JSONDecodeError:
                continue
            used.update(theirs.values())
    return used


def _can_bind(kind: int, port: int, address: str) -> bool:
    family = socket.AF_INET6 if ":" in address else socket.AF_INET
    with socket.socket(family, kind) as probe:
        if kind == socket.SOCK_STREAM:
            # Without it the closed connections of the last run (TIME_WAIT) would look like a listener.
            probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            probe.bind((address, port))
        except OSError:
            return False
    return True


@contextmanager
def _locked(path: Path) -> Iterator[None]:
    with path.open("w") as file:
        fcntl.flock(file, fcntl.LOCK_EX)
        yield
