"""Which rule of a route holds for a call, and why: the whole decision, for calls and for operators who ask.

Law: same route, same situation, same decision. A caller falls into the same branch of a split whenever they call (a keyed
hash of the number), and making a branch larger moves nobody out of it who was in it, if it is the first. ``why`` holds
neither numbers nor names.
"""

from __future__ import annotations

from collections.abc import Mapping
from datetime import date, datetime
from functools import cached_property
from hashlib import blake2b
from zoneinfo import ZoneInfo

from msgspec import UNSET, Struct, UnsetType

from m3voip.core.phone import country, digits
from m3voip.ivr.opening import DAYS, Opening, OpeningHours, holidays_of, parse_week
from m3voip.routing.model import THERE, Preferred, Route, Rule, Target

OTHERWISE = ""
"""The name of the rule that holds when none does."""
_NOTHING = ("", "0", "false", "no", "null")
_NO_ANSWER = "the CRM gave no answer in time"


class Situation(Struct, frozen=True, kw_only=True):
    """What is known of a call. ``lists`` and ``language``: of the caller, as listed. ``anybody`` stands for the number of a
    caller who withholds it. ``crm``: its answer; None when there was none; not set while it has not been asked."""

    now: datetime
    caller: str
    lists: frozenset[str] = frozenset()
    language: str = ""
    anybody: str = ""
    crm: Mapping[str, str] | UnsetType | None = UNSET


class Look(Struct, frozen=True, kw_only=True):
    """A rule that was looked at."""

    rule: str
    holds: bool
    why: str


class Decision(Struct, frozen=True, kw_only=True):
    """Where the call goes, by which rule, and what the rules set on the way. ``looks`` in their order."""

    rule: str
    target: Target
    looks: tuple[Look, ...]
    preferred: Preferred | None = None
    priority: int | None = None
    language: str = ""

    @property
    def why(self) -> str:
        """Why this rule."""
        return self.looks[-1].why if self.rule and self.looks else "no rule holds"


class _Seen:
    """A situation as conditions look at it: what several of them need is worked out once."""

    def __init__(self, situation: Situation, zone: ZoneInfo) -> None:
        self.situation = situation
        self.number = digits(situation.caller)
        self.local = situation.now.astimezone(zone)
        self.language = situation.language or _answered(situation, "language")

    @cached_property
    def country(self) -> str:
        """Of the number; "" when it has none."""
        return country(self.number)

    @cached_property
    def clock(self) -> str:
        """The time for people."""
        return f"{DAYS[self.local.weekday()]} {self.local:%H:%M} in {self.local.tzinfo}"


class _CrmNeeded(Exception):  # noqa: N818  # not an error: the decision has to wait for an answer
    pass


class CompiledRules:
    """A route that lint has passed, ready for decisions. ``split_key``: so that a caller's branch in one route says
    nothing of that in another."""

    def __init__(self, route: Route, split_key: bytes) -> None:
        self.route = route
        self._key = split_key
        self._zone = ZoneInfo(route.timezone or "UTC")
        self._weeks = {
            rule.name: OpeningHours(zone=self._zone, week=parse_week(rule.when.week))
            for rule in route.rules
            if rule.when.week
        }
        self._closed = frozenset(route.closed_dates)
        self._rules = {rule.name: rule for rule in route.rules}
        self._given = {rule.name: tuple(rule.when.given()) for rule in route.rules}

    def decide(self, situation: Situation) -> Decision | None:
        """The decision; None when the CRM has to be asked before it can be made."""
        looks: list[Look] = []
        priority, seen = None, _Seen(situation, self._zone)
        for rule in self.route.rules:
            try:
                holds, why = self._look(rule, seen)
            except _CrmNeeded:
                return None
            looks.append(Look(rule=rule.name, holds=holds, why=why))
            if not holds:
                continue
            if situation.crm is UNSET and rule.preferred is not None and rule.preferred.crm:
                return None
            priority = priority if rule.set.priority is None else rule.set.priority
            seen.language = rule.set.language or seen.language
            if rule.leads_on:
                return Decision(
                    rule=rule.name,
                    target=self.target(rule.name, seen.number or situation.anybody),
                    looks=tuple(looks),
                    preferred=rule.preferred,
                    priority=priority,
                    language=seen.language,
                )
        otherwise = self.route.otherwise
        return Decision(rule=OTHERWISE, target=otherwise, looks=tuple(looks), priority=priority, language=seen.language)

    def target(self, name: str, caller: str) -> Target:
        """Where a rule that holds leads; a split goes by ``caller``."""
        rule = self._rules.get(name)
        if rule is None or not rule.leads_on:
            return self.route.otherwise
        if rule.to is not None:
            return rule.to
        place, reached = bucket(self._key, name, caller), 0
        for branch in rule.split:
            reached += branch.percent
            if place < reached:
                return branch.to
        return self.route.otherwise

    def preferred(self, name: str) -> Preferred | None:
        """Whom a rule rings first."""
        rule = self._rules.get(name)
        return rule.preferred if rule else None

    def _look(self, rule: Rule, seen: _Seen) -> tuple[bool, str]:
        """Whether a rule holds, by its first condition that does not, or by all."""
        held = []
        for name in self._given[rule.name]:
            holds, why = self._condition(name, rule, seen)
            if not holds:
                return False, why
            held.append(why)
        return True, "; ".join(held) or "it has no conditions"

    def _condition(self, name: str, rule: Rule, seen: _Seen) -> tuple[bool, str]:  # noqa: PLR0911 (a table)
        when, number = rule.when, seen.number
        match name:
            case "week":
                holds = self._weeks[rule.name].at(seen.situation.now) is Opening.OPEN
                return holds, f"{seen.clock} is {'within' if holds else 'outside'} its hours"
            case "holiday":
                is_one = self._is_holiday(seen.local.date())
                return is_one is when.holiday, f"it is {'a' if is_one else 'no'} holiday"
            case "withheld":
                return (not number) is when.withheld, f"the number is {'not ' if number else ''}withheld"
            case "prefixes":
                holds = bool(number) and any(f"+{number}".startswith(prefix) for prefix in when.prefixes)
                return holds, f"the number begins with {'one' if holds else 'none'} of its prefixes"
            case "countries":
                holds = bool(number) and seen.country in when.countries
                return holds, f"the number is from {'one' if holds else 'none'} of its countries"
            case "lists":
                on = seen.situation.lists.intersection(when.lists)
                return bool(on), f"the caller is on {f'the list {min(on)}' if on else 'none of its lists'}"
            case "languages":
                return self._speaks(rule, seen)
            case _:
                return self._crm_says(rule, seen.situation)

    def _speaks(self, rule: Rule, seen: _Seen) -> tuple[bool, str]:
        question, language = self.route.crm, seen.language
        if not language and seen.situation.crm is UNSET and question is not None and "language" in question.extract:
            raise _CrmNeeded
        return language in rule.when.languages, f"the language is {language or 'not known'}"

    def _crm_says(self, rule: Rule, situation: Situation) -> tuple[bool, str]:
        if situation.crm is UNSET:
            raise _CrmNeeded
        if situation.crm is None:
            return False, _NO_ANSWER
        for variable, wanted in rule.when.crm.items():
            value = situation.crm.get(variable, "").strip().casefold()
            if value in _NOTHING if wanted == THERE else value != wanted.casefold():
                return False, f"the CRM answered otherwise for {variable}"
        return True, f"the CRM answered so for {', '.join(rule.when.crm)}"

    def _is_holiday(self, today: date) -> bool:
        return today in self._closed or any(today in holidays_of(region, today.year) for region in self.route.holidays)


def bucket(key: bytes, rule: str, caller: str) -> int:
    """0 to 99, the same for the same caller of the same rule."""
    digest = blake2b(f"{rule}\x00{caller}".encode(), key=key, digest_size=8).digest()
    return int.from_bytes(digest) % 100


def _answered(situation: Situation, variable: str) -> str:
    crm = situation.crm
    return "" if crm is UNSET or crm is None else crm.get(variable, "").strip().lower()[:2]
