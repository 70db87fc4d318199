"""What every verb has: its settings as written in the tree, and what lint, graph and compiler ask of them."""

from __future__ import annotations

from collections.abc import Iterator
from typing import ClassVar, Protocol

from msgspec import Struct

from m3voip.ivr.known import Known
from m3voip.ivr.node import Node
from m3voip.ivr.prompts import Prompt, PromptBook


class Exit(Struct, frozen=True):
    """A way out of a node. An empty ``target`` ends the call; ``required`` means that would be a mistake."""

    label: str
    target: str
    field: str
    required: bool = True


class Fill(Struct, frozen=True):
    """A text with variables to fill in, and the field it stands in. Only ``private`` ones may hold sensitive digits."""

    field: tuple[str, ...]
    text: str
    private: bool = False


class Report(Protocol):
    """How a verb tells lint about faults of its own. ``field`` is the place inside the node."""

    known: Known

    def __call__(self, code: str, message: str, advice: str, *field: str, warning: bool = False) -> None:
        """Tell a fault."""
        ...


class Verb(Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """A node's settings. Subclasses say what lint, the graph and the compiler need to know about them."""

    VERB: ClassVar[str]
    SHORT: ClassVar[str] = ""
    """The field meant by a bare value, as in ``goto: welcome``."""
    HEARD: ClassVar[bool] = False
    """The caller hears something here, so time passes."""
    ASKS: ClassVar[bool] = False
    """The caller can choose here."""
    TAKES: ClassVar[bool] = False
    """Somebody or something else takes the caller over here: a queue, an agent, a mailbox."""

    def exits(self) -> tuple[Exit, ...]:
        """Every way out, in the order to draw them."""
        raise NotImplementedError

    def prompts(self) -> Iterator[tuple[str, Prompt]]:
        """What is spoken here: field and prompt."""
        yield from ()

    def fills(self) -> Iterator[Fill]:
        """Texts with variables that are not spoken."""
        yield from ()

    def sets(self) -> tuple[str, ...]:
        """Variables that this node sets."""
        return ()

    def label(self) -> str:
        """What to show in a graph."""
        return next((shown(prompt) for _, prompt in self.prompts()), "")

    def check(self, report: Report) -> None:
        """Faults that only this verb can see."""

    def compile(self, name: str, book: PromptBook) -> Node:
        """What this node does to a call."""
        raise NotImplementedError


def shown(prompt: Prompt) -> str:
    """A prompt as text for people."""
    return " ".join(prompt.split()) if isinstance(prompt, str) else f"♪ {prompt.file}"
