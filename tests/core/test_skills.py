"""Skill rules: read exactly, refused where they cannot be, and the same in penalties as in words."""

from __future__ import annotations

import pytest
from hypothesis import assume, given
from hypothesis import strategies as st

from m3voip.core import skills as s

pytestmark = pytest.mark.unit

SKILLS = ("english", "arabic", "sales")
LEVELS = st.dictionaries(st.sampled_from(SKILLS), st.integers(0, 100))
COMPARISON = st.builds(lambda skill, level: f"{skill} >= {level}", st.sampled_from(SKILLS), st.integers(1, 100))
REQUIREMENT = st.just("") | st.recursive(
    COMPARISON,
    lambda inner: st.builds(
        lambda parts, word: f"({f' {word} '.join(parts)})",
        st.lists(inner, min_size=2, max_size=3), st.sampled_from(["and", "or"]),
    ),
    max_leaves=5,
)  # fmt: skip


@st.composite
def rules(draw: st.DrawFn) -> s.Rule:
    """Any rule that can be read: times that grow, demands that only relax."""
    texts = draw(st.lists(REQUIREMENT, min_size=1, max_size=4))
    times = sorted(draw(st.sets(st.integers(1, 300), min_size=len(texts) - 1, max_size=len(texts) - 1)))
    steps = [s.RuleStep(after_s, text) for after_s, text in zip([0, *times], texts, strict=True)]
    try:
        return s.read_rule(steps)
    except s.RuleError as error:
        assume(error.step > 0)  # the first step alone is always a rule
        return s.read_rule(steps[: error.step])


def limit_at(rule: s.Rule, waited_s: float) -> int:
    """What ``app_queue`` makes of the changes: the highest penalty that a caller may be offered."""
    return ([s.FIRST_LIMIT] + [limit for after_s, limit in rule.changes() if waited_s >= after_s])[-1]


@given(rules(), st.lists(st.tuples(LEVELS, st.integers(0, 100)), min_size=1, max_size=6), st.floats(0, 400))
def test_whom_the_penalties_let_in_is_whom_the_rule_takes_at_every_moment(
    rule: s.Rule, agents: list[tuple[dict[str, int], int]], waited_s: float
) -> None:
    demanded = rule.demands(waited_s)
    for levels, own in agents:
        assert (rule.penalty(levels, own) <= limit_at(rule, waited_s)) is demanded.met_by(levels)
        after = rule.after(levels)
        assert demanded.met_by(levels) is (after is not None and waited_s >= after)


@given(rules(), LEVELS, LEVELS, st.integers(0, 100), st.integers(0, 100))
def test_who_qualifies_earlier_is_rung_first_and_among_equals_the_own_penalty_decides(
    rule: s.Rule, one: dict[str, int], other: dict[str, int], own: int, others: int
) -> None:
    first, second = (rule.tier(one), own), (rule.tier(other), others)
    assert (rule.penalty(one, own) < rule.penalty(other, others)) is (first < second)
    assert 0 <= rule.penalty(one, own) <= s.MOST_PENALTY


@given(REQUIREMENT, REQUIREMENT, st.lists(LEVELS, max_size=20))
def test_a_step_that_relaxes_takes_everybody_whom_the_one_before_took(
    one: str, other: str, people: list[dict[str, int]]
) -> None:
    first, second = s.read_requirement(one), s.read_requirement(other)
    if second.relaxes(first):
        assert all(second.met_by(levels) for levels in people if first.met_by(levels))
    else:  # and one that does not relax refuses somebody: one of those who just meet the first
        assert any(not second.met_by(way) for way in first.ways)


@given(REQUIREMENT, LEVELS)
def test_a_requirement_means_what_python_would_read_in_it(text: str, levels: dict[str, int]) -> None:
    names = {skill: levels.get(skill, 0) for skill in SKILLS}
    assert s.read_requirement(text).met_by(levels) is (not text or eval(text, {}, names))


def test_and_binds_more_than_or() -> None:
    requirement = s.read_requirement("english >= 50 or arabic >= 50 and sales>=20")
    assert requirement.met_by({"english": 50})
    assert requirement.met_by({"arabic": 50, "sales": 20})
    assert not requirement.met_by({"arabic": 100})


def test_members_of_a_queue_without_a_rule_keep_their_own_penalty() -> None:
    rule = s.read_rule([])
    assert (rule.penalty({"english": 3}, 7), rule.changes(), rule.after({})) == (7, (), 0)


@pytest.mark.parametrize(
    ("text", "position", "message"),
    [
        ("english", 8, "`>=`"),
        ("english > 50", 9, "`>=`"),
        ("english >= ", 11, "level from 1 to 100"),
        ("english >= 0", 12, "level from 1 to 100"),
        ("english >= 101", 12, "level from 1 to 100"),
        ("english >= 000101", 12, "level from 1 to 100"),
        ("English >= 50", 1, "name of a skill"),
        ("and >= 50", 1, "name of a skill"),
        (">= 50", 1, "name of a skill"),
        ("english >= 50 arabic >= 20", 15, "`and`, `or`"),
        ("english >= 50 and", 18, "name of a skill"),
        ("(english >= 50", 15, "`)`"),
        ("english >= 50)", 14, "`and`, `or`"),
        ("english >= 50; x", 14, "`and`, `or`"),
        ("englisch_ü >= 50", 1, "name of a skill"),
        ("(" * 9 + "a >= 1" + ")" * 9, 9, "parentheses"),
        (" and ".join(f"(a{n} >= 1 or b{n} >= 1)" for n in range(5)), 121, "16 ways"),
        ("a >= 1 or " * 21, 201, "200 characters"),
    ],
)  # fmt: skip
def test_what_cannot_be_read_is_told_with_its_place(text: str, position: int, message: str) -> None:
    with pytest.raises(s.RequirementError, match=message.replace("(", r"\(").replace(")", r"\)")) as told:
        s.read_requirement(text)
    assert told.value.position == position


@pytest.mark.parametrize(
    ("steps", "at", "field", "message"),
    [
        ([(5, "")], 0, "after_s", "just come"),
        ([(0, "english >= 70"), (0, "")], 1, "after_s", "more than the 0"),
        ([(0, "english >= 70"), (14_401, "")], 1, "after_s", "at most"),
        ([(0, "english >= 70"), (30, "english >= ")], 1, "require", "at character 11"),
        ([(0, "english >= 50"), (30, "english >= 70")], 1, "require", "may only relax"),
        ([(0, "english >= 70"), (30, "arabic >= 20")], 1, "require", "may only relax"),
        ([(0, ""), (30, "english >= 1")], 1, "require", "may only relax"),
        ([(n, "") for n in range(11)], 10, "", "at most 10 steps"),
    ],
)
def test_a_rule_that_penalties_cannot_say_is_refused(
    steps: list[tuple[int, str]], at: int, field: str, message: str
) -> None:
    with pytest.raises(s.RuleError, match=message) as told:
        s.read_rule([s.RuleStep(*step) for step in steps])
    assert (told.value.step, told.value.field) == (at, field)
