"""Blocked callers on the wire."""

from __future__ import annotations

from uuid import UUID

from pydantic import Field, JsonValue

from m3voip.api.fields import LongText, Number, Sent, Time, Wire, examples, page_of, unset
from m3voip.api.schemas.page import Page


class NewBlockedCaller(Sent):
    """A caller to be turned away."""

    number: Number
    reason: LongText = ""
    until: Time | None = Field(default=None, description="null = for good")
    model_config = examples({"number": "+15557654321", "reason": "nuisance calls", "until": "2027-01-01T00:00:00Z"})


class BlockedCallerChange(Sent):
    """What to change; what is left out stays."""

    reason: LongText = unset()
    until: Time | None = None
    model_config = examples({"until": None})


_BLOCKED: dict[str, JsonValue] = {
    "id": "019ab0c4-7777-7a31-9f00-3b1c2d4e5f60", "number": "+15557654321", "reason": "nuisance calls",
    "until": "2027-01-01T00:00:00Z", "createdAt": "2026-11-23T09:00:00Z",
}  # fmt: skip


class BlockedCaller(Wire):
    """A caller who is turned away."""

    id: UUID
    number: str
    reason: str
    until: Time | None
    created_at: Time
    model_config = examples(_BLOCKED)


class BlockedCallerPage(Page[BlockedCaller]):
    """Blocked callers in the order they were blocked."""

    model_config = page_of(_BLOCKED)
