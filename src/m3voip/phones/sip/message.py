"""A SIP message as a value: parse it, read it, write it (RFC 3261 §7). No I/O, no state."""

from __future__ import annotations

import re
from collections.abc import Iterable
from dataclasses import dataclass, field

Address = tuple[str, int]
"""Host and port of one end of a SIP or RTP path."""

_COMPACT = {
    "v": "Via", "f": "From", "t": "To", "i": "Call-ID", "m": "Contact", "l": "Content-Length", "c": "Content-Type",
    "k": "Supported", "e": "Content-Encoding", "s": "Subject", "r": "Refer-To",
}  # fmt: skip


class MessageError(ValueError):
    """Bytes that are not a SIP message."""


@dataclass(slots=True, kw_only=True)
class Message:
    """A request (``method`` set) or a response (``status`` set)."""

    method: str = ""
    uri: str = ""
    status: int = 0
    reason: str = ""
    headers: list[tuple[str, str]] = field(default_factory=list)
    body: bytes = b""

    @property
    def is_request(self) -> bool:
        """True for a request, false for a response."""
        return self.status == 0

    def get(self, name: str, default: str = "") -> str:
        """The first header of that name."""
        wanted = name.lower()
        return next((v for n, v in self.headers if n.lower() == wanted), default)

    def get_all(self, name: str) -> list[str]:
        """Every header of that name, in order."""
        wanted = name.lower()
        return [v for n, v in self.headers if n.lower() == wanted]

    def put(self, name: str, value: str) -> None:
        """Replace the header in its place, or add it."""
        wanted = name.lower()
        for at, (n, _) in enumerate(self.headers):
            if n.lower() == wanted:
                self.headers[at] = (name, value)
                return
        self.headers.append((name, value))

    @property
    def cseq(self) -> tuple[int, str]:
        """Sequence number and method of CSeq."""
        number, _, method = self.get("CSeq").partition(" ")
        return int(number or 0), method.strip()

    @property
    def branch(self) -> str:
        """The top Via's branch: the transaction this belongs to."""
        return param(self.get("Via"), "branch")

    def encode(self) -> bytes:
        """The message as bytes, Content-Length made right."""
        start = f"{self.method} {self.uri} SIP/2.0" if self.is_request else f"SIP/2.0 {self.status} {self.reason}"
        lines = [start, *(f"{n}: {v}" for n, v in self.headers if n != "Content-Length")]
        return ("\r\n".join(lines) + f"\r\nContent-Length: {len(self.body)}\r\n\r\n").encode() + self.body


def parse(data: bytes) -> Message:
    """Read one whole message. Raises MessageError."""
    head, _, body = data.partition(b"\r\n\r\n")
    lines = re.sub(r"\r\n[ \t]+", " ", head.decode("utf-8", "replace")).split("\r\n")
    headers: list[tuple[str, str]] = []
    for line in lines[1:]:
        name, colon, value = line.partition(":")
        if not colon:
            raise MessageError(f"header without a colon: {line!r}")
        name = name.strip()
        headers.append((_COMPACT.get(name.lower(), name), value.strip()))
    first = lines[0].split(" ", 2)
    if len(first) == 3 and first[0] == "SIP/2.0" and first[1].isdigit():
        return Message(status=int(first[1]), reason=first[2], headers=headers, body=body)
    if len(first) == 3 and first[2] == "SIP/2.0":
        return Message(method=first[0], uri=first[1], headers=headers, body=body)
    raise MessageError(f"neither request nor response: {lines[0]!r}")


def split_stream(buffer: bytearray) -> Iterable[bytes]:
    """Take every whole message off the front of a TCP/TLS buffer (RFC 3261 §18.3), dropping keep-alive CRLFs."""
    while True:
        while buffer[:2] == b"\r\n":
            del buffer[:2]
        end = buffer.find(b"\r\n\r\n")
        if end < 0:
            return
        length = re.search(rb"\r\n(?:content-length|l)[ \t]*:[ \t]*(\d+)", bytes(buffer[:end]), re.IGNORECASE)
        size = end + 4 + (int(length[1]) if length else 0)
        if len(buffer) < size:
            return
        whole = bytes(buffer[:size])
        del buffer[:size]
        yield whole


def response_to(request: Message, status: int, reason: str, to_tag: str = "") -> Message:
    """The frame of a response: the headers that must be copied (RFC 3261 §8.2.6.2)."""
    copied = [(n, v) for n, v in request.headers if n in ("Via", "From", "Call-ID", "CSeq", "Record-Route")]
    to = request.get("To")
    if to_tag and status > 100 and not param(to, "tag"):
        to += f";tag={to_tag}"
    return Message(status=status, reason=reason, headers=[*copied, ("To", to)])


def param(value: str, name: str) -> str:
    """A parameter of a header value (outside the angle brackets), '' where it is missing."""
    found = re.search(rf";\s*{re.escape(name)}\s*=\s*\"?([^;,\"\s]+)", value.rpartition(">")[2] or value, re.IGNORECASE)
    return found[1] if found else ""


def uri_of(value: str) -> str:
    """The URI of a name-addr or addr-spec header value."""
    found = re.search(r"<([^>]*)>", value)
    return found[1] if found else value.partition(";")[0].strip()


def user_of(value: str) -> str:
    """The user part of the URI in a header value."""
    found = re.match(r"sips?:([^@;>]+)@", uri_of(value), re.IGNORECASE)
    return found[1] if found else ""


def address_of(uri: str) -> Address:
    """Where a numeric SIP URI points to; test phones resolve no names."""
    found = re.match(r"sips?:(?:[^@]*@)?\[?([0-9a-fA-F:.]+?|[\w.-]+?)\]?(?::(\d+))?(?:[;?].*)?$", uri, re.IGNORECASE)
    if not found:
        raise MessageError(f"no address in URI {uri!r}")
    return found[1], int(found[2] or (5061 if "transport=tls" in uri.lower() else 5060))
