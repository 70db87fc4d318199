"""What the service reads and writes of voicemail by itself (port VoicemailStore): changes that wait to become facts, what the
lamps must show, messages whose time is over. As the engine's role; raises StorageUnavailable when Postgres is away."""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Sequence
from uuid import UUID

from m3voip.ports import BoxCount, MessageChange
from m3voip.storage.postgres.admin.media import DUE
from m3voip.storage.postgres.pool import Pool

_CHANGES = """
select id, tenant_id, call_id, voicemail_id as voicemail, box, kind, by, source, at
  from voicemail_change order by n limit $1"""
_COUNTS = """
select m.tenant_id, m.box, count(v.id) filter (where v.heard_at is null) as new,
       count(v.id) filter (where v.heard_at is not null) as old
  from mailbox m
  left join voicemail v on v.tenant_id = m.tenant_id and v.box = m.box and v.removed_at is null and v.deleted_at is null
 group by m.tenant_id, m.box"""
_DUE_IDS = f"with {DUE} select id from voicemail_due limit $1"  # noqa: S608
_STILL_DUE = f"with {DUE} select key from voicemail where id = $1 and id in (select id from voicemail_due) for update"  # noqa: S608
_SHARED = "select exists (select from voicemail where key = $1 and id <> $2 and deleted_at is null)"
_PURGE = """
with gone as (
  update voicemail set deleted_at = now() where id = $1 returning tenant_id, call_id, id, box)
insert into voicemail_change (tenant_id, call_id, voicemail_id, box, kind, by)
select tenant_id, call_id, id, box, 'purged', 'retention' from gone"""


class PostgresVoicemail:
    """Over the engine's pool."""

    def __init__(self, pool: Pool) -> None:
        self._pool = pool

    async def changes(self, most: int) -> Sequence[MessageChange]:
        """The oldest changes that are no facts yet, in order."""
        async with self._pool.connection() as db:
            return [MessageChange(**row) for row in await db.fetch(_CHANGES, most)]

    async def told(self, change: UUID) -> None:
        """This change is a fact now."""
        async with self._pool.connection() as db:
            await db.execute("delete from voicemail_change where id = $1", change)

    async def counts(self) -> Sequence[BoxCount]:
        """What lies in every box of every tenant."""
        async with self._pool.connection() as db:
            return [BoxCount(**row) for row in await db.fetch(_COUNTS)]

    async def due(self, most: int) -> Sequence[UUID]:
        """Messages whose time is over."""
        async with self._pool.connection() as db:
            return [row["id"] for row in await db.fetch(_DUE_IDS, most)]

    async def purge(self, voicemail: UUID, delete: Callable[[str], Awaitable[None]]) -> bool:
        """Remove a message for good, if its time is still over. ``delete`` gets the key of the sound when no other message
        has it; it runs while the row is locked, so nobody forwards what is being deleted. A crash before the commit leaves
        the message due, and the next round does the rest."""
        async with self._pool.transaction() as db:
            key = await db.fetchval(_STILL_DUE, voicemail)
            if key is None:
                return False
            if not await db.fetchval(_SHARED, key, voicemail):
                await delete(key)
            await db.execute(_PURGE, voicemail)
            return True
