"""What a scorecard comes to, by hand and by law."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from m3voip.core.scorecard import Answer, Form, Kind, Question, Section, faults, faults_of_form, result

pytestmark = pytest.mark.unit

FORM = Form(
    sections=(
        Section(
            title="Greeting",
            weight=2,
            questions=(
                Question(name="greeted", text="?", kind=Kind.YES_NO),
                Question(name="friendly", text="?", kind=Kind.SCALE, most=5, weight=3),
            ),
        ),
        Section(
            title="Law",
            questions=(
                Question(name="consent", text="?", kind=Kind.YES_NO, critical=True, can_skip=True),
                Question(name="clear", text="?", kind=Kind.SCALE, most=3, can_skip=True),
            ),
        ),
    )
)


@pytest.mark.parametrize(
    ("answers", "points", "possible", "failed"),
    [
        ({"greeted": True, "friendly": 5, "consent": True, "clear": 3}, 10.0, 10.0, ()),
        ({"greeted": True, "friendly": 4, "consent": True, "clear": 2}, 2 + 6 * 0.75 + 1 + 0.5, 10.0, ()),
        ({"greeted": False, "friendly": 1, "consent": None, "clear": None}, 0.0, 8.0, ()),
        ({"greeted": True, "friendly": 3, "consent": None, "clear": 1}, 2 + 3.0, 9.0, ()),
        ({"greeted": True, "friendly": 5, "consent": False, "clear": 3}, 0.0, 10.0, ("consent",)),
    ],
)
def test_points_are_those_counted_by_hand(
    answers: dict[str, Answer], points: float, possible: float, failed: tuple[str, ...]
) -> None:
    assert list(faults(FORM, answers)) == []
    made = result(FORM, answers)
    assert made.points == pytest.approx(points)
    assert (made.possible, made.failed) == (possible, failed)


@pytest.mark.parametrize(
    ("change", "field"),
    [
        ({"friendly": 6}, "answers.friendly"),
        ({"friendly": 0}, "answers.friendly"),
        ({"friendly": True}, "answers.friendly"),
        ({"friendly": None}, "answers.friendly"),
        ({"greeted": 1}, "answers.greeted"),
        ({"other": 1}, "answers.other"),
    ],
)
def test_an_answer_that_cannot_be_is_named(change: dict[str, Answer], field: str) -> None:
    good: dict[str, Answer] = {"greeted": True, "friendly": 5, "consent": None, "clear": 3}
    assert [path for path, _ in faults(FORM, {**good, **change})] == [field]
    assert [path for path, _ in faults(FORM, {})] == [f"answers.{name}" for name in good]


def test_a_name_twice_is_named() -> None:
    twice = Form(sections=(*FORM.sections, Section(title="Again", questions=(FORM.sections[0].questions[0],))))
    assert [path for path, _ in faults_of_form(twice)] == ["sections.2.questions.0.name"]
    assert list(faults_of_form(FORM)) == []


_ANSWERS = st.fixed_dictionaries(
    {
        "greeted": st.booleans(), "friendly": st.integers(1, 5), "consent": st.none() | st.booleans(),
        "clear": st.none() | st.integers(1, 3),
    }
)  # fmt: skip


@given(_ANSWERS, st.integers(1, 4))
def test_points_lie_between_nothing_and_possible_and_never_fall_with_a_better_answer(
    answers: dict[str, Answer], friendly: int
) -> None:
    made = result(FORM, {**answers, "friendly": friendly})
    better = result(FORM, {**answers, "friendly": friendly + 1})
    assert 0 <= made.points <= made.possible == better.possible
    assert made.points <= better.points
