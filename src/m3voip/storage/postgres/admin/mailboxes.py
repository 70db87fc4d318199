"""Mailboxes."""

from __future__ import annotations

from datetime import datetime
from uuid import UUID

from msgspec import Struct

from m3voip.storage.postgres.admin.table import Table


class MailboxRow(Struct, frozen=True, kw_only=True):
    """A mailbox. It belongs to an agent, a queue, or nobody."""

    id: UUID
    box: str
    owner_name: str
    owner_agent_id: UUID | None
    owner_queue_id: UUID | None
    greeting: str
    created_at: datetime
    updated_at: datetime


TABLE = Table(
    name="mailbox",
    what="mailbox",
    row=MailboxRow,
    called={"owner_agent_id": "ownerAgentId", "owner_queue_id": "ownerQueueId"},
)
