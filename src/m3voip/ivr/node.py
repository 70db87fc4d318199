"""What a node does to a call: ``Node`` and the moves that all verbs are made of.

Nodes hold no state of a call, so the same ones serve every call. They speak to the call only through ``Step``.
"""

from __future__ import annotations

from datetime import datetime
from typing import ClassVar, Protocol

from msgspec import Struct
from msgspec.structs import replace

from m3voip.core import commands as do
from m3voip.core import events as ev
from m3voip.core import facts as f
from m3voip.core.call import Step
from m3voip.core.ids import step_id


class Secret(Struct, frozen=True):
    """Sensitive digits on their way from a collect node to the http node right behind it; kept nowhere."""

    variable: str
    digits: str


class Walker(Protocol):
    """The tree, as a node sees it."""

    def go(self, step: Step, target: str, turn: Turn) -> Step:
        """Leave for another node; an empty target ends the call."""
        ...


class Turn(Struct, frozen=True):
    """One event being answered: it happened ``at``, it is ``now``, and a node is entered for the ``attempt``-th time."""

    tree: Walker
    at: datetime
    now: datetime
    attempt: int = 1
    secret: Secret | None = None

    def go(self, step: Step, target: str) -> Step:
        """Leave for another node; an empty target ends the call."""
        return self.tree.go(step, target, self)


class Node:
    """One node of a compiled tree."""

    __slots__ = ("name",)
    verb: ClassVar[str]

    def __init__(self, name: str) -> None:
        self.name = name

    def enter(self, step: Step, turn: Turn) -> Step:
        """The caller gets here."""
        raise NotImplementedError

    def answer(self, step: Step, event: ev.Event, turn: Turn) -> Step:
        """Something happened while the caller is here. What makes no sense here changes nothing."""
        raise NotImplementedError

    def takes_keys(self, playing: bool) -> bool:
        """Whether a key changes anything here, while a prompt is ``playing`` or after it."""
        return False

    def resume(self, step: Step, event: ev.Recovered, turn: Turn) -> Step:
        """Carry on after the service was away: leave a prompt that still plays, else do this node again."""
        if event.playing:
            return step.cursor(playing=True)
        quiet = step.cursor(playing=False) if step.call.cursor.playing else step
        return self.enter(quiet, replace(turn, attempt=step.call.cursor.attempt))


class SilentNode(Node):
    """A node that only decides; a call passes through it within one event."""

    __slots__ = ()

    def cross(self, step: Step, turn: Turn) -> tuple[Step, str]:
        """What changes, and where to go next."""
        raise NotImplementedError

    def enter(self, step: Step, turn: Turn) -> Step:
        """Pass through."""
        return turn.go(step, self.name)

    def answer(self, step: Step, event: ev.Event, turn: Turn) -> Step:
        """Nobody stays here."""
        return step


def arrive(step: Step, turn: Turn, node: Node) -> Step:
    """Note that the caller is at a node that says nothing itself, and silence what still plays."""
    old = step.call.cursor
    step = step.note(turn.at, f.NodeEntered(node=node.name, verb=node.verb))
    return step.do(do.StopPlaying(leg=step.call.leg, prompt=old.prompt)) if old.playing else step


def speak(step: Step, turn: Turn, node: Node, media: tuple[str, ...], attempt: int = 0) -> Step:
    """Note that the caller is at a node and play its prompt, instead of what may still play. No deadline while it plays."""
    call = step.call
    old = call.cursor
    prompt = step_id(call.id, call.seq + 1, "p")
    fact = f.NodeEntered(node=node.name, verb=node.verb, attempt=attempt or turn.attempt, prompt=prompt)
    play = do.Play(leg=call.leg, prompt=prompt, media=media)
    step = step.note(turn.at, fact)
    step = step.do(do.StopPlaying(leg=call.leg, prompt=old.prompt), play) if old.playing else step.do(play)
    step = step.cursor(playing=True)
    return step if call.due_at is None else step.wait(None)


def heard(step: Step, event: ev.PromptFinished) -> bool:
    """Whether this is the end of the prompt that plays now, not the echo of an earlier one."""
    cursor = step.call.cursor
    return cursor.playing and cursor.prompt == event.prompt


def too_early(step: Step, turn: Turn) -> bool:
    """Whether a TimeUp belongs to an earlier deadline: a later one is set (a due one is cleared before its TimeUp)."""
    due = step.call.due_at
    return step.call.cursor.playing or (due is not None and turn.now < due)
