"""``switch``: go different ways by a variable, such as the language that a route found out."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Annotated

from msgspec import Meta

from m3voip.core.call import Step
from m3voip.ivr.node import Node, SilentNode, Turn
from m3voip.ivr.prompts import PromptBook, value_of
from m3voip.ivr.verbs import fields
from m3voip.ivr.verbs.base import Exit, Fill, Report, Verb


class Switch(Verb, frozen=True, kw_only=True):
    """Go different ways by a variable's value."""

    VERB = "switch"

    variable: Annotated[str, Meta(pattern=fields.VARIABLE, description="The variable, e.g. language.")]
    cases: Annotated[
        dict[str, str], Meta(min_length=1, description="Value → node; capital and small letters are the same.")
    ]
    otherwise: Annotated[
        str, Meta(description="The node for every other value, and for none.", extra_json_schema={fields.NEEDED: True})
    ] = ""

    def exits(self) -> tuple[Exit, ...]:
        """Each case, then everything else."""
        cases = (Exit(value, target, f"cases.{value}") for value, target in self.cases.items())
        return (*cases, Exit("otherwise", self.otherwise, "otherwise"))

    def fills(self) -> Iterator[Fill]:
        """The variable, which somebody must set."""
        yield Fill(("variable",), f"{{{self.variable}}}")

    def label(self) -> str:
        """The variable."""
        return self.variable

    def check(self, report: Report) -> None:
        """Values that differ."""
        seen: set[str] = set()
        for value in self.cases:
            if value.casefold() in seen:
                report("key-conflict", f"'{value}' is another case, too", "give each value once", "cases", value)
            seen.add(value.casefold())

    def compile(self, name: str, book: PromptBook) -> Node:
        """The node."""
        return SwitchNode(name, self)


class SwitchNode(SilentNode):
    """Looks at the variable as it is now."""

    __slots__ = ("_otherwise", "_targets", "_variable")
    verb = Switch.VERB

    def __init__(self, name: str, spec: Switch) -> None:
        super().__init__(name)
        self._variable = spec.variable
        self._otherwise = spec.otherwise
        self._targets = {value.casefold(): target for value, target in spec.cases.items()}

    def cross(self, step: Step, turn: Turn) -> tuple[Step, str]:
        """Decide by its value."""
        return step, self._targets.get(value_of(step.call, self._variable).strip().casefold(), self._otherwise)
