"""Session descriptions: one audio stream, G.711 and telephone-event, plain or SDES-SRTP (RFC 4566, 3264, 4568)."""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import Literal

from m3voip.phones.media.g711 import ENCODING, PAYLOAD_TYPE, Codec
from m3voip.phones.sip.message import Address

Direction = Literal["sendrecv", "sendonly", "recvonly", "inactive"]
_MIRROR: dict[Direction, Direction] = {
    "sendrecv": "sendrecv", "sendonly": "recvonly", "recvonly": "sendonly", "inactive": "inactive",
}  # fmt: skip
SUITE = "AES_CM_128_HMAC_SHA1_80"


@dataclass(frozen=True, slots=True, kw_only=True)
class Session:
    """One side's description of the audio."""

    address: Address
    codecs: tuple[Codec, ...]
    """In order of preference; those this phone does not speak are left out."""
    event_type: int | None = 101
    """RTP payload type of telephone-event."""
    direction: Direction = "sendrecv"
    srtp_key: str = ""
    """Base64 of key and salt where the stream is SRTP, tag 1."""
    crypto_tag: str = "1"


def offer_or_answer(session: Session, version: int) -> bytes:
    """Write it down."""
    host, port = session.address
    types = [str(PAYLOAD_TYPE[c]) for c in session.codecs]
    maps = [f"a=rtpmap:{PAYLOAD_TYPE[c]} {ENCODING[c]}/8000" for c in session.codecs]
    if session.event_type is not None:
        types.append(str(session.event_type))
        maps += [f"a=rtpmap:{session.event_type} telephone-event/8000", f"a=fmtp:{session.event_type} 0-16"]
    secure = [f"a=crypto:{session.crypto_tag} {SUITE} inline:{session.srtp_key}"] if session.srtp_key else []
    lines = [
        "v=0", f"o=- {port} {version} IN IP4 {host}", "s=m3voip phone", f"c=IN IP4 {host}", "t=0 0",
        f"m=audio {port} RTP/{'SAVP' if session.srtp_key else 'AVP'} {' '.join(types)}",
        *maps, *secure, "a=ptime:20", f"a={session.direction}",
    ]  # fmt: skip
    return ("\r\n".join(lines) + "\r\n").encode()


def read(body: bytes) -> Session | None:
    """The other side's first audio stream; None where there is no description or the stream is refused (port 0)."""
    host, port, offered, direction, key, tag = "", 0, [""], "sendrecv", "", "1"
    names: dict[str, str] = {str(PAYLOAD_TYPE[c]): ENCODING[c] for c in PAYLOAD_TYPE}
    media = ""
    for line in body.decode("utf-8", "replace").splitlines():
        kind, _, value = line.partition("=")
        if kind == "m":
            if media:  # a second stream is none of ours
                break
            media, port_text, _, *offered = value.split()
            port = int(port_text)
        elif kind == "c":
            host = value.split()[-1]
        elif kind == "a" and value in _MIRROR:
            direction = value
        elif kind == "a" and value.startswith("rtpmap:"):
            number, _, encoding = value[7:].partition(" ")
            names[number] = encoding.partition("/")[0].upper()
        elif kind == "a" and value.startswith("crypto:") and SUITE in value and not key:
            tag, key = value[7:].split()[0], value.partition("inline:")[2].split("|")[0].split()[0]
    if media != "audio" or port == 0:
        return None
    by_name: dict[str, Codec] = {ENCODING[c]: c for c in PAYLOAD_TYPE}
    return Session(
        address=(host, port),
        codecs=tuple(by_name[names[t]] for t in offered if names.get(t) in by_name),
        event_type=next((int(t) for t in offered if names.get(t) == "TELEPHONE-EVENT"), None),
        direction=direction if direction in _MIRROR else "sendrecv",
        srtp_key=key,
        crypto_tag=tag,
    )


def answer(mine: Session, offer: Session) -> Session | None:
    """Our answer to an offer: the first of its codecs that we have; None where there is none in common."""
    common = tuple(c for c in offer.codecs if c in mine.codecs)[:1]
    if not common or bool(mine.srtp_key) != bool(offer.srtp_key):
        return None
    return replace(mine, codecs=common, event_type=offer.event_type, direction=_MIRROR[offer.direction],
                   crypto_tag=offer.crypto_tag)  # fmt: skip
