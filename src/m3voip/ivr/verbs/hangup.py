"""``hangup``: end the call, after some last words if there are any."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Annotated

from msgspec import Meta

from m3voip.core import events as ev
from m3voip.core import facts as f
from m3voip.core.call import Step
from m3voip.core.causes import EndReason
from m3voip.ivr.node import Node, Turn, heard, speak
from m3voip.ivr.prompts import Prompt, PromptBook
from m3voip.ivr.verbs.base import Exit, Verb


class Hangup(Verb, frozen=True, kw_only=True):
    """End the call."""

    VERB = "hangup"
    SHORT = "say"
    HEARD = True

    say: Annotated[Prompt | None, Meta(description="Last words before the line is closed.")] = None

    def exits(self) -> tuple[Exit, ...]:
        """None."""
        return ()

    def prompts(self) -> Iterator[tuple[str, Prompt]]:
        """The last words."""
        if self.say is not None:
            yield "say", self.say

    def compile(self, name: str, book: PromptBook) -> Node:
        """The node."""
        return HangupNode(name, self, book)


class HangupNode(Node):
    """Says goodbye and hangs up. A prompt that still plays ends with the line."""

    __slots__ = ("_words",)
    verb = Hangup.VERB

    def __init__(self, name: str, spec: Hangup, book: PromptBook) -> None:
        super().__init__(name)
        self._words = None if spec.say is None else book.utterance(f"{name}.say", spec.say)

    def enter(self, step: Step, turn: Turn) -> Step:
        """Last words, or none."""
        if self._words is not None:
            return speak(step, turn, self, self._words.media(step.call))
        return step.note(turn.at, f.NodeEntered(node=self.name, verb=self.verb)).hang_up(EndReason.COMPLETED)

    def answer(self, step: Step, event: ev.Event, turn: Turn) -> Step:
        """The words are said."""
        if isinstance(event, ev.PromptFinished) and heard(step, event):
            return step.cursor(playing=False).hang_up(EndReason.COMPLETED)
        return step
