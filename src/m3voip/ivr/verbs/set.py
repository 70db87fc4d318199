"""``set``: give variables values, such as what an ``http`` node will tell the CRM."""

from __future__ import annotations

from collections.abc import Iterator
from functools import partial
from re import fullmatch
from typing import Annotated

from msgspec import Meta

from m3voip.core import facts as f
from m3voip.core.call import Step
from m3voip.ivr.node import Node, SilentNode, Turn
from m3voip.ivr.prompts import PromptBook, value_of
from m3voip.ivr.template import BUILT_IN, fill
from m3voip.ivr.verbs import fields
from m3voip.ivr.verbs.base import Exit, Fill, Report, Verb

MAX_VALUE = 256
"""Longer values are cut: a variable is a number, a code or a name."""


class Set(Verb, frozen=True, kw_only=True):
    """Give variables values."""

    VERB = "set"

    values: Annotated[
        dict[str, fields.Value], Meta(description="Variable → value; {other} is replaced by that variable's value.")
    ]
    then: fields.Target = ""

    def exits(self) -> tuple[Exit, ...]:
        """Onwards."""
        return (Exit("", self.then, "then"),)

    def fills(self) -> Iterator[Fill]:
        """The values."""
        for name, text in self.values.items():
            yield Fill(("values", name), text)

    def sets(self) -> tuple[str, ...]:
        """The variables."""
        return tuple(self.values)

    def label(self) -> str:
        """The assignments."""
        return ", ".join(f"{name} = {value}" for name, value in self.values.items())

    def check(self, report: Report) -> None:
        """Names that are allowed."""
        for name in self.values:
            check_variable(report, name, "values", name)

    def compile(self, name: str, book: PromptBook) -> Node:
        """The node."""
        return SetNode(name, self)


def check_variable(report: Report, name: str, *field: str) -> None:
    """A variable's name may be set by a tree."""
    if not fullmatch(fields.VARIABLE, name):
        advice = fields.PATTERN_ADVICE[fields.VARIABLE]
        report("bad-name", f"'{name}' cannot be the name of a variable", advice, *field)
    elif name in BUILT_IN:
        report("bad-name", f"'{name}' is given with every call and cannot be set", "choose another name", *field)


class SetNode(SilentNode):
    """Fills in the values as they are now."""

    __slots__ = ("_then", "_values")
    verb = Set.VERB

    def __init__(self, name: str, spec: Set) -> None:
        super().__init__(name)
        self._values = spec.values
        self._then = spec.then

    def cross(self, step: Step, turn: Turn) -> tuple[Step, str]:
        """Set them."""
        value = partial(value_of, step.call)
        values = {name: fill(text, value)[:MAX_VALUE] for name, text in self._values.items()}
        return step.note(turn.at, f.VariableSet(node=self.name, values=values)), self._then
