"""API keys on the wire."""

from __future__ import annotations

import ipaddress
from typing import Annotated
from uuid import UUID

from pydantic import AfterValidator, Field, JsonValue

from m3voip.api.fields import Sent, Text, Time, Wire, examples, page_of
from m3voip.api.permissions import Permission
from m3voip.api.schemas.page import Page


def _network(text: str) -> str:
    try:
        return str(ipaddress.ip_network(text))
    except ValueError:
        raise ValueError("must be an IP address or network, for example 203.0.113.7 or 203.0.113.0/28.") from None


Cidr = Annotated[str, Field(max_length=50), AfterValidator(_network)]


class NewApiKey(Sent):
    """A key to be made. It can have no permission that its maker does not have."""

    name: Text
    scopes: list[Permission] = Field(min_length=1, max_length=len(Permission))
    cidrs: list[Cidr] = Field(
        default_factory=list, max_length=32, description="where it may be used from; [] = anywhere"
    )
    expires_at: Time | None = Field(default=None, description="null = never")
    agent_id: UUID | None = Field(default=None, description="the agent that this key stands for: what `me` is")
    model_config = examples(
        {"name": "CRM production", "scopes": ["telemarketing.make_calls", "telemarketing.view_reports"], "cidrs": []}
    )


_KEY: dict[str, JsonValue] = {
    "id": "019ab0c4-8888-7a31-9f00-3b1c2d4e5f60", "name": "CRM production", "prefix": "k3v9x2m4q7ab",
    "scopes": ["telemarketing.make_calls", "telemarketing.view_reports"], "cidrs": [], "agentId": None,
    "createdAt": "2026-11-23T09:00:00Z", "expiresAt": None, "lastUsedAt": "2026-11-23T10:00:00Z", "revokedAt": None,
}  # fmt: skip


class ApiKey(Wire):
    """A key without its text."""

    id: UUID
    name: str
    prefix: str = Field(description="how the key's text begins, after m3v_")
    scopes: list[str]
    cidrs: list[str]
    agent_id: UUID | None = Field(description="the agent that this key stands for")
    created_at: Time
    expires_at: Time | None
    last_used_at: Time | None = Field(description="to the minute")
    revoked_at: Time | None
    model_config = examples(_KEY)


class ApiKeyCreated(ApiKey):
    """A new key with its text."""

    key: str | None = Field(description="shown this once; null when a request is repeated with its Idempotency-Key")
    model_config = examples({**_KEY, "lastUsedAt": None, "key": "m3v_k3v9x2m4q7ab_h0Xo…"})


class ApiKeyPage(Page[ApiKey]):
    """Keys in the order they were made."""

    model_config = page_of(_KEY)
