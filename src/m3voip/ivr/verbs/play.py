"""``play``: play a sound file of the tree's prompt folder, then go on."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Annotated

from msgspec import Meta

from m3voip.ivr.node import Node
from m3voip.ivr.prompts import Prompt, PromptBook, Recording
from m3voip.ivr.verbs import fields
from m3voip.ivr.verbs.base import Exit, Verb
from m3voip.ivr.verbs.say import SpeakingNode


class Play(Verb, frozen=True, kw_only=True):
    """Play a sound file, then go on."""

    VERB = "play"
    HEARD = True

    file: Annotated[str, Meta(description="A file of the prompt folder, e.g. welcome.wav.")]
    then: fields.Target = ""
    barge_in: fields.BargeIn = False

    def exits(self) -> tuple[Exit, ...]:
        """Onwards."""
        return (Exit("", self.then, "then"),)

    def prompts(self) -> Iterator[tuple[str, Prompt]]:
        """The file."""
        yield "file", Recording(self.file)

    def compile(self, name: str, book: PromptBook) -> Node:
        """The node."""
        utterance = book.utterance(f"{name}.file", Recording(self.file))
        return PlayNode(name, utterance=utterance, then=self.then, barge_in=self.barge_in)


class PlayNode(SpeakingNode):
    """Plays a file."""

    __slots__ = ()
    verb = Play.VERB
