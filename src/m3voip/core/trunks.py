"""Which trunk carries a call out. Pure: what the trunks are, how each is at this moment, and the time come as arguments.

Theory of operation. Trunks are tried in the order of their priority and, among equals, of what the call costs by their rate
decks. One is passed over while it is full (calls at once, calls in a second), rests, or is known not to answer. A trunk that
fails twice in a row rests, longer each time; when its rest is over one call at a time finds out whether it is well. An emergency
call passes over none, but tries those first that are well.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from datetime import datetime, timedelta
from decimal import Decimal
from uuid import UUID

from msgspec import Struct
from msgspec.structs import replace

SICK_AT = 2
"""So many failures in a row make a trunk rest: one may be the route to one number."""
FIRST_REST, LONGEST_REST = timedelta(seconds=30), timedelta(minutes=15)
SECOND = timedelta(seconds=1)


class Trunk(Struct, frozen=True, kw_only=True):
    """A carrier that can be called through. ``rates``: prefix → price of a minute, in minor units of ``currency``. 0 calls is any
    number of calls."""

    tenant_id: UUID
    name: str
    priority: int = 100
    max_calls: int = 0
    max_calls_per_s: int = 0
    caller_id: str = ""
    currency: str = ""
    rates: Mapping[str, Decimal] = {}

    def price(self, digits: str) -> Decimal | None:
        """What a minute costs by the longest prefix; None where the deck does not say."""
        for length in range(len(digits), 0, -1):
            found = self.rates.get(digits[:length])
            if found is not None:
                return found
        return None


class Condition(Struct, frozen=True, kw_only=True):
    """How a trunk is. ``reachable``: whether it answers when asked (OPTIONS), ``registered``: whether it knows us; None = that
    is not known, or not wanted. ``trying``: a call finds out whether it is well again."""

    live: int = 0
    started: tuple[datetime, ...] = ()
    failures: int = 0
    rests_until: datetime | None = None
    trying: bool = False
    reachable: bool | None = None
    registered: bool | None = None


class TrunkReached(Struct, frozen=True, kw_only=True):
    """A trunk answered when it was asked (OPTIONS), or did not. ``endpoint`` is the telephony node's name."""

    endpoint: str
    reachable: bool


class TrunkRegistered(Struct, frozen=True, kw_only=True):
    """A carrier took our registration, or did not. It is known by ``endpoint`` or by ``account`` (``sip:user@host:port``)."""

    registered: bool
    endpoint: str = ""
    account: str = ""


TrunkEvent = TrunkReached | TrunkRegistered


class Choice(Struct, frozen=True, kw_only=True):
    """Names of trunks to try, in this order; and those that were passed over, each with the reason."""

    order: tuple[str, ...] = ()
    skipped: tuple[tuple[str, str], ...] = ()

    @property
    def reasons(self) -> tuple[str, ...]:
        """Why those were passed over, in sentences."""
        return tuple(f"{name}: {why}" for name, why in self.skipped)


def choose(
    trunks: Iterable[Trunk],
    conditions: Mapping[str, Condition],
    number: str,
    now: datetime,
    *,
    emergency: bool = False,
    besides: Iterable[str] = (),
) -> Choice:
    """Order the trunks of one tenant for a number in digits. ``besides``: those that have been tried."""
    tried = frozenset(besides)
    left = [trunk for trunk in trunks if trunk.name not in tried]
    reasons = {trunk.name: unfit(trunk, conditions.get(trunk.name, Condition()), now) for trunk in left}
    ordered = _by_cost(left, number)
    if emergency:
        ordered = [*(one for one in ordered if not reasons[one.name]), *(one for one in ordered if reasons[one.name])]
        return Choice(order=tuple(one.name for one in ordered))
    return Choice(
        order=tuple(one.name for one in ordered if not reasons[one.name]),
        skipped=tuple((one.name, reasons[one.name]) for one in ordered if reasons[one.name]),
    )


def _by_cost(trunks: Iterable[Trunk], number: str) -> list[Trunk]:
    """By priority, then price, then name. What has no price is dearer than what has one; prices of different currencies say
    nothing about each other."""
    ordered: list[Trunk] = []
    pending = sorted(trunks, key=lambda one: (one.priority, one.name))
    for priority in dict.fromkeys(one.priority for one in pending):
        peers = [one for one in pending if one.priority == priority]
        prices = {one.name: one.price(number) for one in peers}
        if len({one.currency for one in peers if prices[one.name] is not None}) <= 1:
            peers.sort(key=lambda one: (prices[one.name] is None, prices[one.name] or Decimal(0), one.name))
        ordered += peers
    return ordered


def unfit(trunk: Trunk, condition: Condition, now: datetime) -> str:
    """Why a trunk is passed over, in a few words; "" when it is not."""
    if condition.registered is False:
        return "it does not know us (unregistered)"
    if condition.reachable is False:
        return "it does not answer"
    if condition.rests_until is not None and now < condition.rests_until:
        return f"it rests after {condition.failures} failures"
    if condition.trying:
        return "a call is finding out whether it is well again"
    if trunk.max_calls and condition.live >= trunk.max_calls:
        return f"it is full ({condition.live} of {trunk.max_calls} calls)"
    if trunk.max_calls_per_s and len(_recent(condition, now)) >= trunk.max_calls_per_s:
        return f"it takes {trunk.max_calls_per_s} calls a second"
    return ""


def _recent(condition: Condition, now: datetime) -> tuple[datetime, ...]:
    return tuple(at for at in condition.started if timedelta() <= now - at < SECOND)


def started(condition: Condition, now: datetime) -> Condition:
    """A call begins through it."""
    trying = condition.failures >= SICK_AT
    return replace(condition, live=condition.live + 1, started=(*_recent(condition, now), now), trying=trying)


def ended(condition: Condition) -> Condition:
    """One of its calls is over, or never was."""
    return replace(condition, live=max(0, condition.live - 1), trying=False)


def worked(condition: Condition) -> Condition:
    """It got through to a callee: it is well."""
    return replace(condition, failures=0, rests_until=None, trying=False)


def change(condition: Condition, **seen: bool) -> Condition:
    """What the telephony node tells of it: ``reachable``, ``registered``."""
    return replace(condition, **seen)


def failed(condition: Condition, now: datetime) -> Condition:
    """It did not."""
    failures = condition.failures + 1
    if failures < SICK_AT:
        return replace(condition, failures=failures, trying=False)
    rest = min(FIRST_REST * 2 ** min(failures - SICK_AT, 10), LONGEST_REST)
    return replace(condition, failures=failures, rests_until=now + rest, trying=False)
