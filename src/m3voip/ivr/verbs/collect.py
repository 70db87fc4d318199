"""``collect``: the caller types digits, such as an account number. Sensitive digits are in no fact and no variable."""

from __future__ import annotations

from datetime import timedelta
from typing import Annotated

from msgspec import Meta
from msgspec.structs import replace

from m3voip.core import commands as do
from m3voip.core import events as ev
from m3voip.core import facts as f
from m3voip.core.call import Step
from m3voip.core.survey import answered
from m3voip.ivr.node import Node, Secret, Turn
from m3voip.ivr.prompts import PromptBook
from m3voip.ivr.verbs import fields
from m3voip.ivr.verbs.asking import Asking, AskingNode
from m3voip.ivr.verbs.base import Exit, Report


class Collect(Asking, frozen=True, kw_only=True):
    """Ask the caller to type digits."""

    VERB = "collect"

    into: fields.Variable
    then: fields.Target = ""
    min_digits: Annotated[int, Meta(ge=1, le=32, description="Fewer are not accepted.")] = 1
    max_digits: Annotated[int, Meta(ge=1, le=32, description="With this many the input is complete.")] = 16
    terminator: Annotated[str, Meta(description='The key that ends the input: "#", "*" or none.')] = "#"
    between_s: Annotated[int, Meta(ge=1, le=30, description="Seconds to wait for the next digit.")] = 5
    sensitive: fields.Sensitive = False

    def exits(self) -> tuple[Exit, ...]:
        """Typed, and giving up."""
        return Exit("typed", self.then, "then"), Exit("gives up", self.on_fail, "on_fail", required=False)

    def sets(self) -> tuple[str, ...]:
        """The variable typed into."""
        return (self.into,)

    def check(self, report: Report) -> None:
        """Limits that can be met, a terminator that is a key."""
        if self.min_digits > self.max_digits:
            message = f"min_digits {self.min_digits} is more than max_digits {self.max_digits}"
            report("bad-digits", message, "make min_digits the smaller one", "min_digits")
        if self.terminator not in {"#", "*", "none"}:
            advice = 'write "#", "*" or none'
            report("bad-digits", f"'{self.terminator}' cannot be the terminator", advice, "terminator")

    def compile(self, name: str, book: PromptBook) -> Node:
        """The node."""
        return CollectNode(name, self, book)


class CollectNode(AskingNode):
    """Gathers digits in the volatile part of the cursor until they are complete."""

    __slots__ = ("_between", "_into", "_max", "_min", "_sensitive", "_terminator", "_then")
    verb = Collect.VERB

    def __init__(self, name: str, spec: Collect, book: PromptBook) -> None:
        super().__init__(name, spec, book, spec.on_fail)
        self._into = spec.into
        self._then = spec.then
        self._min = spec.min_digits
        self._max = spec.max_digits
        self._terminator = spec.terminator
        self._between = timedelta(seconds=spec.between_s)
        self._sensitive = spec.sensitive

    def key(self, step: Step, event: ev.CallerPressed, turn: Turn) -> Step:
        """Take one digit; the first one silences the prompt."""
        cursor = step.call.cursor
        if event.digit == self._terminator:
            return self._complete(step, turn)
        typed = cursor.digits + event.digit
        if not event.digit.isdigit():
            return self.wrong(step, turn, "" if self._sensitive else typed)
        if cursor.playing:
            step = step.do(do.StopPlaying(leg=step.call.leg, prompt=cursor.prompt))
        step = step.cursor(playing=False, digits=typed)
        return self._complete(step, turn) if len(typed) >= self._max else step.wait(turn.now + self._between)

    def silence(self, step: Step, turn: Turn) -> Step:
        """No more digits came: what has been typed is the input."""
        if step.call.cursor.digits:
            return self._complete(step, turn)
        return super().silence(step, turn)

    def _complete(self, step: Step, turn: Turn) -> Step:
        typed = step.call.cursor.digits
        if len(typed) < self._min:
            return self.wrong(step, turn, "" if self._sensitive else typed)
        if self._sensitive:
            step = step.note(turn.at, f.DigitsTaken(node=self.name, digits="", sensitive=True))
            return replace(turn, secret=Secret(self._into, typed)).go(step, self._then)
        taken = f.DigitsTaken(node=self.name, digits=typed)
        values = f.VariableSet(node=self.name, values={self._into: typed})
        said = answered(step.call, node=self.name, name=self._into, value=typed)
        return turn.go(step.note(turn.at, taken, values, *said), self._then)
