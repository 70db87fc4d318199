"""DIDs on the wire."""

from __future__ import annotations

from typing import Self
from uuid import UUID

from pydantic import Field, JsonValue, model_validator

from m3voip.api.fields import Label, Number, Sent, Time, Wire, examples, page_of, unset
from m3voip.api.schemas.page import Page
from m3voip.api.schemas.queue import ID as QUEUE_ID

_TREE_ID = "019ab0c4-4444-7a31-9f00-3b1c2d4e5f60"
TARGETS = ("tree_id", "queue_id", "route_id")
_ONE_TARGET = "treeId, queueId and routeId: exactly one of them says where callers go; set the others to null."


class NewDid(Sent):
    """A number that people are to call. Exactly one of `treeId`, `queueId` and `routeId`."""

    number: Number
    label: Label = ""
    tree_id: UUID | None = Field(default=None, description="the IVR tree that callers hear")
    queue_id: UUID | None = Field(default=None, description="or the queue they stand in at once")
    route_id: UUID | None = Field(default=None, description="or the route whose rules decide")
    floor_queue_id: UUID | None = Field(
        default=None, description="where plain Asterisk sends callers without the service"
    )
    floor_mailbox_id: UUID | None = Field(default=None, description="and after that queue")
    trunk_id: UUID | None = Field(default=None, description="the trunk the number belongs to")
    active: bool = True
    model_config = examples(
        {"number": "+15550100100", "label": "Main line", "treeId": _TREE_ID, "floorQueueId": QUEUE_ID}
    )

    @model_validator(mode="after")
    def _one_target(self) -> Self:
        if sum(getattr(self, name) is not None for name in TARGETS) != 1:
            raise ValueError(_ONE_TARGET)
        return self


class DidChange(Sent):
    """What to change; what is left out stays. To send callers elsewhere set one of `treeId`, `queueId` and `routeId`; the
    others are cleared by themselves."""

    number: Number = unset()
    label: Label = unset()
    tree_id: UUID | None = None
    queue_id: UUID | None = None
    route_id: UUID | None = None
    floor_queue_id: UUID | None = None
    floor_mailbox_id: UUID | None = None
    trunk_id: UUID | None = None
    active: bool = unset()
    model_config = examples({"label": "Main line", "queueId": QUEUE_ID})

    @model_validator(mode="after")
    def _one_target(self) -> Self:
        sent = self.model_fields_set & set(TARGETS)
        if sent and sum(getattr(self, name) is not None for name in sent) != 1:
            raise ValueError(_ONE_TARGET)
        return self


_DID: dict[str, JsonValue] = {
    "id": "019ab0c4-3333-7a31-9f00-3b1c2d4e5f60", "number": "+15550100100", "label": "Main line", "treeId": _TREE_ID,
    "queueId": None, "routeId": None, "floorQueueId": QUEUE_ID, "floorMailboxId": None, "trunkId": None, "active": True,
    "createdAt": "2026-11-23T09:00:00Z", "updatedAt": "2026-11-23T09:00:00Z",
}  # fmt: skip


class Did(Wire):
    """A number that people call."""

    id: UUID
    number: str
    label: str
    tree_id: UUID | None
    queue_id: UUID | None
    route_id: UUID | None
    floor_queue_id: UUID | None
    floor_mailbox_id: UUID | None
    trunk_id: UUID | None
    active: bool
    created_at: Time
    updated_at: Time
    model_config = examples(_DID)


class DidPage(Page[Did]):
    """DIDs in the order they were made."""

    model_config = page_of(_DID)
