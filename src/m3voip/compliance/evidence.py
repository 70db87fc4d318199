"""What the rules look at: all that is known at one moment, read in the transaction that records the attempt."""

from __future__ import annotations

from msgspec import Struct


class DialSettings(Struct, frozen=True, kw_only=True):
    """How a tenant's people may dial; the columns of ``dial_settings`` (migrations/0017_clearance.sql). The defaults are those
    of a tenant that has set nothing: nobody."""

    region: str = ""
    countries: tuple[str, ...] = ()
    premium: bool = False
    satellite: bool = False
    max_calls: int = 0
    max_calls_per_min: int = 0
    caller_id: str = ""


class Evidence(Struct, frozen=True, kw_only=True):
    """``listed``: the number is in the tenant's do-not-call register. ``shown``: the caller id that was asked for, "" = none
    was; ``offers``: those to take then, in this order; ``verified``: which of all these are the tenant's. ``live`` and
    ``recent``: the tenant's attempts that are not over, and those of the last minute. ``trunks``: what could carry the call, in
    order; ``trunks_skipped``: what could not, and why."""

    settings: DialSettings
    listed: bool
    shown: str
    offers: tuple[str, ...]
    verified: frozenset[str]
    live: int
    recent: int
    trunks: tuple[str, ...]
    trunks_skipped: tuple[str, ...]
