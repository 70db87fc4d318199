"""Voicemail messages on the wire."""

from __future__ import annotations

from uuid import UUID

from pydantic import Field, JsonValue

from m3voip.api.fields import Time, Wire, examples, page_of
from m3voip.api.schemas.page import Page

VOICEMAIL: dict[str, JsonValue] = {
    "id": "019ab0c8-0000-7a31-9f00-3b1c2d4e5f60", "callId": "019ab0c4-5d3e-7a31-9f00-3b1c2d4e5f60", "box": "600",
    "caller": "+15557654321", "durationSec": 21.4, "sizeBytes": 171000,
    "sha256": "9f86d081884c7d659a2feaa0c55ad015a3bf4f1b2b0b822cd15d6c15b0f00a08", "mediaType": "audio/flac",
    "storedAt": "2026-11-23T10:02:44Z", "heardAt": None,
}  # fmt: skip


class Voicemail(Wire):
    """A message that a caller left."""

    id: UUID
    call_id: UUID
    box: str
    caller: str
    duration_sec: float
    size_bytes: int
    sha256: str
    media_type: str
    stored_at: Time
    heard_at: Time | None = Field(description="null while it is new")
    model_config = examples(VOICEMAIL)


class VoicemailPage(Page[Voicemail]):
    """Messages, newest first."""

    model_config = page_of(VOICEMAIL)
