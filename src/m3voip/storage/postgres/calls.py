"""What recovery, routes and the jobs read and write of calls (ports CallStore, CallFinder, LastAgents), as the engine's role.

Everything here raises StorageUnavailable within a few seconds when Postgres is away.
"""

from __future__ import annotations

import asyncio
from collections.abc import Mapping
from datetime import datetime
from uuid import UUID

import asyncpg

from m3voip.core import facts as f
from m3voip.core.facts import AnyFact, Recorded, RecordingStored, VoicemailStored
from m3voip.core.ids import uuid7
from m3voip.ports import EndedCall
from m3voip.storage.codec import stored_fact
from m3voip.storage.errors import StorageUnavailable
from m3voip.storage.postgres.commit import Commits
from m3voip.storage.postgres.pool import WORK_SECONDS, Pool
from m3voip.storage.postgres.queries import load

_SQL = load("calls")
_RECOVERY_SECONDS = 30.0


class PostgresCalls:
    """Ports CallStore, CallFinder and LastAgents. ``commits`` is the writer's, so that ids and streams stay in one order."""

    def __init__(self, pool: Pool, commits: Commits) -> None:
        self._pool = pool
        self._commits = commits

    async def open_calls(self) -> Mapping[UUID, list[Recorded]]:
        """The facts of every call that has not ended, by call, in order. One query; flush the writer before."""
        calls: dict[UUID, list[Recorded]] = {}
        async with self._pool.connection(_RECOVERY_SECONDS) as db:
            for row in await db.fetch(_SQL["open_calls"], timeout=_RECOVERY_SECONDS):
                calls.setdefault(row["call_id"], []).append(_recorded(row["call_id"], row))
        return calls

    async def append_late(self, call_id: UUID, at: datetime, fact: AnyFact) -> Recorded | None:
        """Write a fact about a call that has ended, with the next seq under a row lock; None if there is no such call or
        it has not ended. What is known already (a recording, a voicemail, a change of one) is not written again: its first
        row is the answer.
        """
        try:
            async with asyncio.timeout(WORK_SECONDS), self._commits.turn():
                return await self._append(call_id, at, fact)
        except TimeoutError as error:
            raise StorageUnavailable("Postgres does not answer in time") from error

    async def find(self, *, call_id: UUID | None = None, leg: str = "") -> EndedCall | None:
        """By our id, or by the leg's name for calls served on the floor."""
        async with self._pool.connection() as db:
            if call_id is not None:
                row = await db.fetchrow(_SQL["by_id"], call_id)
            else:
                row = await db.fetchrow(_SQL["by_leg"], leg)
        return EndedCall(**row) if row else None

    async def last_agent(self, tenant_id: UUID, caller: str, since: datetime) -> str:
        """The extension of the active agent who talked in the caller's newest call since then; "" when there is none."""
        async with self._pool.connection() as db:
            found = await db.fetchval(_SQL["last_agent"], tenant_id, caller, uuid7(since, bytes(10)))
        return str(found or "")

    async def _append(self, call_id: UUID, at: datetime, fact: AnyFact) -> Recorded | None:
        async with self._pool.transaction() as db:
            call = await db.fetchrow(_SQL["lock_ended"], call_id)
            if call is None:
                return None
            if (known := _identity(fact)) is not None and (
                before := await db.fetchrow(
                    _SQL["stored_before"], call_id, str(type(fact).__struct_config__.tag), *known
                )
            ):
                return _recorded(call_id, before)
            row = Recorded(call_id, call["tenant_id"], call["last_seq"] + 1, at, fact)
            committed = await self._commits.write(db, [row])
        committed()
        return row


_NAMED_BY: Mapping[type[f.Fact], str] = {
    RecordingStored: "recording",
    VoicemailStored: "voicemail",
    f.VoicemailDiscarded: "message_id",
    **dict.fromkeys(
        (
            f.VoicemailRead, f.VoicemailUnread, f.VoicemailDeleted, f.VoicemailRestored, f.VoicemailForwarded,
            f.VoicemailPurged,
        ),
        "change",
    ),
    f.CallNoted: "note",
    f.DispositionSet: "disposition",
}  # fmt: skip


def _identity(fact: AnyFact) -> tuple[str, str] | None:
    """The field that names what was stored, and its value."""
    field = _NAMED_BY.get(type(fact))
    return None if field is None else (field, str(getattr(fact, field)))


def _recorded(call_id: UUID, row: asyncpg.Record) -> Recorded:
    return Recorded(call_id, row["tenant_id"], row["seq"], row["at"], stored_fact(row["kind"], row["payload"]))
