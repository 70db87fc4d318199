"""Agents on the wire."""

from __future__ import annotations

from enum import StrEnum
from uuid import UUID

from pydantic import Field, JsonValue

from m3voip.api.fields import Extension, Person, Sent, Time, Wire, examples, page_of, unset
from m3voip.api.schemas.page import Page
from m3voip.api.schemas.phone import PhoneLive

ID = "019ab0c4-1111-7a31-9f00-3b1c2d4e5f60"


class PhoneKind(StrEnum):
    """What stands on the desk; it decides transport, encryption and codecs."""

    DESK_TLS = "desk_tls"
    DESK_UDP = "desk_udp"
    SOFTPHONE = "softphone"
    BROWSER = "browser"


class AgentState(StrEnum):
    """The six states of an agent."""

    AVAILABLE = "available"
    RESERVED = "reserved"
    ON_CALL = "on_call"
    WRAP_UP = "wrap_up"
    PAUSED = "paused"
    LOGGED_OUT = "logged_out"


class SignsIn(StrEnum):
    """How an agent begins to work."""

    BY_PHONE = "by_phone"
    EXPLICITLY = "explicitly"


class Works(StrEnum):
    """How calls reach an agent."""

    RING = "ring"
    SESSION = "session"


_WORKS = (
    "ring: a queue rings the phone for each call; session: the line is kept up and calls are joined to it at once. A change "
    "takes effect within a second, at the next call"
)
_SIGNS_IN = "by_phone: whoever's phone is registered is at work; explicitly: by the API or by a code from the phone"


class NewAgent(Sent):
    """A person who is to answer calls."""

    extension: Extension
    display_name: Person = Field(min_length=1)
    phone_kind: PhoneKind = PhoneKind.DESK_TLS
    mailbox_id: UUID | None = Field(default=None, description="mailbox whose messages light the phone's lamp")
    works: Works = Field(default=Works.RING, description=_WORKS)
    signs_in: SignsIn = Field(default=SignsIn.BY_PHONE, description=_SIGNS_IN)
    active: bool = Field(default=True, description="false: the phone cannot register, queues do not ring it")
    model_config = examples({"extension": "101", "displayName": "Layla Haddad", "phoneKind": "desk_tls"})


class AgentChange(Sent):
    """What to change; what is left out stays."""

    extension: Extension = unset()
    display_name: Person = unset()
    phone_kind: PhoneKind = unset()
    mailbox_id: UUID | None = Field(default=None)
    works: Works = unset()
    signs_in: SignsIn = unset()
    active: bool = unset()
    model_config = examples({"displayName": "Layla H."})


class AgentLive(Wire):
    """What the agent does at this moment."""

    state: AgentState
    since: Time | None = Field(description="null: since before the service looked")
    registered: bool = Field(
        description="whether calls could reach the agent: by the line of a session, else by the phone"
    )
    session: bool | None = Field(description="whether the line is kept up; null: this agent's phone rings")
    call_id: UUID | None = Field(description="the call that rings, is talked in or is wrapped up")
    reason: str = Field(description="why paused, or about to be")
    pending: AgentState | None = Field(description="paused or logged_out, where that was asked for during a call")
    until: Time | None = Field(description="when a wrap-up ends by itself")
    limit_at: Time | None = Field(description="when a pause has lasted as long as its reason allows")
    over_limit: bool = Field(description="it has lasted longer")


_AGENT: dict[str, JsonValue] = {
    "id": ID, "extension": "101", "displayName": "Layla Haddad", "phoneKind": "desk_tls", "sipUsername": "e3f09a1b2c4",
    "mailboxId": None, "works": "ring", "signsIn": "by_phone", "active": True,
    "secretExpiresAt": None,
    "createdAt": "2026-11-23T09:00:00Z", "updatedAt": "2026-11-23T09:00:00Z",
    "live": {
        "state": "available", "since": "2026-11-23T09:41:00Z", "registered": True, "session": None, "callId": None, "reason": "",
        "pending": None, "until": None, "limitAt": None, "overLimit": False,
    },
    "phone": None,
}  # fmt: skip


class Agent(Wire):
    """An agent and what they do at this moment."""

    id: UUID
    extension: str
    display_name: str
    phone_kind: PhoneKind
    sip_username: str = Field(description="what the phone registers as; the authentication realm is asterisk")
    mailbox_id: UUID | None
    works: Works = Field(description=_WORKS)
    signs_in: SignsIn
    active: bool
    secret_expires_at: Time | None = Field(
        description="when the phone's secret ends by itself; null: it lasts until it is rotated, or a browser has none now"
    )
    created_at: Time
    updated_at: Time
    live: AgentLive | None = Field(description="null of an agent who is not active, or made a moment ago")
    phone: PhoneLive | None = Field(description="the phone at this moment; null while nothing is known of phones")
    model_config = examples(_AGENT)


class AgentCreated(Agent):
    """A new agent, with the phone's secret."""

    sip_secret: str | None = Field(
        description="shown this once; null for a browser, whose secrets are short-lived (browser-credentials), and when a "
        "request is repeated with its Idempotency-Key"
    )
    model_config = examples({**_AGENT, "live": None, "sipSecret": "q0mJ4n1oZ0bqXW3nR8v2kQ"})


class AgentPage(Page[Agent]):
    """Agents in the order they were made."""

    model_config = page_of(_AGENT)
