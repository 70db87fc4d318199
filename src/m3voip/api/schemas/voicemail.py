"""Voicemail messages on the wire."""

from __future__ import annotations

from enum import StrEnum
from uuid import UUID

from pydantic import Field, JsonValue

from m3voip.api.fields import Box, LongText, Sent, Time, Wire, examples, page_of
from m3voip.api.schemas.page import Page

VOICEMAIL: dict[str, JsonValue] = {
    "id": "019ab0c8-0000-7a31-9f00-3b1c2d4e5f60", "callId": "019ab0c4-5d3e-7a31-9f00-3b1c2d4e5f60", "box": "600",
    "caller": "+15557654321", "durationSec": 21.4, "sizeBytes": 171000,
    "sha256": "9f86d081884c7d659a2feaa0c55ad015a3bf4f1b2b0b822cd15d6c15b0f00a08", "mediaType": "audio/flac",
    "storedAt": "2026-11-23T10:02:44Z", "heardAt": None, "removedAt": None, "note": "", "forwardedFrom": None,
}  # fmt: skip


class MessageState(StrEnum):
    """What has become of a message."""

    NEW = "new"
    READ = "read"
    DELETED = "deleted"
    DUE = "due"


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
    removed_at: Time | None = Field(description="when somebody deleted it; it can be restored for some days. Else null")
    note: str = Field(description="what was written when it was forwarded")
    forwarded_from: UUID | None = Field(description="the message that this one is a copy of")
    model_config = examples(VOICEMAIL)


class VoicemailPage(Page[Voicemail]):
    """Messages, newest first."""

    model_config = page_of(VOICEMAIL)


class VoicemailChange(Sent):
    """Mark a message."""

    read: bool = Field(description="true: heard, the lamp goes out; false: new again")
    model_config = examples({"read": True})


class Forward(Sent):
    """To which mailbox of the tenant a copy goes."""

    mailbox: Box
    note: LongText = Field(default="", description="shown with the copy")
    model_config = examples({"mailbox": "601", "note": "Can you call her back?"})


class Keeping(Wire):
    """How long the tenant keeps messages."""

    retention_days: int = Field(description="0 = until somebody deletes them; a mailbox may say otherwise")
    bin_days: int = Field(description="a deleted message can be restored for so many days")
    model_config = examples({"retentionDays": 90, "binDays": 7})


class KeepingChange(Sent):
    """What to change; what is left out stays."""

    retention_days: int | None = Field(default=None, ge=0, le=3650)
    bin_days: int | None = Field(default=None, ge=0, le=365)
    model_config = examples({"retentionDays": 90})
