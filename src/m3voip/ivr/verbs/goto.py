"""``goto``: go on at another node. Useful to give one place two names."""

from __future__ import annotations

from m3voip.core.call import Step
from m3voip.ivr.node import Node, SilentNode, Turn
from m3voip.ivr.prompts import PromptBook
from m3voip.ivr.verbs import fields
from m3voip.ivr.verbs.base import Exit, Verb


class Goto(Verb, frozen=True, kw_only=True):
    """Go on at another node."""

    VERB = "goto"
    SHORT = "node"

    node: fields.Target

    def exits(self) -> tuple[Exit, ...]:
        """Onwards."""
        return (Exit("", self.node, "node"),)

    def compile(self, name: str, book: PromptBook) -> Node:
        """The node."""
        return GotoNode(name, self.node)


class GotoNode(SilentNode):
    """Leads on."""

    __slots__ = ("_target",)
    verb = Goto.VERB

    def __init__(self, name: str, target: str) -> None:
        super().__init__(name)
        self._target = target

    def cross(self, step: Step, turn: Turn) -> tuple[Step, str]:
        """Lead on."""
        return step, self._target
