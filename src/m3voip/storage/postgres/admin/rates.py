"""A trunk's rate deck: what a minute costs, by prefix."""

from __future__ import annotations

from collections.abc import Mapping
from decimal import Decimal
from uuid import UUID

from m3voip.storage.postgres.admin.table import Db


async def get(db: Db, tenant_id: UUID, trunk_id: UUID) -> dict[str, Decimal]:
    """Prefix → price of a minute."""
    rows = await db.fetch(
        "SELECT prefix, per_minute FROM rate WHERE tenant_id = $1 AND trunk_id = $2 ORDER BY prefix",
        tenant_id,
        trunk_id,
    )
    return {row["prefix"]: row["per_minute"] for row in rows}


async def put(db: Db, tenant_id: UUID, trunk_id: UUID, rates: Mapping[str, Decimal]) -> None:
    """Replace the deck."""
    await db.execute("DELETE FROM rate WHERE tenant_id = $1 AND trunk_id = $2", tenant_id, trunk_id)
    await db.execute(
        "INSERT INTO rate (tenant_id, trunk_id, prefix, per_minute)"
        " SELECT $1, $2, * FROM unnest($3::text[], $4::numeric[])",
        tenant_id,
        trunk_id,
        list(rates),
        list(rates.values()),
    )
