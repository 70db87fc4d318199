"""Trunks on the wire."""

from __future__ import annotations

import ipaddress
from decimal import Decimal
from typing import Annotated, Literal, Self
from uuid import UUID

from pydantic import AfterValidator, Field, JsonValue, StringConstraints, model_validator

from m3voip.api.fields import (
    Host,
    Name,
    Number,
    Port,
    Sent,
    SipPassword,
    Time,
    Username,
    Wire,
    examples,
    page_of,
    unset,
)
from m3voip.api.schemas.page import Page


def _network(text: str) -> str:
    try:
        network = ipaddress.ip_network(text)
    except ValueError:
        raise ValueError("must be an IP address or network, for example 203.0.113.7 or 203.0.113.0/28.") from None
    if network.prefixlen < 8:
        raise ValueError("is a network so wide that it would trust the world; name the carrier's own addresses.")
    return str(network)


Network = Annotated[str, Field(max_length=50), AfterValidator(_network)]
Addresses = Annotated[list[Network], Field(max_length=64, description="calls from these are the carrier's calls")]
Kind = Annotated[
    Literal["ip", "registration"], Field(description="ip: told by its addresses; registration: we register there")
]
Transport = Literal["udp", "tcp", "tls"]
Secret = Annotated[SipPassword, Field(description="the carrier's password; it can be set and never be read")]
Priority = Annotated[int, Field(ge=0, le=1000, description="lower is tried earlier; equals by their rate decks")]
PerSecond = Annotated[int, Field(ge=0, le=10000, description="new calls out in a second; 0 = any number")]
Channels = Annotated[int, Field(ge=0, le=100000, description="calls at once; 0 = any number")]


class NewTrunk(Sent):
    """A path to a carrier."""

    name: Name
    kind: Kind
    host: Host = Field(default="", description="where calls to the carrier go")
    port: Port = 5060
    transport: Transport = "udp"
    addresses: Addresses = Field(default_factory=list)
    username: Username = ""
    secret: Secret = ""
    contact_user: Username = Field(default="", description="the number the carrier calls after we registered")
    caller_id: Number | None = Field(default=None, description="number shown to those who are called")
    max_channels: Channels = 0
    priority: Priority = 100
    max_calls_per_sec: PerSecond = 0
    active: bool = True
    model_config = examples(
        {"name": "carrier-a", "kind": "ip", "host": "sip.carrier.example", "addresses": ["203.0.113.0/28"]}
    )

    @model_validator(mode="after")
    def _can_tell_calls(self) -> Self:
        if self.kind == "ip" and not self.addresses:
            raise ValueError("addresses: a trunk of kind ip needs at least one address.")
        if self.kind == "registration" and not (self.host and self.username and self.secret):
            raise ValueError("host, username and secret: a trunk of kind registration needs all three.")
        return self


class TrunkChange(Sent):
    """What to change; what is left out stays. The kind cannot be changed."""

    name: Name = unset()
    host: Host = unset()
    port: Port = unset()
    transport: Transport = unset()
    addresses: Addresses = unset()
    username: Username = unset()
    secret: Secret = unset()
    contact_user: Username = unset()
    caller_id: Number | None = None
    max_channels: Channels = unset()
    priority: Priority = unset()
    max_calls_per_sec: PerSecond = unset()
    active: bool = unset()
    model_config = examples({"maxChannels": 30})


_TRUNK: dict[str, JsonValue] = {
    "id": "019ab0c4-5555-7a31-9f00-3b1c2d4e5f60", "name": "carrier-a", "kind": "ip", "host": "sip.carrier.example",
    "port": 5060, "transport": "udp", "addresses": ["203.0.113.0/28"], "username": "", "contactUser": "",
    "callerId": "+15550100100", "maxChannels": 30, "priority": 100, "maxCallsPerSec": 5, "currency": "USD", "active": True,
    "createdAt": "2026-11-23T09:00:00Z", "updatedAt": "2026-11-23T09:00:00Z",
}  # fmt: skip


class Trunk(Wire):
    """A path to a carrier."""

    id: UUID
    name: str
    kind: Literal["ip", "registration"]
    host: str
    port: int
    transport: Transport
    addresses: list[str]
    username: str
    contact_user: str
    caller_id: str | None
    max_channels: int
    priority: int
    max_calls_per_sec: int
    currency: str = Field(description="of its rate deck; empty = there is none")
    active: bool
    created_at: Time
    updated_at: Time
    model_config = examples(_TRUNK)


class TrunkPage(Page[Trunk]):
    """Trunks in the order they were made."""

    model_config = page_of(_TRUNK)


Prefix = Annotated[str, StringConstraints(pattern=r"^[0-9]{1,15}$"), Field(description="first digits of a number")]
Price = Annotated[
    Decimal, Field(ge=0, max_digits=12, decimal_places=4, description="a minute, in minor units of the currency")
]


class Rate(Sent):
    """What a minute costs to numbers that begin so."""

    prefix: Prefix
    per_minute: Price


class RateDeck(Sent):
    """What a carrier takes. The longest prefix counts."""

    currency: Annotated[str, StringConstraints(pattern=r"^[A-Z]{3}$"), Field(description="ISO 4217")]
    rates: Annotated[list[Rate], Field(max_length=10000)]
    model_config = examples({"currency": "USD", "rates": [{"prefix": "1", "perMinute": "0.9"}]})

    @model_validator(mode="after")
    def _once_each(self) -> Self:
        if len({rate.prefix for rate in self.rates}) < len(self.rates):
            raise ValueError("rates: a prefix may be there once only.")
        return self
