"""An event of a call: a stored fact, the same in lists and in the stream."""

from __future__ import annotations

from typing import Any
from uuid import UUID

from pydantic import ConfigDict, Field, JsonValue

from m3voip.api.fields import Time, Wire
from m3voip.api.schemas.page import Page
from m3voip.core.facts import KINDS

EXAMPLE: dict[str, JsonValue] = {
    "id": 4711,
    "callId": "019ab0c4-5d3e-7a31-9f00-3b1c2d4e5f60",
    "seq": 5,
    "at": "2026-11-23T10:00:04.120000Z",
    "kind": "queue.entered",
    "payload": {"queue": "sales", "visit": 1, "record": True, "timeout_s": 30},
}


class Event(Wire):
    """Something that happened to a call. It is never changed; the same one may be delivered more than once."""

    id: int = Field(description="orders all events of the service; deduplicate and resume by it")
    call_id: UUID
    seq: int = Field(description="counts the call's events from 1 without gaps")
    at: Time
    kind: str = Field(description="what happened", json_schema_extra={"examples": list[JsonValue](sorted(KINDS))})
    payload: dict[str, Any] = Field(description="depends on the kind; see docs/reference/events.md")
    model_config = ConfigDict(json_schema_extra={"examples": [EXAMPLE]})


class EventPage(Page[Event]):
    """Events of one call in order."""

    model_config = ConfigDict(json_schema_extra={"examples": [{"items": [EXAMPLE], "nextCursor": None}]})
