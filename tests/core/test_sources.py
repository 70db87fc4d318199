"""When an address is a scanner's: what it takes, and what never does."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st

from m3voip.core.sources import HAMMERING, LENGTHS, TRIES, WINDOW, Failure, Seen, Why, ban_length, fail, source

pytestmark = pytest.mark.unit

T0 = datetime(2026, 11, 25, 10, tzinfo=UTC)
ANN, BOB = "e0000000101", "e0000000102"


def after(*failures: tuple[str, str], every: float = 1.0, secrets: bool = False) -> tuple[Seen, int, Why | None]:
    """What an address looks like after these (attempt, known name), how many it took, and why it is banned."""
    seen: Seen | None = None
    why: Why | None = None
    number = 0
    for number, (attempt, known) in enumerate(failures, 1):
        at = T0 + timedelta(seconds=every * number)
        seen, why = fail(seen, Failure(attempt=attempt, known=known, at=at, secret=secrets))
        if why is not None:
            break
    assert seen is not None
    return seen, number, why


def test_who_tries_names_is_banned_by_the_fifth_try() -> None:
    assert after(*((f"try {n}", "") for n in range(50)))[1:] == (TRIES, Why.UNKNOWN_NAMES)
    known_and_unknown = [(f"try {n}", ANN if n % 2 else "") for n in range(50)]
    assert after(*known_and_unknown)[1:] == (TRIES, Why.UNKNOWN_NAMES)
    assert after(*((f"try {n}", (ANN, BOB)[n % 2]) for n in range(50)))[1:] == (TRIES, Why.SEVERAL_NAMES)


def test_a_phone_that_is_set_up_wrongly_is_not_banned_in_a_day() -> None:
    day = 24 * 3600
    for known in (ANN, ""):  # a wrong secret; a wrong name, which it tries in one dialogue
        assert after(*[("its registration", known)] * (day // 15), every=15, secrets=True)[2] is None
    restarted = [(f"try {n}", ANN) for n in range(day // 15)]
    assert after(*restarted, every=15, secrets=True)[2] is None


def test_who_tries_secrets_of_one_name_is_banned_by_the_fifth() -> None:
    for known in (ANN, ""):
        assert after(*[("one", known)] * 50, every=0.5, secrets=True)[1:] == (TRIES, Why.HAMMERING)


def test_a_hundred_failures_in_ten_minutes_are_no_phone_s() -> None:
    assert after(*[("one", ANN)] * 500)[1:] == (HAMMERING, Why.HAMMERING)


def test_failures_that_lie_far_apart_are_not_added_up() -> None:
    assert after(*((f"try {n}", "") for n in range(TRIES)), every=WINDOW.total_seconds() + 1)[2] is None


@given(st.lists(st.tuples(st.sampled_from(["", "a", "b", "c", "d", "e", "f"]), st.just(ANN)), min_size=1, max_size=99))
def test_one_name_alone_bans_nobody_at_the_pace_of_phones(failures: list[tuple[str, str]]) -> None:
    assert after(*failures)[2] is None


@given(st.lists(st.tuples(st.text(max_size=3), st.sampled_from(["", ANN, BOB, *(f"e{n:010x}" for n in range(99))]))))
def test_what_is_remembered_of_an_address_is_bounded(failures: list[tuple[str, str]]) -> None:
    seen: Seen | None = None
    for attempt, known in failures:
        seen, _ = fail(seen, Failure(attempt=attempt, known=known, at=T0))
        assert len(seen.attempts) <= TRIES
        assert len(seen.known) <= TRIES


def test_bans_grow_and_end() -> None:
    lengths = [ban_length(earlier) for earlier in range(20)]
    assert lengths == sorted(lengths)
    assert (lengths[0], lengths[-1]) == (LENGTHS[0], timedelta(hours=24))


@pytest.mark.parametrize(
    ("address", "stands_for"),
    [
        ("192.0.2.7", "192.0.2.7/32"),
        ("2001:db8::1:2:3:4", "2001:db8::/64"),
        ("::ffff:192.0.2.7", "192.0.2.7/32"),
        ("", "None"),
        ("sip.example.net", "None"),
    ],
)
def test_whom_an_address_stands_for(address: str, stands_for: str) -> None:
    assert str(source(address)) == stands_for
