"""What becomes of a voicemail message: heard, deleted, restored, forwarded. The row is the truth; every change of it leaves a
row in voicemail_change in the same statement, from which the service makes the fact that the outside is told.

Law: used by the API (its role sees one tenant) and by the phones' menu (the engine's role), hence the tenant in every
condition. Doing a thing twice changes nothing the second time.
"""

from __future__ import annotations

from collections.abc import Mapping
from uuid import UUID

from m3voip.storage.postgres.admin.media import VoicemailRow, voicemail
from m3voip.storage.postgres.admin.refusals import Missing, Refusal, Unknown
from m3voip.storage.postgres.admin.table import Db

_CHANGE = """
with changed as (
  update voicemail set {sets}
   where tenant_id = $1 and id = $2 and deleted_at is null and {when}
  returning tenant_id, call_id, id, box)
insert into voicemail_change (tenant_id, call_id, voicemail_id, box, kind, by)
select tenant_id, call_id, id, box, '{kind}', $3 from changed"""

_DONE: Mapping[str, tuple[str, str]] = {
    "read": ("heard_at = now()", "heard_at is null and removed_at is null"),
    "unread": ("heard_at = null", "heard_at is not null and removed_at is null"),
    "deleted": ("removed_at = now()", "removed_at is null"),
    "restored": ("removed_at = null", "removed_at is not null"),
}
_SQL = {kind: _CHANGE.format(sets=sets, when=when, kind=kind) for kind, (sets, when) in _DONE.items()}

_FORWARD = """
with copy as (
  insert into voicemail (id, tenant_id, call_id, box, message_id, caller, key, sha256, duration_s, size, stored_at, note,
                         forwarded_from)
  select $3::uuid, tenant_id, call_id, $4, 'copy-' || $3::uuid::text, caller, key, sha256, duration_s, size, now(), $5, id
    from voicemail where tenant_id = $1 and id = $2
  returning tenant_id, call_id, id, box)
insert into voicemail_change (tenant_id, call_id, voicemail_id, box, kind, by, source)
select tenant_id, call_id, id, box, 'forwarded', $6, $2 from copy"""

_COUNT = (
    "select count(*) from voicemail where tenant_id = $1 and box = $2 and removed_at is null and deleted_at is null"
)


class BoxFull(Refusal):
    """The mailbox takes no more messages."""


async def change(db: Db, tenant_id: UUID, voicemail_id: UUID, kind: str, by: str) -> VoicemailRow:
    """``kind``: read, unread, deleted or restored. The message as it is now. Raises Missing, also for a deleted message
    that is to be read or unread."""
    await db.execute(_SQL[kind], tenant_id, voicemail_id, by)
    row = await voicemail(db, tenant_id, voicemail_id)
    if row.removed_at is not None and kind in ("read", "unread"):
        raise Missing("voicemail message")
    return row


async def forward(
    db: Db, tenant_id: UUID, voicemail_id: UUID, *, copy_id: UUID, to_box: str, note: str, by: str
) -> VoicemailRow:
    """Put a copy into another box; both share the sound. Raises Missing (the message), Unknown (the box), BoxFull."""
    # The message stays as long as we need it: retention waits for this lock.
    held = await db.fetchval(
        "select true from voicemail where tenant_id = $1 and id = $2 and removed_at is null and deleted_at is null for share",
        tenant_id,
        voicemail_id,
    )
    if not held:
        raise Missing("voicemail message")
    most = await db.fetchval("select max_messages from mailbox where tenant_id = $1 and box = $2", tenant_id, to_box)
    if most is None:
        raise Unknown("mailbox", "mailbox")
    if await db.fetchval(_COUNT, tenant_id, to_box) >= most:
        raise BoxFull("This mailbox is full; delete messages from it or raise its maxMessages.")
    await db.execute(_FORWARD, tenant_id, voicemail_id, copy_id, to_box, note, by)
    return await voicemail(db, tenant_id, copy_id)


async def count(db: Db, tenant_id: UUID, box: str) -> int:
    """How many messages lie in a box, heard or not."""
    found: int = await db.fetchval(_COUNT, tenant_id, box)
    return found
