"""Mailboxes, their PINs and greetings, and how long messages are kept."""

from __future__ import annotations

from datetime import datetime
from uuid import UUID

from msgspec import Struct

from m3voip.storage.postgres.admin.refusals import Missing
from m3voip.storage.postgres.admin.table import Db, Table


class MailboxRow(Struct, frozen=True, kw_only=True):
    """A mailbox. It belongs to an agent, a queue, or nobody."""

    id: UUID
    box: str
    owner_name: str
    owner_agent_id: UUID | None
    owner_queue_id: UUID | None
    greeting: str
    retention_days: int | None
    max_messages: int
    max_message_s: int
    created_at: datetime
    updated_at: datetime


TABLE = Table(
    name="mailbox",
    what="mailbox",
    row=MailboxRow,
    called={"owner_agent_id": "ownerAgentId", "owner_queue_id": "ownerQueueId"},
)


class GreetingRow(Struct, frozen=True, kw_only=True):
    """A greeting that was uploaded or spoken, without its sound."""

    mailbox_id: UUID
    sha256: str
    duration_s: float
    source: str
    recorded_at: datetime


class KeepingRow(Struct, frozen=True, kw_only=True):
    """How long a tenant keeps messages, in days; ``retention`` 0 = for ever, ``bin`` is for deleted ones."""

    voicemail_retention_days: int
    voicemail_bin_days: int


_GREETING = ", ".join(GreetingRow.__struct_fields__)
_KEEPING = ", ".join(KeepingRow.__struct_fields__)


async def greetings(db: Db, tenant_id: UUID, mailbox_ids: list[UUID]) -> dict[UUID, GreetingRow]:
    """Those of these mailboxes that have one."""
    rows = await db.fetch(
        f"select {_GREETING} from mailbox_greeting where tenant_id = $1 and mailbox_id = any($2::uuid[])",  # noqa: S608
        tenant_id,
        mailbox_ids,
    )
    return {row["mailbox_id"]: GreetingRow(**row) for row in rows}


async def greeting_audio(db: Db, tenant_id: UUID, mailbox_id: UUID) -> bytes:
    """The sound, FLAC. Raises Missing."""
    audio: bytes | None = await db.fetchval(
        "select audio from mailbox_greeting where tenant_id = $1 and mailbox_id = $2", tenant_id, mailbox_id
    )
    if audio is None:
        raise Missing("greeting")
    return audio


async def set_greeting(
    db: Db, tenant_id: UUID, mailbox_id: UUID, *, audio: bytes, sha256: str, duration_s: float, source: str
) -> None:
    """Replace the greeting; ``source`` is upload or phone."""
    await db.execute(
        """insert into mailbox_greeting (tenant_id, mailbox_id, audio, sha256, duration_s, source)
           values ($1, $2, $3, $4, $5, $6)
           on conflict (mailbox_id) do update set audio = excluded.audio, sha256 = excluded.sha256,
             duration_s = excluded.duration_s, source = excluded.source, recorded_at = now()""",
        tenant_id,
        mailbox_id,
        audio,
        sha256,
        duration_s,
        source,
    )


async def delete_greeting(db: Db, tenant_id: UUID, mailbox_id: UUID) -> None:
    """Callers hear the text or the standard greeting again. Not an error when there is none."""
    await db.execute("delete from mailbox_greeting where tenant_id = $1 and mailbox_id = $2", tenant_id, mailbox_id)


async def set_pin(db: Db, tenant_id: UUID, mailbox_id: UUID, hashed: str) -> None:
    """Replace the PIN; wrong tries are forgotten. Two statements, because an upsert would have to read the hash."""
    await delete_pin(db, tenant_id, mailbox_id)
    await db.execute(
        "insert into mailbox_pin (tenant_id, mailbox_id, hash) values ($1, $2, $3)", tenant_id, mailbox_id, hashed
    )


async def delete_pin(db: Db, tenant_id: UUID, mailbox_id: UUID) -> None:
    """The box can be opened from its own phones only. Not an error when there is none."""
    await db.execute("delete from mailbox_pin where tenant_id = $1 and mailbox_id = $2", tenant_id, mailbox_id)


async def with_pin(db: Db, tenant_id: UUID, mailbox_ids: list[UUID]) -> frozenset[UUID]:
    """Those of these mailboxes that have a PIN."""
    rows = await db.fetch(
        "select mailbox_id from mailbox_pin where tenant_id = $1 and mailbox_id = any($2::uuid[])",
        tenant_id,
        mailbox_ids,
    )
    return frozenset(row["mailbox_id"] for row in rows)


async def renumber(db: Db, tenant_id: UUID, old: str, new: str) -> None:
    """The messages of a box go with it to its new number."""
    await db.execute("update voicemail set box = $3 where tenant_id = $1 and box = $2", tenant_id, old, new)


async def keeping(db: Db, tenant_id: UUID) -> KeepingRow:
    """How long the tenant keeps messages."""
    row = await db.fetchrow(f"select {_KEEPING} from tenant where tenant_id = $1", tenant_id)  # noqa: S608
    if row is None:
        raise Missing("tenant")
    return KeepingRow(**row)


async def set_keeping(db: Db, tenant_id: UUID, *, retention_days: int | None, bin_days: int | None) -> KeepingRow:
    """Change it; None keeps what is there."""
    await db.execute(
        """update tenant set voicemail_retention_days = coalesce($2::integer, voicemail_retention_days),
                             voicemail_bin_days = coalesce($3::integer, voicemail_bin_days)
            where tenant_id = $1""",
        tenant_id,
        retention_days,
        bin_days,
    )
    return await keeping(db, tenant_id)
