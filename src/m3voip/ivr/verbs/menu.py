"""``menu``: the caller chooses by one key. ``*`` repeats, ``0`` gets the operator."""

from __future__ import annotations

from typing import Annotated

from msgspec import Meta
from msgspec.structs import replace

from m3voip.core import events as ev
from m3voip.core import facts as f
from m3voip.core.call import Step
from m3voip.core.survey import answered
from m3voip.ivr.node import Node, Turn
from m3voip.ivr.prompts import PromptBook
from m3voip.ivr.verbs.asking import Asking, AskingNode
from m3voip.ivr.verbs.base import Exit, Report

REPEAT_KEY = "*"
OPERATOR_KEY = "0"


class Menu(Asking, frozen=True, kw_only=True):
    """Ask the caller to choose by one key."""

    VERB = "menu"

    keys: Annotated[dict[str, str], Meta(description="Key (0-9, * or #) → the node to go to.")]
    repeat: Annotated[bool, Meta(description="Whether * says the prompt again.")] = True
    operator: Annotated[str, Meta(description="The node that 0 leads to.")] = ""

    def exits(self) -> tuple[Exit, ...]:
        """The keys, the operator, and giving up."""
        keys = tuple(Exit(key, target, f"keys.{key}") for key, target in self.keys.items())
        operator = (Exit(OPERATOR_KEY, self.operator, "operator"),) if self.operator else ()
        return (
            *keys,
            *operator,
            Exit("gives up", self.given_up(), "on_fail" if self.on_fail else "operator", required=False),
        )

    def given_up(self) -> str:
        """Where to go when the retries are used up."""
        return self.on_fail or self.operator

    def check(self, report: Report) -> None:
        """Keys that exist, each with one meaning."""
        if not self.keys:
            report("no-keys", "the menu has no keys", "add keys, like 1: sales", "keys")
        for key in self.keys:
            if len(key) != 1 or key not in "0123456789*#":
                report("bad-key", f"'{key}' is not one key of a telephone", "use one of 0-9, * or #", "keys", key)
        if self.operator and OPERATOR_KEY in self.keys:
            advice = "delete it from keys, or leave out operator"
            report("key-conflict", "0 is the operator's key and in keys as well", advice, "keys", OPERATOR_KEY)
        if self.repeat and REPEAT_KEY in self.keys:
            advice = "delete it from keys, or write repeat: false"
            report("key-conflict", "* repeats the menu and is in keys as well", advice, "keys", REPEAT_KEY)

    def compile(self, name: str, book: PromptBook) -> Node:
        """The node."""
        return MenuNode(name, self, book)


class MenuNode(AskingNode):
    """Takes one key and goes where it leads."""

    __slots__ = ("_keys", "_repeat")
    verb = Menu.VERB

    def __init__(self, name: str, spec: Menu, book: PromptBook) -> None:
        super().__init__(name, spec, book, spec.given_up())
        operator = {OPERATOR_KEY: spec.operator} if spec.operator else {}
        self._keys = {**operator, **spec.keys}
        self._repeat = spec.repeat

    def key(self, step: Step, event: ev.CallerPressed, turn: Turn) -> Step:
        """Go, repeat, or say that there is no such choice. Repeating costs no attempt."""
        digit = event.digit
        if digit == REPEAT_KEY and self._repeat:
            step = step.note(turn.at, f.DigitsTaken(node=self.name, digits=digit))
            return self.enter(step, replace(turn, attempt=step.call.cursor.attempt))
        target = self._keys.get(digit)
        if target is None:
            return self.wrong(step, turn, digit)
        said = answered(step.call, node=self.name, name=self.name, value=digit)
        return turn.go(step.note(turn.at, f.DigitsTaken(node=self.name, digits=digit), *said), target)
