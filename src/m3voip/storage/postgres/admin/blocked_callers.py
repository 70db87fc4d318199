"""Callers who are turned away."""

from __future__ import annotations

from datetime import datetime
from uuid import UUID

from msgspec import Struct

from m3voip.storage.postgres.admin.table import Table


class BlockedCallerRow(Struct, frozen=True, kw_only=True):
    """A blocked caller, ``until`` None for good."""

    id: UUID
    digits: str
    reason: str
    until: datetime | None
    created_at: datetime


TABLE = Table(name="blocked_caller", what="blocked caller", row=BlockedCallerRow, called={"digits": "number"})
