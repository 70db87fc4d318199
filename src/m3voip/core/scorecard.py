"""Scorecards: a trainer listens to a call and answers the questions of a form. Pure: what an answer is worth, and all together.

A question weighs its own weight times its section's. Yes is all of it and no is nothing; on a scale of 1 to N the lowest is
nothing and the highest all, in equal steps. What does not apply counts on neither side. A critical question that got nothing
takes all points away. The result is points / possible; of several scorecards it is the points added up / the possible added up.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from enum import StrEnum

from msgspec import Struct

MOST_QUESTIONS = 100


class Kind(StrEnum):
    """How a question is answered."""

    YES_NO = "yes_no"
    SCALE = "scale"


class Question(Struct, frozen=True, kw_only=True):
    """``name`` is unique in the form; ``most`` is the top of a scale; ``can_skip``: it may not apply to a call."""

    name: str
    text: str
    kind: Kind
    most: int = 5
    weight: int = 1
    can_skip: bool = False
    critical: bool = False


class Section(Struct, frozen=True, kw_only=True):
    """Questions that belong together."""

    title: str
    questions: tuple[Question, ...]
    weight: int = 1


class Form(Struct, frozen=True, kw_only=True):
    """What a trainer fills in."""

    sections: tuple[Section, ...]

    def questions(self) -> Iterator[tuple[int, Question]]:
        """Every question and what it weighs in all."""
        for section in self.sections:
            for question in section.questions:
                yield section.weight * question.weight, question


Answer = bool | int | None
"""Yes or no, 1 to the top of the scale, or None: it does not apply."""


class Result(Struct, frozen=True, kw_only=True):
    """What a scorecard comes to; ``failed``: critical questions that got nothing."""

    points: float
    possible: float
    failed: tuple[str, ...] = ()


def faults_of_form(form: Form) -> Iterator[tuple[str, str]]:
    """(field, message) of everything that a form may not be, beyond the types of its fields."""
    seen: set[str] = set()
    count = 0
    for n, section in enumerate(form.sections):
        for m, question in enumerate(section.questions):
            count += 1
            if question.name in seen:
                yield f"sections.{n}.questions.{m}.name", "must be unique in the form."
            seen.add(question.name)
    if count > MOST_QUESTIONS:
        yield "sections", f"must hold at most {MOST_QUESTIONS} questions together."


def faults(form: Form, answers: Mapping[str, Answer]) -> Iterator[tuple[str, str]]:
    """(field, message) of every answer that is missing or cannot be."""
    known = {question.name: question for _, question in form.questions()}
    for name in answers:
        if name not in known:
            yield f"answers.{name}", "is no question of this form."
    for name, question in known.items():
        if name not in answers:
            advice = " null says that it does not apply." if question.can_skip else ""
            yield f"answers.{name}", f"must be answered.{advice}"
        elif (message := _misfit(question, answers[name])) is not None:
            yield f"answers.{name}", message


def _misfit(question: Question, answer: Answer) -> str | None:
    if answer is None:
        return None if question.can_skip else "must be answered: the form says that it always applies."
    if question.kind is Kind.YES_NO:
        return None if isinstance(answer, bool) else "must be true or false."
    if isinstance(answer, bool) or not 1 <= answer <= question.most:
        return f"must be a whole number from 1 to {question.most}."
    return None


def result(form: Form, answers: Mapping[str, Answer]) -> Result:
    """What the answers, which have no faults, come to."""
    points, possible, failed = 0.0, 0.0, []
    for weight, question in form.questions():
        answer = answers[question.name]
        if answer is None:
            continue
        share = float(answer) if isinstance(answer, bool) else (answer - 1) / (question.most - 1)
        possible += weight
        points += weight * share
        if question.critical and share == 0:
            failed.append(question.name)
    return Result(points=0.0 if failed else points, possible=possible, failed=tuple(failed))
