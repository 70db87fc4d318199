"""Bans of SIP sources, as the API shows and lifts them."""

from __future__ import annotations

from datetime import datetime
from uuid import UUID

from msgspec import Struct

from m3voip.core.sources import Network
from m3voip.storage.postgres.admin.refusals import Missing
from m3voip.storage.postgres.admin.table import Db

_PAGE = """
select id, source, why, since, until, earlier, lifted_at, (until > now() and lifted_at is null) as in_force from sip_ban
 where tenant_id = $1 and ($2::uuid is null or id > $2) and (not $3 or (until > now() and lifted_at is null))
 order by id limit $4"""
_LIFT = """
update sip_ban set lifted_at = coalesce(lifted_at, now()) where tenant_id = $1 and id = $2 returning true"""


class BanRow(Struct, frozen=True, kw_only=True):
    """A ban; ``in_force`` at the moment of reading."""

    id: UUID
    source: Network
    why: str
    since: datetime
    until: datetime
    earlier: int
    lifted_at: datetime | None
    in_force: bool


async def page(db: Db, tenant_id: UUID, after: str | None, limit: int, *, in_force: bool) -> list[BanRow]:
    """Up to ``limit + 1``, oldest first, after the one of this id."""
    rows = await db.fetch(_PAGE, tenant_id, after and UUID(after), in_force, limit + 1)
    return [BanRow(**row) for row in rows]


async def lift(db: Db, tenant_id: UUID, ban_id: UUID) -> None:
    """End a ban now. Lifted again it stays as it was. Raises Missing."""
    if not await db.fetchval(_LIFT, tenant_id, ban_id):
        raise Missing("ban")
