"""Where failed logins come from: when an address is a scanner's and is banned, and for how long. Pure.

Law: whoever has proved to be ours is never banned (that is for the caller of this to know); an office's one phone with a
wrong secret is not enough either, however often it tries in the pace of a phone. What is remembered of a name is a digest.
"""

from __future__ import annotations

from datetime import datetime, timedelta
from enum import StrEnum
from ipaddress import IPv4Network, IPv6Network, ip_address, ip_network

from msgspec import Struct

WINDOW = timedelta(minutes=10)
"""Failures that lie further apart do not belong together."""
TRIES = 5
"""Bar S-03."""
BURST = timedelta(seconds=10)
"""As many wrong secrets in so short a time no phone sends: even a hasty one comes back every quarter of a minute."""
HAMMERING = 100
"""Failures within the window, of whatever kind, that no phone makes."""
LENGTHS = (timedelta(minutes=1), timedelta(minutes=5), timedelta(minutes=30), timedelta(hours=4), timedelta(hours=24))
FORGIVEN_AFTER = timedelta(days=7)
"""Bans that ended before are not counted."""
HOME_FOR = timedelta(days=30)
"""So long after a phone of ours was registered there an address is not banned: an office after a power failure."""
MOST_BANS = 1000
"""In force at a time. More addresses than that are a flood, which is a firewall's work."""

Network = IPv4Network | IPv6Network


class Why(StrEnum):
    """What gave a source away."""

    UNKNOWN_NAMES = "unknown_names"
    SEVERAL_NAMES = "several_names"
    HAMMERING = "hammering"


class Failure(Struct, frozen=True, kw_only=True):
    """One request that was refused. ``attempt`` names the try (its requests share it; "" where that is told already);
    ``known`` is the endpoint whose secret was wrong, "" where nobody has the name; ``secret``: a secret came with it."""

    attempt: str
    known: str
    at: datetime
    secret: bool = False


class Seen(Struct, frozen=True, kw_only=True):
    """What one address has failed with since the first of these failures."""

    since: datetime
    attempts: frozenset[str] = frozenset()
    known: frozenset[str] = frozenset()
    unknown: bool = False
    secrets: tuple[datetime, ...] = ()
    failures: int = 0


def fail(seen: Seen | None, failure: Failure) -> tuple[Seen, Why | None]:
    """Add a failure; and why the address is to be banned, if it is."""
    if seen is None or failure.at - seen.since > WINDOW:
        seen = Seen(since=failure.at)
    known = seen.known | {failure.known} if failure.known and len(seen.known) < TRIES else seen.known
    new = {failure.attempt} if failure.attempt and len(seen.attempts) < TRIES else frozenset[str]()
    after = Seen(
        since=seen.since,
        attempts=seen.attempts | new,
        known=known,
        unknown=seen.unknown or not failure.known,
        secrets=(*seen.secrets, failure.at)[-TRIES:] if failure.secret else seen.secrets,
        failures=seen.failures + 1,
    )
    return after, _why(after)


def _why(seen: Seen) -> Why | None:
    if len(seen.attempts) >= TRIES and seen.unknown:
        return Why.UNKNOWN_NAMES
    if len(seen.attempts) >= TRIES and len(seen.known) > 1:
        return Why.SEVERAL_NAMES
    burst = len(seen.secrets) == TRIES and seen.secrets[-1] - seen.secrets[0] <= BURST
    return Why.HAMMERING if burst or seen.failures >= HAMMERING else None


def ban_length(earlier: int) -> timedelta:
    """For an address that has been banned so often lately."""
    return LENGTHS[min(earlier, len(LENGTHS) - 1)]


def source(address: str) -> Network | None:
    """Whom an address stands for: itself, and of IPv6 the /64 that one customer has. None where it is no address."""
    try:
        parsed = ip_address(address)
    except ValueError:
        return None
    if parsed.version == 6 and parsed.ipv4_mapped is not None:
        parsed = parsed.ipv4_mapped
    return ip_network((parsed, 32 if parsed.version == 4 else 64), strict=False)
