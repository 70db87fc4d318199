"""Weekly opening hours with holidays: when is somebody there? Local wall-clock time, so daylight saving needs no care.

A day's hours are ``09:00-17:30`` (several: a list); ``24:00`` is the end of the day. Holidays come from the ``holidays``
library by region (``US-MA``, ``DE-BY``, ``GB``).
"""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from datetime import date, datetime
from enum import StrEnum
from functools import lru_cache
from zoneinfo import ZoneInfo

import holidays
from msgspec import Struct

DAYS = ("mon", "tue", "wed", "thu", "fri", "sat", "sun")
_SPAN = re.compile(r"(\d\d?):(\d\d)\s*-\s*(\d\d?):(\d\d)")
_DAY_END = 24 * 60


class HoursError(ValueError):
    """Hours that cannot be read; the message says what is wrong."""


class Opening(StrEnum):
    """What a moment is."""

    OPEN = "open"
    CLOSED = "closed"
    HOLIDAY = "holiday"


class Span(Struct, frozen=True, order=True):
    """Minutes of a day, ``begin`` included, ``end`` not."""

    begin: int
    end: int


class OpeningHours(Struct, frozen=True, kw_only=True):
    """A week, its zone, and the days on which it does not count. ``week`` has seven entries, Monday first."""

    zone: ZoneInfo
    week: tuple[tuple[Span, ...], ...]
    region: str = ""
    closed_dates: frozenset[date] = frozenset()

    def at(self, now: datetime) -> Opening:
        """What ``now`` (aware) is. Holidays and closed dates win over the week."""
        local = now.astimezone(self.zone)
        today = local.date()
        if today in self.closed_dates or (self.region and today in holidays_of(self.region, today.year)):
            return Opening.HOLIDAY
        minute = local.hour * 60 + local.minute
        spans = self.week[today.weekday()]
        return Opening.OPEN if any(span.begin <= minute < span.end for span in spans) else Opening.CLOSED


@lru_cache(maxsize=512)
def holidays_of(region: str, year: int) -> frozenset[date]:
    """The public holidays of a region (``US`` or ``US-MA``) in a year. Raises HoursError for an unknown region."""
    country, _, part = region.partition("-")
    try:
        return frozenset(holidays.country_holidays(country, subdiv=part or None, years=year, expand=False))
    except NotImplementedError as unknown:
        raise HoursError(f"the holiday region '{region}' is not known") from unknown


def parse_days(text: str) -> tuple[int, ...]:
    """``mon``, ``mon-fri`` or ``sat,sun`` → weekday numbers. Raises HoursError."""
    days: list[int] = []
    for part in text.lower().split(","):
        first, dash, last = (word.strip() for word in part.partition("-"))
        if first not in DAYS or (dash and last not in DAYS):
            raise HoursError(f"'{text}' names no day")
        begin = DAYS.index(first)
        end = DAYS.index(last) if dash else begin
        days += range(begin, end + 1) if end >= begin else [*range(begin, 7), *range(end + 1)]
    return tuple(days)


def parse_span(text: str) -> Span:
    """``09:00-17:30`` → Span. Raises HoursError."""
    match = _SPAN.fullmatch(text.strip())
    if not match:
        raise HoursError(f"'{text}' is not a time range like 09:00-17:30")
    from_h, from_m, to_h, to_m = (int(group) for group in match.groups())
    span = Span(from_h * 60 + from_m, to_h * 60 + to_m)
    if from_m > 59 or to_m > 59 or span.end > _DAY_END or span.begin >= _DAY_END:
        raise HoursError(f"'{text}' has a time that no clock shows")
    if span.end <= span.begin:
        raise HoursError(f"'{text}' ends before it begins; over midnight write two: one to 24:00, one from 00:00")
    return span


def parse_week(week: Mapping[str, str | Sequence[str]]) -> tuple[tuple[Span, ...], ...]:
    """Days → hours. A day named twice has both. Raises HoursError."""
    spans: list[list[Span]] = [[] for _ in DAYS]
    for days, hours in week.items():
        ranges = [hours] if isinstance(hours, str) else hours
        for day in parse_days(days):
            spans[day] += [parse_span(text) for text in ranges]
    return tuple(tuple(sorted(day)) for day in spans)
