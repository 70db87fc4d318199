"""Mailboxes on the wire."""

from __future__ import annotations

from typing import Self
from uuid import UUID

from pydantic import Field, JsonValue, model_validator

from m3voip.api.fields import Box, LongText, Person, Sent, Time, Wire, examples, page_of, unset
from m3voip.api.schemas.page import Page
from m3voip.api.schemas.queue import ID as QUEUE_ID


class NewMailbox(Sent):
    """A mailbox to be made. It belongs to an agent, a queue, or nobody."""

    box: Box
    owner_name: Person = ""
    owner_agent_id: UUID | None = None
    owner_queue_id: UUID | None = None
    greeting: LongText = Field(default="", description="text to be spoken; empty = the standard greeting")
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
    model_config = examples({"ownerName": "Sales desk"})

    @model_validator(mode="after")
    def _one_owner(self) -> Self:
        if self.owner_agent_id is not None and self.owner_queue_id is not None:
            raise ValueError("ownerAgentId and ownerQueueId: a mailbox has one owner; leave one of them out.")
        return self


_MAILBOX: dict[str, JsonValue] = {
    "id": "019ab0c4-6666-7a31-9f00-3b1c2d4e5f60", "box": "600", "ownerName": "Sales", "ownerAgentId": None,
    "ownerQueueId": QUEUE_ID, "greeting": "",
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
    created_at: Time
    updated_at: Time
    model_config = examples(_MAILBOX)


class MailboxPage(Page[Mailbox]):
    """Mailboxes in the order they were made."""

    model_config = page_of(_MAILBOX)
