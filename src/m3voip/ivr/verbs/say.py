"""``say``: speak a text, then go on."""

from __future__ import annotations

from collections.abc import Iterator

from m3voip.core import events as ev
from m3voip.core.call import Step
from m3voip.ivr.node import Node, Turn, heard, speak
from m3voip.ivr.prompts import Prompt, PromptBook, Utterance
from m3voip.ivr.verbs import fields
from m3voip.ivr.verbs.base import Exit, Verb


class Say(Verb, frozen=True, kw_only=True):
    """Speak a text, then go on."""

    VERB = "say"
    HEARD = True

    text: fields.Say
    then: fields.Target = ""
    barge_in: fields.BargeIn = False

    def exits(self) -> tuple[Exit, ...]:
        """Onwards."""
        return (Exit("", self.then, "then"),)

    def prompts(self) -> Iterator[tuple[str, Prompt]]:
        """The text."""
        yield "text", self.text

    def compile(self, name: str, book: PromptBook) -> Node:
        """The node."""
        utterance = book.utterance(f"{name}.text", self.text)
        return SayNode(name, utterance=utterance, then=self.then, barge_in=self.barge_in)


class SpeakingNode(Node):
    """Plays something to its end, or to a key where that is allowed, and goes on. The key itself is not passed on."""

    __slots__ = ("_barge_in", "_then", "_utterance")

    def __init__(self, name: str, *, utterance: Utterance, then: str, barge_in: bool) -> None:
        super().__init__(name)
        self._utterance = utterance
        self._then = then
        self._barge_in = barge_in

    def enter(self, step: Step, turn: Turn) -> Step:
        """Speak."""
        return speak(step, turn, self, self._utterance.media(step.call))

    def answer(self, step: Step, event: ev.Event, turn: Turn) -> Step:
        """Go on when it has been heard."""
        match event:
            case ev.PromptFinished() if heard(step, event):
                return turn.go(step.cursor(playing=False), self._then)
            case ev.CallerPressed() if self._barge_in:
                return turn.go(step, self._then)
            case _:
                return step


class SayNode(SpeakingNode):
    """Speaks a text."""

    __slots__ = ()
    verb = Say.VERB
