"""Agents' phones on the wire: what one is told, what it registers with, how it is now."""

from __future__ import annotations

from enum import StrEnum

from pydantic import Field, JsonValue

from m3voip.api.fields import Sent, Time, Wire, examples

SECRET = "q0mJ4n1oZ0bqXW3nR8v2kQ"  # noqa: S105  # an example
USERNAME = "e3f09a1b2c4"
_BARESIP = (
    f"<sip:{USERNAME}@sip.example.net:5061;transport=tls>;auth_user={USERNAME}{{}};regint=300;mediaenc=srtp-mand;"
    "audio_codecs=G722/16000/1,opus/48000/2,PCMA/8000/1,PCMU/8000/1;ptime=20"
)


class Transport(StrEnum):
    """How SIP gets to the server."""

    UDP = "udp"
    TCP = "tcp"
    TLS = "tls"
    WSS = "wss"


class Encryption(StrEnum):
    """How audio is encrypted. Nothing less is accepted, and nothing else."""

    NONE = "none"
    SDES = "sdes"
    DTLS = "dtls"


class PortRange(Wire):
    """First and last UDP port of audio at the server."""

    first: int
    last: int
    model_config = examples({"first": 10000, "last": 20000})


_SETTINGS: dict[str, JsonValue] = {
    "sipUsername": USERNAME, "realm": "asterisk", "server": "sip.example.net", "port": 5061, "transport": "tls",
    "srtp": "sdes", "codecs": ["g722", "opus", "alaw", "ulaw"],
    "outboundProxy": "sip:sip.example.net:5061;transport=tls;lr", "registerExpirySec": 300,
    "rtpPorts": {"first": 10000, "last": 20000}, "secretExpiresAt": None, "baresip": _BARESIP.format(""), "jssip": None,
}  # fmt: skip


class PhoneProvisioning(Wire):
    """What to enter in a phone; `baresip` and `jssip` are the same, ready for these two."""

    sip_username: str = Field(description="SIP user and authentication name")
    realm: str
    server: str
    port: int
    transport: Transport
    srtp: Encryption
    codecs: list[str] = Field(description="in the order to prefer them")
    outbound_proxy: str = Field(description="a browser's is the address of its WebSocket")
    register_expiry_sec: int = Field(description="register anew at least so often")
    rtp_ports: PortRange
    secret_expires_at: Time | None = Field(description="null: the secret lasts until it is rotated")
    baresip: str | None = Field(
        description="a line of baresip's accounts file, with auth_pass only where the secret has just been made; null for "
        "browsers"
    )
    jssip: dict[str, JsonValue] | None = Field(
        description="the configuration of `new JsSIP.UA(…)`, with addresses for WebSocketInterface under sockets and the "
        "password only where the secret has just been made; null for other phones"
    )
    model_config = examples(_SETTINGS)


class SipCredentials(Wire):
    """What a phone registers with."""

    sip_username: str
    sip_secret: str = Field(description="shown this once")
    expires_at: Time | None = Field(description="when the secret ends by itself; null: it lasts until it is rotated")
    provisioning: PhoneProvisioning = Field(description="with the secret in it")
    model_config = examples(
        {
            "sipUsername": USERNAME, "sipSecret": SECRET, "expiresAt": None,
            "provisioning": {**_SETTINGS, "baresip": _BARESIP.format(f";auth_pass={SECRET}")},
        }
    )  # fmt: skip


class BrowserCredentialsWanted(Sent):
    """How long the browser's secret is to last."""

    ttl_sec: int = Field(default=300, ge=30, le=3600, description="seconds")
    model_config = examples({"ttlSec": 300})


class RefusalWhy(StrEnum):
    """Why a phone's audio was refused."""

    NO_SRTP = "no_srtp"
    NO_DTLS = "no_dtls"
    SRTP_NOT_ALLOWED = "srtp_not_allowed"


class PhoneRefusal(Wire):
    """A call of the phone that was refused (488) because of how it offered audio."""

    at: Time
    why: RefusalWhy
    text: str = Field(description="what is wrong and what to do, for people")
    model_config = examples(
        {
            "at": "2026-11-23T09:40:00Z",
            "why": "no_srtp",
            "text": "The phone offered no SRTP; its kind desk_tls requires it.",
        }
    )


class PhoneLive(Wire):
    """The phone at this moment. What happened before the service started is not counted."""

    registered: bool
    reachable: bool = Field(description="whether it answered when it was last asked; every half minute it is")
    user_agent: str = Field(description="what the phone says it is")
    address: str = Field(
        description="where its SIP comes from; masked for whoever may neither manage agents nor telephony"
    )
    transport: str = Field(description="udp, tcp, tls, ws or wss; empty while not registered")
    last_seen_at: Time | None = Field(description="now while it answers, else when it stopped; null: never yet")
    round_trip_ms: float | None = Field(description="of the last question that it answered")
    refused_logins: int = Field(description="attempts to register or call with a wrong secret")
    refused_login_at: Time | None = Field(description="the last one")
    refusal: PhoneRefusal | None = Field(description="the last one")
    model_config = examples(
        {
            "registered": True, "reachable": True, "userAgent": "Yealink SIP-T54W 96.86.0.100", "address": "192.0.2.17",
            "transport": "tls", "lastSeenAt": "2026-11-23T09:41:00Z", "roundTripMs": 3.2, "refusedLogins": 0,
            "refusedLoginAt": None, "refusal": None,
        }
    )  # fmt: skip
