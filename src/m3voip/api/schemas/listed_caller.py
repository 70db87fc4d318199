"""Listed callers on the wire."""

from __future__ import annotations

from uuid import UUID

from pydantic import Field, JsonValue

from m3voip.api.fields import LongText, Number, Sent, Time, Wire, examples, page_of, unset
from m3voip.api.schemas.page import Page
from m3voip.api.schemas.route import Language, ListName


class NewListedCaller(Sent):
    """A caller whom routes shall know."""

    number: Number
    list: ListName = Field(default="vip", description="the name by which a route's rules ask for it")
    language: Language | None = Field(default=None, description="what the caller speaks, two letters")
    note: LongText = ""
    until: Time | None = Field(default=None, description="null = for good")
    model_config = examples({"number": "+15557654321", "list": "vip", "language": "de", "note": "board member"})


class ListedCallerChange(Sent):
    """What to change; what is left out stays."""

    list: ListName = unset()
    language: Language | None = None
    note: LongText = unset()
    until: Time | None = None
    model_config = examples({"until": "2027-01-01T00:00:00Z"})


_LISTED: dict[str, JsonValue] = {
    "id": "019ab0c4-9999-7a31-9f00-3b1c2d4e5f60", "number": "+15557654321", "list": "vip", "language": "de",
    "note": "board member", "until": None, "createdAt": "2026-11-23T09:00:00Z", "updatedAt": "2026-11-23T09:00:00Z",
}  # fmt: skip


class ListedCaller(Wire):
    """A caller on a list."""

    id: UUID
    number: str
    list: str
    language: str | None
    note: str
    until: Time | None
    created_at: Time
    updated_at: Time
    model_config = examples(_LISTED)


class ListedCallerPage(Page[ListedCaller]):
    """Listed callers in the order they were listed."""

    model_config = page_of(_LISTED)
