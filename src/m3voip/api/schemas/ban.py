"""Bans of SIP sources on the wire."""

from __future__ import annotations

from uuid import UUID

from pydantic import Field, JsonValue

from m3voip.api.fields import Time, Wire, examples, page_of
from m3voip.api.schemas.page import Page
from m3voip.core.sources import Why

_BAN: dict[str, JsonValue] = {
    "id": "019ab0c4-7777-7a31-9f00-3b1c2d4e5f60", "source": "203.0.113.7/32", "why": "unknown_names",
    "since": "2026-11-25T10:00:00Z", "until": "2026-11-25T10:05:00Z", "earlier": 1, "liftedAt": None, "inForce": True,
}  # fmt: skip


class Ban(Wire):
    """An address whose SIP is refused for a while, or was."""

    id: UUID
    source: str = Field(description="the address, of IPv6 its /64")
    why: Why = Field(
        description="`unknown_names`: five tries, at least one in a name that nobody has; `several_names`: five tries with "
        "wrong secrets of several phones; `hammering`: five wrong secrets in ten seconds, or a hundred failures in ten minutes"
    )
    since: Time
    until: Time
    earlier: int = Field(
        description="bans of this source in the week before; each is longer: 1 min, 5 min, 30 min, 4 h, 24 h"
    )
    lifted_at: Time | None = Field(description="when somebody lifted it")
    in_force: bool
    model_config = examples(_BAN)


class BanPage(Page[Ban]):
    """Bans, oldest first."""

    model_config = page_of(_BAN)
