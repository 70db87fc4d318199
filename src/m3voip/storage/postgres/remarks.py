"""What the service reads and writes of remarks about calls (ports RemarkStore, PhoneDispositionStore), as the engine's role.
Raises StorageUnavailable when Postgres is away."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime
from uuid import UUID

import msgspec

from m3voip.core.facts import Remark
from m3voip.ports import WaitingRemark
from m3voip.storage.postgres.admin import dispositions
from m3voip.storage.postgres.admin.dispositions import Given
from m3voip.storage.postgres.admin.refusals import Refusal
from m3voip.storage.postgres.pool import Pool

_LAST_CALL = """
select id from call where tenant_id = $1 and agent_id = $2 and connected_at is not null order by id desc limit 1"""
_decode = msgspec.json.Decoder(Remark).decode


class PostgresRemarks:
    """Over the engine's pool."""

    def __init__(self, pool: Pool) -> None:
        self._pool = pool

    async def waiting(self, most: int) -> Sequence[WaitingRemark]:
        """The oldest remarks that are no facts yet, in order."""
        async with self._pool.connection() as db:
            rows = await db.fetch("select id, call_id, at, fact::text from call_remark order by n limit $1", most)
        return [WaitingRemark(row["id"], row["call_id"], row["at"], _decode(row["fact"])) for row in rows]

    async def told(self, remark: UUID) -> None:
        """This one is a fact now."""
        async with self._pool.connection() as db:
            await db.execute("delete from call_remark where id = $1", remark)

    async def set_by_number(
        self, tenant_id: UUID, *, agent: tuple[UUID, str], call: UUID | None, number: int, new_id: UUID, at: datetime
    ) -> UUID | None:
        """The disposition behind a number, for this call or else the agent's last one. ``agent``: id and extension. The call
        it was set for; None when there is no call, no such number, or one that demands what a phone cannot say."""
        agent_id, extension = agent
        async with self._pool.transaction() as db:
            call_id = call or await db.fetchval(_LAST_CALL, tenant_id, agent_id)
            if call_id is None:
                return None
            given = Given(id=new_id, call_id=call_id, at=at, via="phone", agent_id=agent_id, extension=extension)
            try:
                code = await dispositions.by_number(db, tenant_id, number)
                await dispositions.give(db, tenant_id, code, given)
            except Refusal:
                return None
        return UUID(str(call_id))
