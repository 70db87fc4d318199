"""Bans of SIP sources and the addresses of our own phones, as the engine writes them (port BanStore).

Everything here raises StorageUnavailable within a few seconds when Postgres is away.
"""

from __future__ import annotations

import os
from collections.abc import Mapping
from datetime import datetime, timedelta
from uuid import UUID

from m3voip.core.ids import uuid7
from m3voip.core.sources import FORGIVEN_AFTER, HOME_FOR, Network, Why, ban_length
from m3voip.storage.postgres.pool import Pool

_EARLIER = """
select count(*), coalesce(bool_or(until > $2 and lifted_at is null), false) as banned
  from sip_ban where source = $1 and until > $3 and lifted_at is null"""
_BAN = "insert into sip_ban (id, tenant_id, source, why, since, until, earlier) values ($1, $2, $3, $4, $5, $6, $7)"
_FORGET_BANS = "delete from sip_ban where until < $1"
_HOME = """
insert into sip_home (tenant_id, source, seen_at) values ($1, $2, $3)
    on conflict (tenant_id, source) do update set seen_at = greatest(sip_home.seen_at, excluded.seen_at)"""

_FORGET_HOMES = "delete from sip_home where seen_at < $1"

KEPT_FOR = timedelta(days=90)
"""After their end, bans can be looked up so long."""


class PostgresBans:
    """Over the engine's pool; rows are ``tenant_id``'s, who runs the node."""

    def __init__(self, pool: Pool, tenant_id: UUID) -> None:
        self._pool = pool
        self._tenant_id = tenant_id

    async def ban(self, source: Network, why: Why, now: datetime) -> datetime | None:
        """Ban a source from now on, longer each time; until when, None where it is banned already. A ban that was lifted does
        not count."""
        async with self._pool.transaction() as db:
            row = await db.fetchrow(_EARLIER, source, now, now - FORGIVEN_AFTER)
            assert row is not None
            if row["banned"]:
                return None
            until = now + ban_length(row["count"])
            ban_id = uuid7(now, os.urandom(10))
            await db.execute(_BAN, ban_id, self._tenant_id, source, why.value, now, until, row["count"])
            await db.execute(_FORGET_BANS, now - KEPT_FOR)
        return until

    async def homes(self, seen: Mapping[Network, datetime]) -> None:
        """Phones of ours are there."""
        async with self._pool.transaction() as db:
            await db.executemany(_HOME, [(self._tenant_id, source, at) for source, at in sorted(seen.items(), key=str)])
            await db.execute(_FORGET_HOMES, max(seen.values()) - HOME_FOR)
