"""Agents: people who answer calls, and the phone each uses."""

from __future__ import annotations

from datetime import datetime
from uuid import UUID

from msgspec import Struct

from m3voip.storage.postgres.admin.table import Db, Table


class AgentRow(Struct, frozen=True, kw_only=True):
    """An agent. ``endpoint`` is the phone's SIP user; its secret is known only as a hash that cannot be read;
    ``ha1_expires_at`` is when it ends, None where it lasts until it is rotated."""

    id: UUID
    extension: str
    display_name: str
    endpoint: str
    phone_kind: str
    mailbox_id: UUID | None
    works: str
    signs_in: str
    active: bool
    ha1_expires_at: datetime | None
    created_at: datetime
    updated_at: datetime


TABLE = Table(
    name="agent",
    what="agent",
    row=AgentRow,
    written=frozenset({"ha1"}),
    called={"mailbox_id": "mailboxId"},
)


async def by_extension(db: Db, tenant_id: UUID, extension: str) -> UUID | None:
    """The id of the agent who has this extension now."""
    found: UUID | None = await db.fetchval(
        "SELECT id FROM agent WHERE tenant_id = $1 AND extension = $2", tenant_id, extension
    )
    return found
