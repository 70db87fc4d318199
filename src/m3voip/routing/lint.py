"""What is wrong with a route, each fault with the field that has it, spelled as the API spells it (``rules.2.to.queueId``).

A route with faults is not stored, so what calls meet has passed these rules.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from re import fullmatch
from uuid import UUID
from zoneinfo import available_timezones

import phonenumbers
from msgspec import Struct

from m3voip.ivr.opening import HoursError, holidays_of, parse_days, parse_span
from m3voip.ivr.template import BUILT_IN
from m3voip.ivr.verbs.fields import VARIABLE
from m3voip.ivr.verbs.http import DOTTED, PATH
from m3voip.routing.model import Preferred, Route, Rule, Target, When

_ANY_YEAR = 2026
_FIELDS = {"tree": "treeId", "queue": "queueId", "mailbox": "mailboxId", "agent": "agentId"}
_CALLED = {"tree": "IVR tree"}
_NUMBERED = ("prefixes", "countries", "lists")
"""Conditions that a withheld number cannot meet."""


class Fault(Struct, frozen=True):
    """One fault: the field, and what to do about it."""

    field: str
    message: str


def check(route: Route, known: Mapping[UUID, str] | None = None) -> tuple[Fault, ...]:
    """All faults. ``known``: what exists of the ids that the route names, id → kind; None where that is not known."""
    return tuple(
        Fault(field, message)
        for faults in (_calendar(route), _question(route), _targets(route, known), _rules(route), _order(route))
        for field, message in faults
    )


_Faults = Iterator[tuple[str, str]]


def _calendar(route: Route) -> _Faults:
    if route.timezone and route.timezone not in available_timezones():
        yield "timezone", "is no time zone; use a name like America/New_York or Europe/Berlin."
    elif not route.timezone and any(rule.when.week or rule.when.holiday is not None for rule in route.rules):
        yield "timezone", "is required, because a rule looks at the time; for example America/New_York."
    for number, region in enumerate(route.holidays):
        try:
            holidays_of(region, _ANY_YEAR)
        except HoursError:
            yield f"holidays.{number}", "is no region; use a country or a part of one: US, US-MA, DE-BY."
        around = region.partition("-")[0]
        if region in route.holidays[:number]:
            yield f"holidays.{number}", "is given twice; give each region once."
        elif region != around and around in route.holidays:
            yield f"holidays.{number}", f"overlaps {around}, whose holidays it has already; leave {around} out."


def _question(route: Route) -> _Faults:
    question = route.crm
    if question is None:
        return
    if (
        not fullmatch(PATH, question.path)
        or {"{", "}"} & set(question.path)
        or ".." in question.path
        or "//" in question.path
    ):
        yield "crm.path", "must be a plain path under the CRM's address, for example /v1/callers/lookup."
    for name, dotted in question.extract.items():
        if not fullmatch(VARIABLE, name) or name in BUILT_IN:
            yield f"crm.extract.{name}", "is no name for a variable; use a-z, 0-9 and _, and neither caller nor did."
        if not fullmatch(DOTTED, dotted):
            yield f"crm.extract.{name}", "must be names with dots between, for example data.vip."


def _targets(route: Route, known: Mapping[UUID, str] | None) -> _Faults:
    for at, target in route.targets():
        yield from _one_target(at, target)
    for at, kind, place in route.places():
        if known is not None and known.get(place) != kind:
            what = _CALLED.get(kind, kind)
            yield f"{at}.{_FIELDS[kind]}", f"There is no {what} with this id; create it first or correct the id."


def _one_target(at: str, target: Target) -> _Faults:
    if len(target.named()) + target.reject != 1:
        yield at, "must say exactly one of treeId, queueId, mailboxId, agentId and reject: true."


def _rules(route: Route) -> _Faults:
    names: set[str] = set()
    for number, rule in enumerate(route.rules):
        at = f"rules.{number}"
        if rule.name in names:
            yield f"{at}.name", "is the name of an earlier rule, too; give each rule its own."
        names.add(rule.name)
        yield from _where(at, rule)
        yield from _when(f"{at}.when", rule.when, route)
        if rule.preferred is not None:
            yield from _first(f"{at}.preferred", rule.preferred, route)


def _where(at: str, rule: Rule) -> _Faults:
    if rule.to is not None and rule.split:
        yield f"{at}.split", "cannot stand beside to; a rule leads to one place or splits."
    if rule.split and (total := sum(branch.percent for branch in rule.split)) != 100:
        yield f"{at}.split", f"adds up to {total} percent; it must be 100."
    if not rule.leads_on and rule.preferred is not None:
        yield f"{at}.preferred", "needs to or split: where the call goes when that agent does not answer."
    elif not rule.leads_on and rule.set.priority is None and not rule.set.language:
        yield at, "does nothing; add to, split or set."


def _when(at: str, when: When, route: Route) -> _Faults:
    yield from _week(f"{at}.week", when)
    if when.holiday is not None and not route.holidays and not route.closed_dates:
        yield f"{at}.holiday", "has no holidays to look at; add holidays or closedDates to the route."
    if when.withheld and (others := [name for name in _NUMBERED if name in when.given()]):
        yield f"{at}.withheld", f"never holds together with {others[0]}; make two rules."
    for number, country in enumerate(when.countries):
        if country not in phonenumbers.SUPPORTED_REGIONS:
            yield f"{at}.countries.{number}", "is no country; use its two capital letters, for example DE."
    for variable in when.crm:
        if route.crm is None:
            yield f"{at}.crm", "needs crm in the route: what the CRM is asked."
            return
        if variable not in route.crm.extract:
            yield f"{at}.crm.{variable}", "is not among crm.extract of the route; add it there."


def _week(at: str, when: When) -> _Faults:
    for days, hours in when.week.items():
        try:
            parse_days(days)
            for text in [hours] if isinstance(hours, str) else hours:
                parse_span(text)
        except HoursError as fault:
            yield f"{at}.{days}", f"{fault}; write it like mon-fri: 09:00-17:30."


def _first(at: str, preferred: Preferred, route: Route) -> _Faults:
    if (preferred.agent_id is not None) + bool(preferred.last_agent_days) + bool(preferred.crm) != 1:
        yield at, "must say exactly one of agentId, lastAgentDays and crm."
    if preferred.crm and (route.crm is None or preferred.crm not in route.crm.extract):
        yield f"{at}.crm", "is not among crm.extract of the route; add it there."


def _order(route: Route) -> _Faults:
    """A rule behind one that takes all of its calls is never reached."""
    for number, rule in enumerate(route.rules):
        later = rule.when.given()
        for earlier in route.rules[:number]:
            given = earlier.when.given()
            if earlier.leads_on and all(later.get(name) == value for name, value in given.items()):
                why = (
                    "has the same conditions"
                    if given == later
                    else "has no conditions"
                    if not given
                    else "asks for less"
                )
                yield (
                    f"rules.{number}",
                    f"is never reached, because rule '{earlier.name}' before it {why}; reorder or delete.",
                )
                break
