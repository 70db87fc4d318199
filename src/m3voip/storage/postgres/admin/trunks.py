"""Trunks: the paths to carriers. A trunk's password can be written and not read."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime
from ipaddress import IPv4Network, IPv6Network
from uuid import UUID

from msgspec import Struct

from m3voip.storage.postgres.admin.table import Table


class TrunkRow(Struct, frozen=True, kw_only=True):
    """A trunk."""

    id: UUID
    name: str
    kind: str
    host: str
    port: int
    transport: str
    addresses: Sequence[IPv4Network | IPv6Network]
    username: str
    contact_user: str
    caller_id: str
    max_channels: int
    priority: int
    max_calls_per_s: int
    currency: str
    active: bool
    created_at: datetime
    updated_at: datetime


TABLE = Table(name="trunk", what="trunk", row=TrunkRow, written=frozenset({"secret"}))
