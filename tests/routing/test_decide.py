"""The first rule that holds leads on; the decision is the same for the same call, and says why."""

from __future__ import annotations

from collections import Counter
from datetime import UTC, date, datetime, timedelta
from typing import Any
from zoneinfo import ZoneInfo

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from msgspec import UNSET
from msgspec.structs import replace

from m3voip.ivr.opening import holidays_of
from m3voip.routing.decide import Decision, Situation, bucket
from tests.routing.support import KEY, QUEUE, REJECT, TO_BOX, TO_OTHER, TO_QUEUE, TO_TREE, TREE, rule, rules_of

pytestmark = pytest.mark.unit

NOON = datetime(2026, 11, 25, 17, 0, tzinfo=UTC)
"""Wednesday, 12:00 in New York."""
YEARS = (datetime(2020, 1, 1), datetime(2035, 1, 1))  # noqa: DTZ001  # hypothesis wants them plain
NEW_YORK = "America/New_York"
ME = "+15557654321"


def at(now: datetime = NOON, caller: str = ME, **more: Any) -> Situation:
    return Situation(now=now, caller=caller, **more)


def decided(decision: Decision | None) -> str:
    assert decision is not None
    return decision.rule


@pytest.mark.parametrize(
    ("when", "situation", "holds"),
    [
        ({}, at(), True),
        ({"week": {"mon-fri": "09:00-17:30"}}, at(), True),
        ({"week": {"mon-fri": ["09:00-12:00", "13:00-17:30"]}}, at(), False),
        ({"week": {"sat,sun": "00:00-24:00"}}, at(), False),
        ({"holiday": True}, at(), False),
        ({"holiday": False}, at(), True),
        ({"holiday": True}, at(datetime(2026, 11, 26, 17, tzinfo=UTC)), True),  # Thanksgiving
        ({"holiday": True}, at(datetime(2026, 11, 27, 4, 59, tzinfo=UTC)), True),  # still Thursday over there
        ({"holiday": True}, at(datetime(2026, 11, 27, 5, 0, tzinfo=UTC)), False),
        ({"holiday": True}, at(datetime(2026, 12, 24, 17, tzinfo=UTC)), True),  # a closed date
        ({"withheld": True}, at(caller=""), True),
        ({"withheld": True}, at(), False),
        ({"withheld": False}, at(), True),
        ({"prefixes": ["+49", "+1555"]}, at(), True),
        ({"prefixes": ["+49", "+1555"]}, at(caller="15557654321"), True),  # a trunk that leaves the plus sign out
        ({"prefixes": ["+49"]}, at(), False),
        ({"prefixes": ["+1"]}, at(caller=""), False),
        ({"countries": ["DE", "FR"]}, at(caller="+4930901820"), True),
        ({"countries": ["US"]}, at(caller="+4930901820"), False),
        ({"countries": ["US"]}, at(caller=""), False),
        ({"countries": ["CA"]}, at(caller="+14165550123"), True),  # the same country code as the US
        ({"lists": ["vip", "press"]}, at(lists=frozenset({"press"})), True),
        ({"lists": ["vip"]}, at(lists=frozenset({"press"})), False),
        ({"languages": ["de"]}, at(language="de"), True),
        ({"languages": ["de"]}, at(language="fr"), False),
        ({"languages": ["de"]}, at(), False),
        ({"languages": ["de"]}, at(crm={"language": "DE"}), True),
        ({"crm": {"vip": "true"}}, at(crm={"vip": "True "}), True),
        ({"crm": {"vip": "true"}}, at(crm={"vip": "false"}), False),
        ({"crm": {"vip": "true"}}, at(crm={}), False),
        ({"crm": {"vip": "true"}}, at(crm=None), False),
        ({"crm": {"ticket": "*"}}, at(crm={"ticket": "T-17"}), True),
        ({"crm": {"ticket": "*"}}, at(crm={"ticket": "0"}), False),
        ({"crm": {"ticket": "*", "vip": "true"}}, at(crm={"ticket": "T-17", "vip": ""}), False),
        ({"lists": ["vip"], "week": {"wed": "11:00-13:00"}}, at(lists=frozenset({"vip"})), True),
        ({"lists": ["vip"], "week": {"wed": "11:00-12:00"}}, at(lists=frozenset({"vip"})), False),
    ],
)
def test_a_rule_holds_when_all_of_its_conditions_do(when: dict[str, Any], situation: Situation, holds: bool) -> None:
    rules = rules_of(
        rule("it", TO_QUEUE, when=when), timezone=NEW_YORK, holidays=["US-MA"], closed_dates=["2026-12-24"],
        crm={"path": "/x", "extract": {"vip": "v", "ticket": "t", "language": "l"}},
    )  # fmt: skip
    asked = situation if situation.crm is not UNSET else replace(situation, crm=None)
    decision = rules.decide(asked)
    assert (decided(decision) == "it") is holds
    assert decision is not None
    assert decision.target.place == (QUEUE if holds else TREE)
    (look,) = decision.looks
    assert (look.holds, bool(look.why)) == (holds, True)
    assert not any(secret in look.why for secret in ("5557654321", "90182", "T-17"))


def test_the_first_rule_that_holds_leads_on_and_later_ones_are_not_looked_at() -> None:
    rules = rules_of(
        rule("vip", TO_OTHER, when={"lists": ["vip"]}), rule("all", TO_QUEUE), rule("never", TO_BOX), otherwise=TO_TREE
    )
    assert decided(rules.decide(at())) == "all"
    decision = rules.decide(at(lists=frozenset({"vip"})))
    assert decision is not None
    assert (decision.rule, decision.why) == ("vip", "the caller is on the list vip")
    assert [look.rule for look in decision.looks] == ["vip"]


def test_a_rule_without_a_target_sets_and_lets_the_call_go_on() -> None:
    rules = rules_of(
        rule("german", when={"countries": ["DE"]}, set={"language": "de", "priority": 3}),
        rule("vip", when={"lists": ["vip"]}, set={"priority": 9}),
        rule("desk", TO_OTHER, when={"languages": ["de"]}),
    )
    decision = rules.decide(at(caller="+4930901820"))
    assert decision is not None
    assert (decision.rule, decision.priority, decision.language) == ("desk", 3, "de")
    vip = rules.decide(at(caller="+4930901820", lists=frozenset({"vip"})))
    assert vip is not None
    assert vip.priority == 9
    abroad = rules.decide(at(caller="+33140205050"))
    assert abroad is not None
    assert (abroad.rule, abroad.why, abroad.priority, abroad.language) == ("", "no rule holds", None, "")


def test_the_crm_is_asked_only_when_a_rule_needs_it() -> None:
    rules = rules_of(
        rule("withheld", REJECT, when={"withheld": True}),
        rule("open", TO_QUEUE, when={"week": {"wed": "09:00-10:00"}, "crm": {"vip": "true"}}),
        rule("night", TO_BOX, when={"week": {"wed": "20:00-24:00"}}),
        rule("owner", TO_OTHER, when={"week": {"wed": "12:00-13:00"}}, preferred={"crm": "owner"}),
        timezone=NEW_YORK, crm={"path": "/x", "extract": {"vip": "v", "owner": "o"}},
    )  # fmt: skip
    assert decided(rules.decide(at(caller=""))) == "withheld"
    assert rules.decide(at(NOON - timedelta(hours=2, minutes=30))) is None
    assert decided(rules.decide(at(NOON + timedelta(hours=10)))) == "night"
    assert rules.decide(at()) is None, "whom to ring first is the CRM's to say"
    assert decided(rules.decide(at(crm=None))) == "owner"
    assert decided(rules.decide(at(NOON - timedelta(hours=2, minutes=30), crm=None))) == ""


# Splits


HALVES = [{"percent": 30, "to": TO_QUEUE}, {"percent": 70, "to": TO_OTHER}]


def test_a_split_keeps_its_shares() -> None:
    rules = rules_of(rule("trial", split=HALVES))
    counted = Counter(target(rules, f"+1555{n:07}") for n in range(4000))
    assert 0.27 < counted[QUEUE] / 4000 < 0.33


def target(rules: Any, caller: str, **more: Any) -> Any:
    decision = rules.decide(at(caller=caller, **more))
    assert decision is not None
    return decision.target.place


@settings(deadline=None)
@given(st.integers(10**7, 10**14), st.datetimes(), st.integers(1, 98))
def test_a_caller_stays_in_the_branch_whenever_they_call_and_when_it_grows(
    number: int, when: datetime, share: int
) -> None:
    small, large = (
        rules_of(rule("trial", split=[{"percent": n, "to": TO_QUEUE}, {"percent": 100 - n, "to": TO_OTHER}]))
        for n in (share, share + 1)
    )
    first = target(small, f"+{number}")
    other_time = small.decide(Situation(now=when.replace(tzinfo=UTC), caller=str(number)))
    assert other_time is not None
    assert other_time.target.place == first
    if first == QUEUE:
        assert target(large, f"+{number}") == QUEUE


def test_routes_and_rules_split_independently_and_withheld_numbers_by_the_call() -> None:
    callers = [f"1555{n:07}" for n in range(500)]
    for key, name in ((b"another key 1234", "a"), (KEY, "b")):
        same = sum((bucket(KEY, "a", one) < 50) == (bucket(key, name, one) < 50) for one in callers)
        assert 150 < same < 350
    rules = rules_of(rule("trial", split=HALVES))
    assert len({target(rules, "", anybody=f"call-{n}") for n in range(50)}) == 2


# Clocks


@settings(max_examples=300, deadline=None)
@given(
    st.sampled_from(
        ["America/New_York", "Europe/Berlin", "Australia/Lord_Howe", "Africa/Casablanca", "Asia/Kathmandu", "UTC"]
    ),
    st.datetimes(*YEARS),
)
def test_hours_are_those_of_the_wall_clock_over_every_jump(zone: str, when: datetime) -> None:
    """Night written as two ranges covers midnight without a gap; day and night are never both or neither."""
    now = when.replace(tzinfo=UTC)
    night = {"mon-sun": ["20:00-24:00", "00:00-06:00"]}
    day = {"mon-sun": "06:00-20:00"}
    rules = rules_of(
        rule("night", TO_BOX, when={"week": night}), rule("day", TO_QUEUE, when={"week": day}), timezone=zone
    )
    hour = now.astimezone(ZoneInfo(zone)).hour
    assert decided(rules.decide(at(now))) == ("day" if 6 <= hour < 20 else "night")


@settings(max_examples=300, deadline=None)
@given(st.sampled_from(["US-MA", "DE-BY", "GB", "JP"]), st.datetimes(*YEARS))
def test_holidays_are_whole_days_of_the_route_s_zone(region: str, when: datetime) -> None:
    now = when.replace(tzinfo=UTC)
    rules = rules_of(rule("holiday", TO_BOX, when={"holiday": True}), timezone="Asia/Tokyo", holidays=[region])
    today: date = now.astimezone(ZoneInfo("Asia/Tokyo")).date()
    assert (decided(rules.decide(at(now))) == "holiday") is (today in holidays_of(region, today.year))
