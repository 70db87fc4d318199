"""Numbers that a tenant may show to those it calls."""

from __future__ import annotations

from datetime import datetime
from uuid import UUID

from msgspec import Struct

from m3voip.storage.postgres.admin.table import Table


class CallerIdRow(Struct, frozen=True, kw_only=True):
    """A verified number."""

    id: UUID
    number: str
    proof: str
    created_at: datetime


TABLE = Table(name="caller_id", what="caller id", row=CallerIdRow, written=frozenset({"verified_by"}))
