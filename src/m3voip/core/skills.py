"""Skills: what a queue's rule demands of an agent, how that relaxes with the wait, and the penalties that say so.

Theory of operation (ADR 0011): ``app_queue`` owns the waiting callers and knows one number of a member, the penalty, and
one of a caller, the highest penalty allowed, which it raises with the wait. A rule's steps may only relax, so whoever
meets one meets all that follow; hence one number an agent is enough: the *tier*, the first step that the agent meets.
Penalties of a tier lie above those of all tiers before it; within a tier the member's own penalty orders.
"""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from itertools import product

from msgspec import Struct

SKILL_NAME = re.compile(r"(?!(?:and|or)$)[a-z][a-z0-9_]{0,31}")
MOST_LEVEL = 100
MOST_STEPS = 10
MOST_TEXT = 200
MOST_WAYS = 16
"""A requirement can be met in this many ways at most; nobody oversees more."""
MOST_DEPTH = 8
MOST_WAIT_S = 14_400

OWN_PENALTIES = 101
"""A member's own penalty is 0 to 100."""
FIRST_LIMIT = OWN_PENALTIES - 1
"""What a caller may be offered at first, with a rule or without; dialplans/to-queue.conf says the same."""
MOST_PENALTY = (MOST_STEPS + 1) * OWN_PENALTIES - 1
"""``app_queue`` multiplies penalties by a million in 32 bits: no more than 2147."""

_TOKEN = re.compile(r"\s*(?:(?P<word>[A-Za-z_]\w*)|(?P<number>[0-9]+)|(?P<sign>>=|[()])|(?P<other>\S))")


class RequirementError(ValueError):
    """A requirement that cannot be read; ``position`` counts its characters from 1."""

    def __init__(self, position: int, message: str) -> None:
        super().__init__(message)
        self.position = position


class RuleError(ValueError):
    """A rule that cannot be: which ``step`` (from 0) and which ``field`` of it."""

    def __init__(self, step: int, field: str, message: str) -> None:
        super().__init__(message)
        self.step = step
        self.field = field


class Requirement(Struct, frozen=True):
    """What an agent must have: all levels of any one of the ``ways``. One empty way is met by everybody."""

    ways: tuple[Mapping[str, int], ...] = ({},)

    def met_by(self, levels: Mapping[str, int]) -> bool:
        """Whether somebody with these levels meets it; who lacks a skill has level 0 of it."""
        for way in self.ways:
            for skill, least in way.items():
                if levels.get(skill, 0) < least:
                    break
            else:
                return True
        return False

    def relaxes(self, other: Requirement) -> bool:
        """Whether everybody who meets ``other``, whatever their levels, meets this. More of a skill never hurts, so it is
        enough to look at those who just meet the other in each of its ways."""
        return all(self.met_by(way) for way in other.ways)


class RuleStep(Struct, frozen=True):
    """A step as it is written: what is demanded of an agent when a caller has waited ``after_s``."""

    after_s: int
    require: str


class Rule(Struct, frozen=True):
    """A rule that has been read: each step demands no more than the one before it. Without steps it demands nothing."""

    steps: tuple[tuple[int, Requirement], ...] = ()

    def demands(self, waited_s: float) -> Requirement:
        """What an agent must have for a caller who has waited so long."""
        return next((req for after_s, req in reversed(self.steps) if waited_s >= after_s), Requirement())

    def tier(self, levels: Mapping[str, int]) -> int:
        """The first step that somebody meets; the number of steps for who never does."""
        return next((n for n, (_, req) in enumerate(self.steps) if req.met_by(levels)), len(self.steps))

    def after(self, levels: Mapping[str, int]) -> int | None:
        """How long a caller must have waited before somebody with these levels is rung; None: never."""
        tier = self.tier(levels)
        if not self.steps:
            return 0
        return self.steps[tier][0] if tier < len(self.steps) else None

    def penalty(self, levels: Mapping[str, int], own: int) -> int:
        """The penalty that tells ``app_queue`` of somebody with these levels and this penalty of their own."""
        return self.tier(levels) * OWN_PENALTIES + own

    def changes(self) -> tuple[tuple[int, int], ...]:
        """When a caller's highest penalty changes, and to what; it begins with FIRST_LIMIT."""
        return tuple((after_s, (n + 1) * OWN_PENALTIES - 1) for n, (after_s, _) in enumerate(self.steps) if n)


def read_rule(steps: Sequence[RuleStep]) -> Rule:
    """Read a rule. Raises RuleError at the first step that cannot be."""
    if len(steps) > MOST_STEPS:
        raise RuleError(MOST_STEPS, "", f"a rule has at most {MOST_STEPS} steps")
    read: list[tuple[int, Requirement]] = []
    for n, step in enumerate(steps):
        if n == 0 and step.after_s != 0:
            raise RuleError(n, "after_s", "the first step is for callers who have just come: 0")
        if n and step.after_s <= steps[n - 1].after_s:
            raise RuleError(n, "after_s", f"must be more than the {steps[n - 1].after_s} of the step before")
        if step.after_s > MOST_WAIT_S:
            raise RuleError(n, "after_s", f"must be at most {MOST_WAIT_S}")
        try:
            requirement = read_requirement(step.require)
        except RequirementError as error:
            raise RuleError(n, "require", f"at character {error.position}: {error}") from error
        if n and not requirement.relaxes(read[-1][1]):
            raise RuleError(n, "require", "refuses agents whom the step before takes; a rule may only relax")
        read.append((step.after_s, requirement))
    return Rule(tuple(read))


def read_requirement(text: str) -> Requirement:
    """Read ``english >= 50 and (sales >= 20 or service >= 40)``; an empty text demands nothing. Raises RequirementError."""
    if len(text) > MOST_TEXT:
        raise RequirementError(MOST_TEXT + 1, f"a requirement has at most {MOST_TEXT} characters")
    reader = _Reader(text)
    if reader.kind == "end":
        return Requirement()
    ways = reader.any_of()
    if reader.kind != "end":
        raise reader.wrong("`and`, `or` or the end")
    return Requirement(ways)


class _Reader:
    """Recursive descent; ``or`` binds less than ``and``. Every rule returns the ways in which it can be met."""

    def __init__(self, text: str) -> None:
        self._tokens = [
            (str(found.lastgroup), found[str(found.lastgroup)], found.start(str(found.lastgroup)) + 1)
            for found in _TOKEN.finditer(text)
        ]
        self._end = ("end", "", len(text.rstrip()) + 1)
        self._at = 0
        self._depth = 0

    @property
    def _token(self) -> tuple[str, str, int]:
        return self._tokens[self._at] if self._at < len(self._tokens) else self._end

    @property
    def kind(self) -> str:
        """Of the next token: word, number, sign, other, or end."""
        return self._token[0]

    def wrong(self, wanted: str) -> RequirementError:
        """The next token is not what it should be."""
        return RequirementError(self._token[2], f"{wanted} is expected here")

    def any_of(self) -> tuple[Mapping[str, int], ...]:
        """``all_of or all_of …``"""
        ways = list(self.all_of())
        while self._takes("or"):
            ways += self.all_of()
        return self._few(ways)

    def all_of(self) -> tuple[Mapping[str, int], ...]:
        """``one and one …``"""
        ways: Sequence[Mapping[str, int]] = self.one()
        while self._takes("and"):
            ways = self._few([_both(a, b) for a, b in product(ways, self.one())])
        return tuple(ways)

    def one(self) -> tuple[Mapping[str, int], ...]:
        """``skill >= level`` or something in parentheses."""
        if self._takes("("):
            self._depth += 1
            if self._depth > MOST_DEPTH:
                raise RequirementError(self._token[2] - 1, f"more than {MOST_DEPTH} parentheses inside each other")
            ways = self.any_of()
            if not self._takes(")"):
                raise self.wrong("`)`")
            self._depth -= 1
            return ways
        if self.kind != "word" or not SKILL_NAME.fullmatch(self._token[1]):
            raise self.wrong("the name of a skill (small letters, digits, _)")
        skill = self._next()
        if not self._takes(">="):
            raise self.wrong("`>=`")
        if self.kind != "number" or not 1 <= int(self._token[1]) <= MOST_LEVEL:
            raise self.wrong(f"a level from 1 to {MOST_LEVEL}")
        return ({skill: int(self._next())},)

    def _next(self) -> str:
        text = self._token[1]
        self._at += 1
        return text

    def _takes(self, text: str) -> bool:
        if self.kind not in {"word", "sign"} or self._token[1] != text:
            return False
        self._at += 1
        return True

    def _few(self, ways: Sequence[Mapping[str, int]]) -> tuple[Mapping[str, int], ...]:
        if len(ways) > MOST_WAYS:
            raise RequirementError(self._token[2], f"it can be met in more than {MOST_WAYS} ways; make it simpler")
        return tuple(ways)


def _both(one: Mapping[str, int], other: Mapping[str, int]) -> Mapping[str, int]:
    """Whoever meets both ways."""
    return {skill: max(one.get(skill, 0), other.get(skill, 0)) for skill in {**one, **other}}
