"""What menu and collect share: a prompt, keys, patience, and what happens when it runs out."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import timedelta
from typing import Annotated

from msgspec import Meta

from m3voip.core import events as ev
from m3voip.core import facts as f
from m3voip.core.call import Step
from m3voip.ivr.node import Node, Turn, heard, speak, too_early
from m3voip.ivr.prompts import Prompt, PromptBook, Utterance
from m3voip.ivr.verbs import fields
from m3voip.ivr.verbs.base import Verb


class Asking(Verb, frozen=True, kw_only=True):
    """Settings of a node that asks the caller for keys."""

    ASKS = True
    HEARD = True

    prompt: fields.Say
    timeout_s: fields.KeyWait = 10
    retries: fields.Retries = 3
    invalid: Annotated[Prompt, Meta(description="Said before asking again after a wrong key.")] = (
        "Sorry, that is not one of the choices."
    )
    no_input: Annotated[Prompt, Meta(description="Said before asking again when no key came.")] = (
        "Sorry, we did not hear your choice."
    )
    on_fail: Annotated[
        str, Meta(description="Where to go when the retries are used up; by default the operator, else the call ends.")
    ] = ""
    barge_in: fields.BargeIn = True

    def prompts(self) -> Iterator[tuple[str, Prompt]]:
        """The question and the two apologies."""
        yield "prompt", self.prompt
        yield "invalid", self.invalid
        yield "no_input", self.no_input


class AskingNode(Node):
    """Plays the prompt, waits, asks again, gives up."""

    __slots__ = ("_again_invalid", "_again_silent", "_asked", "_barge_in", "_on_fail", "_patience", "_retries")

    def __init__(self, name: str, spec: Asking, book: PromptBook, on_fail: str) -> None:
        super().__init__(name)
        self._asked = book.utterance(f"{name}.prompt", spec.prompt)
        self._again_invalid = book.utterance(f"{name}.invalid", spec.invalid, spec.prompt)
        self._again_silent = book.utterance(f"{name}.no_input", spec.no_input, spec.prompt)
        self._on_fail = on_fail
        self._patience = timedelta(seconds=spec.timeout_s)
        self._retries = spec.retries
        self._barge_in = spec.barge_in

    def enter(self, step: Step, turn: Turn) -> Step:
        """Ask."""
        return speak(step, turn, self, self._asked.media(step.call))

    def answer(self, step: Step, event: ev.Event, turn: Turn) -> Step:
        """A key, the end of the prompt, or no key in time."""
        match event:
            case ev.CallerPressed():
                return self.key(step, event, turn) if self.takes_keys(step.call.cursor.playing) else step
            case ev.PromptFinished() if heard(step, event):
                return step.cursor(playing=False).wait(turn.now + self._patience)
            case ev.TimeUp() if not too_early(step, turn):
                return self.silence(step, turn)
            case _:
                return step

    def takes_keys(self, playing: bool) -> bool:
        """Always, except over a prompt that may not be interrupted."""
        return self._barge_in or not playing

    def key(self, step: Step, event: ev.CallerPressed, turn: Turn) -> Step:
        """Take one key."""
        raise NotImplementedError

    def silence(self, step: Step, turn: Turn) -> Step:
        """The time is up."""
        return self.ask_again(step.note(turn.at, f.InputMissing(node=self.name)), turn, self._again_silent)

    def wrong(self, step: Step, turn: Turn, digits: str) -> Step:
        """Something else than asked for was pressed."""
        noted = step.note(turn.at, f.InputInvalid(node=self.name, digits=digits))
        return self.ask_again(noted, turn, self._again_invalid)

    def ask_again(self, step: Step, turn: Turn, utterance: Utterance) -> Step:
        """One more attempt, or give up."""
        attempt = step.call.cursor.attempt
        if attempt > self._retries:
            return turn.go(step, self._on_fail)
        return speak(step, turn, self, utterance.media(step.call), attempt + 1)
