"""Which trunk carries a call: order, cost, caps, rest and trial, over any sequence of what may happen to them."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from decimal import Decimal
from uuid import UUID

import pytest
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, invariant, rule

from m3voip.core import trunks as tr
from m3voip.core.dial_result import DialResult, read
from m3voip.core.trunks import Condition, Trunk

pytestmark = pytest.mark.unit

T0 = datetime(2026, 11, 25, 9, 0, tzinfo=UTC)
NUMBER = "12025550143"


def trunk(name: str, **more: object) -> Trunk:
    return Trunk(tenant_id=UUID(int=1), name=name, **more)  # type: ignore[arg-type]


def rates(**prices: str) -> dict[str, Decimal]:
    return {prefix[1:]: Decimal(price) for prefix, price in prices.items()}


def test_priority_comes_first_then_what_the_longest_prefix_costs() -> None:
    trunks = [
        trunk("dear", currency="USD", rates=rates(p1="0.1", p1202="2")),
        trunk("cheap", currency="USD", rates=rates(p1="1", p12025="0.5")),
        trunk("unknown", currency="USD", rates=rates(p44="0")),
        trunk("first", priority=1, currency="USD", rates=rates(p1="9")),
        trunk("last", priority=200),
    ]
    assert tr.choose(trunks, {}, NUMBER, T0).order == ("first", "cheap", "dear", "unknown", "last")
    assert tr.choose(trunks, {}, NUMBER, T0, besides=("first", "cheap")).order == ("dear", "unknown", "last")


def test_prices_of_different_currencies_are_not_compared() -> None:
    trunks = [trunk("b", currency="JPY", rates=rates(p1="1")), trunk("a", currency="USD", rates=rates(p1="2"))]
    assert tr.choose(trunks, {}, NUMBER, T0).order == ("a", "b")


@pytest.mark.parametrize(
    ("condition", "why"),
    [
        (Condition(live=2), "full"),
        (Condition(started=(T0, T0, T0)), "calls a second"),
        (Condition(failures=2, rests_until=T0 + timedelta(seconds=1)), "rests"),
        (Condition(failures=2, rests_until=T0, trying=True), "finding out"),
        (Condition(reachable=False), "does not answer"),
        (Condition(registered=False), "unregistered"),
    ],
)
def test_who_cannot_take_it_is_passed_over_with_the_reason_but_not_for_help(condition: Condition, why: str) -> None:
    trunks = [trunk("a", max_calls=2, max_calls_per_s=3, priority=1), trunk("b")]
    choice = tr.choose(trunks, {"a": condition}, NUMBER, T0)
    assert choice.order == ("b",)
    assert why in choice.reasons[0]
    assert tr.choose(trunks, {"a": condition}, "911", T0, emergency=True).order == ("b", "a")
    assert tr.choose(trunks[:1], {"a": condition}, "911", T0, emergency=True).order == ("a",)


def test_a_sick_trunk_rests_longer_each_time_and_is_tried_by_one_call() -> None:
    condition, now, rests = Condition(), T0, []
    for _ in range(9):
        condition = tr.failed(condition, now)
        if condition.rests_until is not None:
            rests.append(condition.rests_until - now)
            now = condition.rests_until
    assert rests[:3] == [timedelta(seconds=30), timedelta(seconds=60), timedelta(seconds=120)]
    assert rests[-1] == tr.LONGEST_REST
    one = trunk("a")
    assert tr.unfit(one, condition, now) == ""
    condition = tr.started(condition, now)
    assert "finding out" in tr.unfit(one, condition, now)
    assert tr.unfit(one, tr.ended(tr.worked(condition)), now) == ""
    assert "rests" in tr.unfit(one, tr.failed(tr.ended(condition), now), now)


class Life(RuleBasedStateMachine):
    """A trunk of 3 calls at once and 2 a second, used whenever it is offered."""

    def __init__(self) -> None:
        super().__init__()
        self.trunk, self.condition, self.now = trunk("a", max_calls=3, max_calls_per_s=2), Condition(), T0
        self.live, self.begun = 0, [T0 - timedelta(days=1)]

    @rule(ms=st.integers(0, 40_000))
    def later(self, ms: int) -> None:
        self.now += timedelta(milliseconds=ms)

    @rule()
    def call(self) -> None:
        if tr.choose([self.trunk], {"a": self.condition}, NUMBER, self.now).order:
            self.condition = tr.started(self.condition, self.now)
            self.live += 1
            self.begun.append(self.now)

    @rule(works=st.booleans())
    def end(self, works: bool) -> None:
        if self.live:
            self.live -= 1
            ended = tr.ended(self.condition)
            self.condition = tr.worked(ended) if works else tr.failed(ended, self.now)

    @invariant()
    def caps_hold(self) -> None:
        assert self.condition.live == self.live <= 3
        assert all(later - first >= tr.SECOND for first, later in zip(self.begun, self.begun[2:], strict=False))

    @invariant()
    def it_is_never_lost_for_good(self) -> None:
        well = tr.choose([self.trunk], {"a": self.condition}, NUMBER, self.now + tr.LONGEST_REST + tr.SECOND)
        assert well.order or self.live


TestLife = Life.TestCase


@pytest.mark.parametrize(
    ("cause", "status", "rang", "result"),
    [
        (34, 503, False, DialResult.TRUNK_FAILED), (38, 500, False, DialResult.TRUNK_FAILED),
        (18, 408, False, DialResult.TRUNK_FAILED), (21, 403, False, DialResult.TRUNK_FAILED),
        (20, None, False, DialResult.TRUNK_FAILED), (58, 488, False, DialResult.TRUNK_FAILED),
        (17, 486, False, DialResult.BUSY), (17, 600, True, DialResult.BUSY), (17, None, False, DialResult.BUSY),
        (19, 480, False, DialResult.NO_ANSWER), (21, 603, True, DialResult.REJECTED),
        (1, 404, False, DialResult.UNALLOCATED), (22, 410, False, DialResult.UNALLOCATED),
        (34, 503, True, DialResult.NO_ANSWER), (18, 408, True, DialResult.NO_ANSWER), (16, None, True, DialResult.NO_ANSWER),
        (0, None, False, DialResult.UNKNOWN),
    ],
)  # fmt: skip
def test_only_a_way_that_is_bad_is_a_reason_for_the_next_trunk(
    cause: int, status: int | None, rang: bool, result: DialResult
) -> None:
    assert read(cause, status, rang=rang) is result


@given(cause=st.integers(0, 127), status=st.none() | st.integers(300, 699), silent=st.booleans())
def test_a_phone_that_rang_is_never_dialled_by_another_way(cause: int, status: int | None, silent: bool) -> None:
    assert read(cause, status, rang=True, silent=silent) is not DialResult.TRUNK_FAILED
