"""The phones on people's desks: the kinds there are, what each must be told to register, and what may be shown of it.

Law: a kind is one row here and one template in asterisk/etc/pjsip.conf, and the two say the same (a test compares them).
Phone numbers are another matter (``phone``).
"""

from __future__ import annotations

from collections.abc import Mapping
from datetime import datetime
from typing import Literal

from msgspec import Struct

REALM = "asterisk"
"""Of SIP digest authentication; pjsip.conf says the same (_phone_auth)."""

Transport = Literal["udp", "tcp", "tls", "wss"]
Encryption = Literal["none", "sdes", "dtls"]


class PhoneKind(Struct, frozen=True, kw_only=True):
    """How phones of one kind speak. ``codecs`` in order of preference, by Asterisk's names; ``expiry_s``: the longest a
    registration lasts; ``lasting``: whether its secret lasts until it is rotated."""

    transport: Transport
    encryption: Encryption
    codecs: tuple[str, ...]
    expiry_s: int
    lasting: bool = True


KINDS: Mapping[str, PhoneKind] = {
    "desk_tls": PhoneKind(transport="tls", encryption="sdes", codecs=("g722", "opus", "alaw", "ulaw"), expiry_s=3600),
    "desk_udp": PhoneKind(transport="udp", encryption="none", codecs=("g722", "alaw", "ulaw", "opus"), expiry_s=3600),
    "softphone": PhoneKind(transport="tcp", encryption="none", codecs=("opus", "g722", "alaw", "ulaw"), expiry_s=3600),
    "browser": PhoneKind(
        transport="wss", encryption="dtls", codecs=("opus", "g722", "alaw", "ulaw"), expiry_s=120, lasting=False
    ),
}
"""By the agent's ``phone_kind``."""

_BARESIP_CODECS = {"opus": "opus/48000/2", "g722": "G722/16000/1", "alaw": "PCMA/8000/1", "ulaw": "PCMU/8000/1"}
"""Without rate and channels baresip offers all it has."""
_BARESIP_ENCRYPTION: Mapping[Encryption, str] = {"none": "", "sdes": "srtp-mand", "dtls": "dtls_srtp"}


class SipServer(Struct, frozen=True, kw_only=True):
    """Where phones find us."""

    host: str
    ports: Mapping[Transport, int]


class PhoneSettings(Struct, frozen=True, kw_only=True):
    """Everything a phone is told; ``baresip`` and ``jssip`` say the same in the words of two of them. A browser speaks no
    SIP of its own, so it has no line for baresip; the others need no JsSIP."""

    port: int
    transport: Transport
    encryption: Encryption
    codecs: tuple[str, ...]
    outbound_proxy: str
    expiry_s: int
    baresip: str | None
    jssip: Mapping[str, object] | None


def phone_settings(kind: PhoneKind, username: str, server: SipServer, secret: str = "") -> PhoneSettings:
    """For one phone. ``secret`` only when it has just been made; without it the texts have no place for one."""
    port = server.ports[kind.transport]
    browser = kind.transport == "wss"
    expiry = min(kind.expiry_s, 300)
    return PhoneSettings(
        port=port,
        transport=kind.transport,
        encryption=kind.encryption,
        codecs=kind.codecs,
        outbound_proxy=_wss(server.host, port)
        if browser
        else f"sip:{server.host}:{port};transport={kind.transport};lr",
        expiry_s=expiry,
        baresip=None if browser else _baresip(kind, username, f"{server.host}:{port}", expiry, secret),
        jssip=_jssip(username, server.host, port, expiry, secret) if browser else None,
    )


def _wss(host: str, port: int) -> str:
    return f"wss://{host}:{port}/ws"


def _baresip(kind: PhoneKind, username: str, place: str, expiry: int, secret: str) -> str:
    """A line of its ``accounts`` file."""
    encryption = _BARESIP_ENCRYPTION[kind.encryption]
    parts = [
        f"<sip:{username}@{place};transport={kind.transport}>",
        f"auth_user={username}",
        *([f"auth_pass={secret}"] if secret else []),
        f"regint={expiry}",
        *([f"mediaenc={encryption}"] if encryption else []),
        "audio_codecs=" + ",".join(_BARESIP_CODECS[codec] for codec in kind.codecs),
        "ptime=20",
    ]
    return ";".join(parts)


def _jssip(username: str, host: str, port: int, expiry: int, secret: str) -> dict[str, object]:
    """What ``new JsSIP.UA(…)`` takes, with the addresses for its ``WebSocketInterface`` under ``sockets``."""
    return {
        "sockets": [_wss(host, port)],
        "uri": f"sip:{username}@{host}",
        "authorization_user": username,
        "realm": REALM,
        **({"password": secret} if secret else {}),
        "register": True,
        "register_expires": expiry,
        "session_timers": True,
    }


def masked_address(address: str) -> str:
    """Of whom is not to know where people sit: the first group of an IPv4 or IPv6 address, ``192.•`` or ``2001:•``."""
    mark = ":" if ":" in address else "."
    return f"{address.partition(mark)[0]}{mark}•" if address else ""


# What is heard of phones


class PhoneEvent(Struct, frozen=True, kw_only=True):
    """Something that changes what is known of a phone right now."""


class PhonesCleared(PhoneEvent, frozen=True, kw_only=True):
    """A fresh reading of every registration follows."""


class ContactSeen(PhoneEvent, frozen=True, kw_only=True):
    """A registration is there. ``uri`` names it; ``reachable``: whether it answered when it was last asked (None: it has
    not been asked yet); what is not told now is empty and stays what it was."""

    endpoint: str
    uri: str
    at: datetime
    reachable: bool | None = None
    round_trip_ms: float | None = None
    user_agent: str = ""


class ContactGone(PhoneEvent, frozen=True, kw_only=True):
    """A registration ended: taken back, run out, or its connection broke."""

    endpoint: str
    uri: str
    at: datetime


class LoginRefused(PhoneEvent, frozen=True, kw_only=True):
    """Somebody did not know the secret; ``endpoint`` is no phone's when the name belongs to nobody. ``address``: where the
    request came from; ``attempt``: a digest that the requests of one try share."""

    endpoint: str
    at: datetime
    address: str = ""
    attempt: str = ""


class NameUnknown(PhoneEvent, frozen=True, kw_only=True):
    """A request in a name that nobody has; the name itself is not told, only a digest of it and the try."""

    address: str
    attempt: str
    at: datetime


class AudioRefused(PhoneEvent, frozen=True, kw_only=True):
    """A phone's offer of audio was refused (488), because it was not encrypted as its kind requires."""

    endpoint: str
    at: datetime


class Refusal(Struct, frozen=True, kw_only=True):
    """Why a phone could not do what it wanted, for the operator: a word for programs and a sentence for people."""

    at: datetime
    why: Literal["no_srtp", "no_dtls", "srtp_not_allowed"]
    text: str


def audio_refusal(kind: str, at: datetime) -> Refusal:
    """What a refused offer of audio means for a phone of this kind."""
    match KINDS[kind].encryption:
        case "sdes":
            return Refusal(
                at=at,
                why="no_srtp",
                text="The phone offered no SRTP (SDES, AES_CM_128); its kind desk_tls requires it. Switch SRTP on in the "
                "phone, or make the agent's phone desk_udp if its network can be trusted.",
            )
        case "dtls":
            return Refusal(
                at=at,
                why="no_dtls",
                text="The phone offered no DTLS-SRTP with ICE; its kind browser requires it. It is no browser: make the "
                "agent's phone softphone, desk_udp or desk_tls.",
            )
        case _:
            return Refusal(
                at=at,
                why="srtp_not_allowed",
                text=f"The phone offered SRTP; its kind {kind} speaks plain RTP. Make the agent's phone desk_tls, or "
                "switch SRTP off in the phone.",
            )
