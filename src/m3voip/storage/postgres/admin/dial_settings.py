"""How a tenant's people may dial. A tenant without a row may dial nobody but for help."""

from __future__ import annotations

from uuid import UUID

from m3voip.compliance.evidence import DialSettings
from m3voip.storage.postgres.admin.table import Db

_FIELDS = DialSettings.__struct_fields__
_GET = f"SELECT {', '.join(_FIELDS)} FROM dial_settings WHERE tenant_id = $1"  # noqa: S608
_PUT = (
    f"INSERT INTO dial_settings (tenant_id, {', '.join(_FIELDS)}) VALUES ($1, $2, $3, $4, $5, $6, $7, $8)"  # noqa: S608
    f" ON CONFLICT (tenant_id) DO UPDATE SET {', '.join(f'{name} = excluded.{name}' for name in _FIELDS)}"
)


async def get(db: Db, tenant_id: UUID) -> DialSettings:
    """Those that hold."""
    row = await db.fetchrow(_GET, tenant_id)
    return DialSettings() if row is None else DialSettings(**{**row, "countries": tuple(row["countries"])})


async def put(db: Db, tenant_id: UUID, settings: DialSettings) -> None:
    """Replace them."""
    await db.execute(_PUT, tenant_id, *(getattr(settings, name) for name in _FIELDS))
