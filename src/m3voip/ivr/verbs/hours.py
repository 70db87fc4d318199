"""``hours``: is somebody there now? Weekly opening hours in a time zone, public holidays, and extra closed dates."""

from __future__ import annotations

from datetime import date
from typing import Annotated
from zoneinfo import ZoneInfo, available_timezones

from msgspec import Meta, field

from m3voip.core.call import Step
from m3voip.ivr.node import Node, SilentNode, Turn
from m3voip.ivr.opening import DAYS, HoursError, Opening, OpeningHours, Span, holidays_of, parse_days, parse_span
from m3voip.ivr.opening import parse_week as parse
from m3voip.ivr.prompts import PromptBook
from m3voip.ivr.verbs import fields
from m3voip.ivr.verbs.base import Exit, Report, Verb

_ANY_YEAR = 2026


class Hours(Verb, frozen=True, kw_only=True):
    """Go different ways by the time of the week and the day of the year."""

    VERB = "hours"

    timezone: Annotated[str, Meta(description="The office's time zone, e.g. America/New_York.")]
    week: Annotated[
        dict[str, str | list[str]],
        Meta(description="Days → opening hours, e.g. mon-fri: 09:00-17:30; several ranges as a list."),
    ]
    open: fields.Target = ""
    closed: fields.Target = ""
    holiday: Annotated[str, Meta(description="The node for holidays and closed dates; by default that of closed.")] = ""
    holidays: Annotated[str, Meta(description="Region of public holidays: US, US-MA, DE-BY, GB …")] = ""
    closed_dates: Annotated[list[str], Meta(description="Further days without service, like 2026-12-24.")] = field(
        default_factory=list
    )

    def exits(self) -> tuple[Exit, ...]:
        """Open, closed, holiday."""
        holiday = (Exit("holiday", self.holiday, "holiday"),) if self.holiday else ()
        return (Exit("open", self.open, "open"), Exit("closed", self.closed, "closed"), *holiday)

    def label(self) -> str:
        """The week, the zone, the region."""
        week = ", ".join(f"{days} {h if isinstance(h, str) else ' + '.join(h)}" for days, h in self.week.items())
        return f"{week} ({self.timezone})" + (f", holidays {self.holidays}" if self.holidays else "")

    def check(self, report: Report) -> None:
        """A real zone, region and dates; ranges that can be read and that matter."""
        if self.timezone not in available_timezones():
            advice = "use a name like America/New_York or Europe/Berlin"
            report("bad-timezone", f"there is no time zone '{self.timezone}'", advice, "timezone")
        if self.holidays:
            self._check_region(report)
        for index, text in enumerate(self.closed_dates):
            try:
                date.fromisoformat(text)
            except ValueError:
                report("bad-date", f"'{text}' is not a date", "write it like 2026-12-24", "closed_dates", str(index))
        self._check_week(report)

    def _check_region(self, report: Report) -> None:
        try:
            holidays_of(self.holidays, _ANY_YEAR)
        except HoursError as fault:
            report("bad-region", str(fault), "use a country or country-state code: US, US-MA, DE-BY", "holidays")

    def _check_week(self, report: Report) -> None:
        seen: dict[int, list[Span]] = {}
        readable = True
        for days, hours in self.week.items():
            try:
                numbers = parse_days(days)
                spans = [parse_span(text) for text in ([hours] if isinstance(hours, str) else hours)]
            except HoursError as fault:
                report("bad-hours", str(fault), "write it like mon-fri: 09:00-17:30", "week", days)
                readable = False
                continue
            for day in numbers:
                for span in spans:
                    if any(span.begin < other.end and other.begin < span.end for other in seen.get(day, [])):
                        message = f"a range of '{days}' overlaps another range of {DAYS[day]}"
                        report("useless-hours", message, "give each minute of a day once", "week", days)
                        return
                    seen.setdefault(day, []).append(span)
        minutes = sum(span.end - span.begin for spans in seen.values() for span in spans)
        if not minutes and readable:
            report("useless-hours", "it is never open", "add days to week, or leave this node out", "week")
        elif minutes == 7 * 24 * 60 and not self.holidays and not self.closed_dates:
            report("useless-hours", "it is always open", "leave this node out, or shorten the week", "week")

    def compile(self, name: str, book: PromptBook) -> Node:
        """The node."""
        return HoursNode(name, self)

    def opening(self) -> OpeningHours:
        """The hours, as checked by lint."""
        return OpeningHours(
            zone=ZoneInfo(self.timezone),
            week=parse(self.week),
            region=self.holidays,
            closed_dates=frozenset(date.fromisoformat(text) for text in self.closed_dates),
        )


class HoursNode(SilentNode):
    """Looks at the clock it is given."""

    __slots__ = ("_opening", "_targets")
    verb = Hours.VERB

    def __init__(self, name: str, spec: Hours) -> None:
        super().__init__(name)
        self._opening = spec.opening()
        self._targets = {
            Opening.OPEN: spec.open,
            Opening.CLOSED: spec.closed,
            Opening.HOLIDAY: spec.holiday or spec.closed,
        }

    def cross(self, step: Step, turn: Turn) -> tuple[Step, str]:
        """Decide by ``now``."""
        return step, self._targets[self._opening.at(turn.now)]
