"""Mailboxes on the wire."""

from __future__ import annotations

from enum import StrEnum
from typing import Annotated, Self
from uuid import UUID

from pydantic import Field, JsonValue, StringConstraints, model_validator

from m3voip.api.fields import PIN, Box, LongText, Person, Sent, Time, Wire, examples, page_of, unset
from m3voip.api.schemas.page import Page
from m3voip.api.schemas.queue import ID as QUEUE_ID

Retention = Annotated[
    int,
    Field(ge=0, le=3650, description="messages are removed after so many days; 0 = kept; null = as the tenant says"),
]
MaxMessages = Annotated[int, Field(ge=1, le=9999, description="a box with so many messages, heard or not, is full")]
MaxSeconds = Annotated[int, Field(ge=5, le=3600, description="how long one caller may speak")]


class NewMailbox(Sent):
    """A mailbox to be made. It belongs to an agent, a queue, or nobody."""

    box: Box
    owner_name: Person = ""
    owner_agent_id: UUID | None = None
    owner_queue_id: UUID | None = None
    greeting: LongText = Field(default="", description="text to be spoken; empty = the standard greeting")
    retention_days: Retention | None = None
    max_messages: MaxMessages = 500
    max_message_sec: MaxSeconds = 300
    model_config = examples({"box": "600", "ownerName": "Sales", "ownerQueueId": QUEUE_ID})

    @model_validator(mode="after")
    def _one_owner(self) -> Self:
        if self.owner_agent_id is not None and self.owner_queue_id is not None:
            raise ValueError("ownerAgentId and ownerQueueId: a mailbox has one owner; leave one of them out.")
        return self


class MailboxChange(Sent):
    """What to change; what is left out stays. A new owner replaces the old one."""

    box: Box = unset()
    owner_name: Person = unset()
    owner_agent_id: UUID | None = None
    owner_queue_id: UUID | None = None
    greeting: LongText = unset()
    retention_days: Retention | None = None
    max_messages: MaxMessages = unset()
    max_message_sec: MaxSeconds = unset()
    model_config = examples({"ownerName": "Sales desk"})

    @model_validator(mode="after")
    def _one_owner(self) -> Self:
        if self.owner_agent_id is not None and self.owner_queue_id is not None:
            raise ValueError("ownerAgentId and ownerQueueId: a mailbox has one owner; leave one of them out.")
        return self


class GreetingKind(StrEnum):
    """What callers of a mailbox hear before the tone."""

    RECORDING = "recording"
    TEXT = "text"
    STANDARD = "standard"


_MAILBOX: dict[str, JsonValue] = {
    "id": "019ab0c4-6666-7a31-9f00-3b1c2d4e5f60", "box": "600", "ownerName": "Sales", "ownerAgentId": None,
    "ownerQueueId": QUEUE_ID, "greeting": "", "greetingPlayed": "standard", "hasPin": False, "retentionDays": None,
    "maxMessages": 500, "maxMessageSec": 300,
    "createdAt": "2026-11-23T09:00:00Z", "updatedAt": "2026-11-23T09:00:00Z",
}  # fmt: skip


class Mailbox(Wire):
    """A mailbox."""

    id: UUID
    box: str
    owner_name: str
    owner_agent_id: UUID | None
    owner_queue_id: UUID | None
    greeting: str
    greeting_played: GreetingKind = Field(description="what callers hear: a recording goes before the text")
    has_pin: bool = Field(description="whether it can be opened from another phone (*98)")
    retention_days: int | None
    max_messages: int
    max_message_sec: int
    created_at: Time
    updated_at: Time
    model_config = examples(_MAILBOX)


class MailboxPage(Page[Mailbox]):
    """Mailboxes in the order they were made."""

    model_config = page_of(_MAILBOX)


class GreetingSource(StrEnum):
    """How a greeting came here."""

    UPLOAD = "upload"
    PHONE = "phone"


class Greeting(Wire):
    """What callers of a mailbox hear before the tone."""

    played: GreetingKind
    text: str
    source: GreetingSource | None = Field(description="of the recording; null if there is none")
    duration_sec: float | None
    recorded_at: Time | None
    model_config = examples(
        {
            "played": "recording", "text": "", "source": "upload", "durationSec": 6.2,
            "recordedAt": "2026-11-23T09:00:00Z",
        }
    )  # fmt: skip


class NewPin(Sent):
    """A PIN of your choice."""

    pin: Annotated[str, StringConstraints(pattern=PIN)] = Field(description="4 to 10 digits")
    model_config = examples({"pin": "482913"})
