"""Mailboxes for the dialplan and the phones' menu (port Boxes), as the engine's role.

Law: each question is one short unit of work on the loop of whoever owns the connections; a box is found by the telephony
node's name of it, whose context tells the tenant, so a phone can name no box of another company.
"""

from __future__ import annotations

import os
from collections.abc import Callable, Coroutine, Sequence
from datetime import UTC, datetime
from hashlib import sha256
from pathlib import Path
from typing import Any, Protocol, TypeVar
from uuid import UUID

import asyncpg
from asyncpg.pool import PoolConnectionProxy

from m3voip.core.ids import uuid7
from m3voip.ports import BoxMessage, BoxSeen, RecordingVault
from m3voip.storage.postgres.admin import audit, mailboxes, messages, pins
from m3voip.storage.postgres.admin.refusals import Missing, Refusal

T = TypeVar("T")
Db = PoolConnectionProxy

_SEEN = """
select m.id as mailbox, m.tenant_id, m.box, m.max_message_s as seconds, m.greeting as text, coalesce(g.sha256, '') as greeting,
       m.max_messages <= (select count(*) from voicemail v
                           where v.tenant_id = m.tenant_id and v.box = m.box and v.removed_at is null
                             and v.deleted_at is null) as full
  from mailbox m left join mailbox_greeting g on g.mailbox_id = m.id
 where m.box = $1
   and case when $2 = 'default' then m.tenant_id = $3
            else m.tenant_id <> $3 and right(replace(m.tenant_id::text, '-', ''), 8) = $2 end"""
_PIN = "select hash, coalesce(locked_until > now(), false) as locked from mailbox_pin where mailbox_id = $1"
_RIGHT = "update mailbox_pin set failures = 0, locked_until = null where mailbox_id = $1"
_WRONG = """
update mailbox_pin set failures = failures + 1,
       locked_until = case when (failures + 1) % $2 = 0 then now() + make_interval(mins => $3) else locked_until end
 where mailbox_id = $1"""
_MESSAGES = """
select id, caller, stored_at as left_at, key, heard_at is not null as heard from voicemail
 where tenant_id = $1 and box = $2 and removed_at is null and deleted_at is null
 order by heard_at is not null, stored_at, id limit 500"""

MOST_FAILURES = 10
LOCKED_MINUTES = 15
"""After so many wrong PINs in a row a box cannot be opened by PIN for so long: 10,000 PINs take ten days."""


class Runner(Protocol):
    """Runs work on a connection in a transaction, and waits for it."""

    def __call__(self, work: Callable[[Db], Coroutine[Any, Any, T]]) -> T:
        """Raises M3voipError when Postgres is away."""
        ...


class PostgresBoxes:
    """``run`` owns the connections; the vault has the messages' sound."""

    def __init__(self, run: Runner, vault: RecordingVault, default_tenant: UUID, pepper: bytes) -> None:
        self._run = run
        self._vault = vault
        self._default_tenant = default_tenant
        self._pepper = pepper

    def seen(self, name: str) -> BoxSeen | None:
        """See Boxes."""
        box, _, context = name.partition("@")
        return self._run(lambda db: self._seen(db, box, context or "default"))

    def by_pin(self, context: str, box: str, pin: str) -> BoxSeen | None:
        """See Boxes. Takes as long for a box that does not exist as for one that does."""
        return self._run(lambda db: self._by_pin(db, context, box, pin))

    def messages(self, box: BoxSeen) -> Sequence[BoxMessage]:
        """See Boxes."""

        async def work(db: Db) -> Sequence[BoxMessage]:
            return [BoxMessage(**row) for row in await db.fetch(_MESSAGES, box.tenant_id, box.box)]

        return self._run(work)

    def change(self, box: BoxSeen, message: UUID, kind: str) -> bool:
        """See Boxes."""

        async def work(db: Db) -> bool:
            try:
                await messages.change(db, box.tenant_id, message, kind, "phone")
            except Missing:
                return False
            return True

        return self._run(work)

    def forward(self, box: BoxSeen, message: UUID, to_box: str) -> bool:
        """See Boxes."""
        copy_id = uuid7(datetime.now(UTC), os.urandom(10))

        async def work(db: Db) -> bool:
            try:
                await messages.forward(db, box.tenant_id, message, copy_id=copy_id, to_box=to_box, note="", by="phone")
            except Refusal:
                return False
            return True

        return self._run(work)

    def sound(self, message: BoxMessage) -> Path:
        """See Boxes."""

        async def work(_: Db) -> Path:
            return await self._vault.open(message.key)

        return self._run(work)

    def greeting(self, box: BoxSeen) -> bytes:
        """See Boxes."""
        return self._run(lambda db: mailboxes.greeting_audio(db, box.tenant_id, box.mailbox))

    def set_greeting(self, box: BoxSeen, audio: bytes | None, duration_s: float) -> None:
        """See Boxes."""

        async def work(db: Db) -> None:
            if audio is None:
                await mailboxes.delete_greeting(db, box.tenant_id, box.mailbox)
                return
            await mailboxes.set_greeting(
                db, box.tenant_id, box.mailbox,
                audio=audio, sha256=sha256(audio).hexdigest(), duration_s=duration_s, source="phone",
            )  # fmt: skip

        self._run(work)

    async def _seen(self, db: Db, box: str, context: str) -> BoxSeen | None:
        row = await db.fetchrow(_SEEN, box, context, self._default_tenant)
        return BoxSeen(name=f"{box}@{context}", **row) if row else None

    async def _by_pin(self, db: Db, context: str, box: str, pin: str) -> BoxSeen | None:
        seen = await self._seen(db, box, context.removeprefix("from-agent").removeprefix("-") or "default")
        row: asyncpg.Record | None = await db.fetchrow(_PIN, seen.mailbox) if seen else None
        right = pins.is_pin(pin, self._pepper, row["hash"] if row else "")
        if seen is None or row is None or row["locked"]:
            return None
        if not right:
            await db.execute(_WRONG, seen.mailbox, MOST_FAILURES, LOCKED_MINUTES)
            return None
        await db.execute(_RIGHT, seen.mailbox)
        await audit.note(db, seen.tenant_id, None, "mailbox.open", seen.mailbox)
        return seen
