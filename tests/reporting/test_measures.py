"""Ratios are made from sums: the figure of the whole is never the average of the parts' figures."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from m3voip.reporting import measures as m

pytestmark = pytest.mark.unit

RATIOS = (m.service_level, m.answer_rate, m.abandon_rate)


@st.composite
def counts(draw: st.DrawFn) -> m.QueueCounts:
    answered, abandoned = draw(st.integers(0, 500)), draw(st.integers(0, 500))
    waits = st.floats(0, 3600, allow_nan=False)
    return m.QueueCounts(
        answered=answered, answered_in_time=draw(st.integers(0, answered)), abandoned=abandoned,
        short_abandoned=draw(st.integers(0, abandoned)), left=draw(st.integers(0, 100)), undecided=draw(st.integers(0, 9)),
        answered_wait_s=answered * draw(waits), longest_wait_s=draw(waits),
    )  # fmt: skip


@given(st.lists(counts(), min_size=1, max_size=5))
def test_a_ratio_of_the_whole_lies_between_those_of_its_parts(parts: list[m.QueueCounts]) -> None:
    whole = m.total(parts)
    assert whole.answered == sum(part.answered for part in parts)
    assert whole.longest_wait_s == max(part.longest_wait_s for part in parts)
    for ratio in RATIOS:
        known = [value for part in parts if (value := ratio(part)) is not None]
        value = ratio(whole)
        assert (value is None) is (known == [])
        if value is not None:
            assert 0 <= min(known) <= value <= max(known) <= 1


def test_a_quiet_hour_does_not_count_as_much_as_a_busy_one() -> None:
    busy, quiet = m.QueueCounts(answered=99, answered_in_time=99), m.QueueCounts(answered=1, answered_wait_s=400.0)
    assert m.service_level(m.total([busy, quiet])) == 0.99  # and not 0.5
    assert m.asa(m.total([busy, quiet])) == 4.0


def test_no_calls_are_not_none_of_the_calls() -> None:
    short = m.QueueCounts(abandoned=3, short_abandoned=3)
    assert [ratio(short) for ratio in (*RATIOS, m.asa)] == [None] * 4
