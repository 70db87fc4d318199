"""DIDs: numbers that people call, and where each leads."""

from __future__ import annotations

from datetime import datetime
from uuid import UUID

from msgspec import Struct

from m3voip.storage.postgres.admin.table import Table


class DidRow(Struct, frozen=True, kw_only=True):
    """A DID. Exactly one of ``tree_id``, ``queue_id`` and ``route_id``; the floor is where plain Asterisk sends the caller."""

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
    created_at: datetime
    updated_at: datetime


TABLE = Table(
    name="did",
    what="DID",
    row=DidRow,
    called={
        "digits": "number", "tree_id": "treeId", "queue_id": "queueId", "route_id": "routeId",
        "floor_queue_id": "floorQueueId", "floor_mailbox_id": "floorMailboxId", "trunk_id": "trunkId",
    },
)  # fmt: skip
