"""Every figure of queues, surveys and scorecards, once. Counters and sums are added up; a ratio is made from the sums and
never averaged.

The first line of each docstring is the formula that is shown beside the number.
"""

from __future__ import annotations

from collections.abc import Iterable

from msgspec import Struct


class QueueCounts(Struct, frozen=True, kw_only=True):
    """What became of the visits to a queue. ``answered_in_time``: within the T of the service level; ``short_abandoned``:
    abandoned within the queue's threshold; ``left``: given up by the queue (waited too long, full, nobody there, a key);
    ``undecided``: still waiting. ``answered_wait_s``: waits of the answered, added up; ``longest_wait_s``: of all that ended."""

    answered: int = 0
    answered_in_time: int = 0
    abandoned: int = 0
    short_abandoned: int = 0
    left: int = 0
    undecided: int = 0
    answered_wait_s: float = 0.0
    longest_wait_s: float = 0.0


def total(counts: Iterable[QueueCounts]) -> QueueCounts:
    """The counts of several queues or times as one."""
    sums = dict.fromkeys(QueueCounts.__struct_fields__, 0.0)
    longest = 0.0
    for one in counts:
        longest = max(longest, one.longest_wait_s)
        for name in sums:
            sums[name] += getattr(one, name)
    whole = {name: int(value) for name, value in sums.items() if not name.endswith("_s")}
    return QueueCounts(**whole, answered_wait_s=sums["answered_wait_s"], longest_wait_s=longest)


def offered(counts: QueueCounts) -> int:
    """answered + abandoned - short abandoned + left"""
    return counts.answered + counts.abandoned - counts.short_abandoned + counts.left


def service_level(counts: QueueCounts) -> float | None:
    """answered within T / offered"""
    return _ratio(counts.answered_in_time, offered(counts))


def answer_rate(counts: QueueCounts) -> float | None:
    """answered / offered"""
    return _ratio(counts.answered, offered(counts))


def abandon_rate(counts: QueueCounts) -> float | None:
    """(abandoned - short abandoned) / offered"""
    return _ratio(counts.abandoned - counts.short_abandoned, offered(counts))


def asa(counts: QueueCounts) -> float | None:
    """waits of answered calls, added up / answered"""
    return _ratio(counts.answered_wait_s, counts.answered)


class AnswerCounts(Struct, frozen=True, kw_only=True):
    """Answers to a question of a survey. ``scored``: those that are numbers, ``score``: these added up."""

    answers: int = 0
    scored: int = 0
    score: int = 0


def mean_score(counts: AnswerCounts) -> float | None:
    """scores added up / answers that are numbers"""
    return _ratio(counts.score, counts.scored)


def answer_share(answers: int, visits: int) -> float | None:
    """visits in which the question was answered / visits to the survey"""
    return _ratio(answers, visits)


def score(points: float, possible: float) -> float | None:
    """points of scorecards added up / points possible added up"""
    return points / possible if possible else None


def rounded(value: float | None) -> float | None:
    """As it is shown: four digits behind the point."""
    return None if value is None else round(value, 4)


def _ratio(part: float, whole: int) -> float | None:
    """None where there is nothing to divide by: no calls are not 0 %."""
    return part / whole if whole else None
