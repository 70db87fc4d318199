"""What a call follows: a compiled tree answers events at the call's node. It holds no state of a call.

Law: within one event a call passes at most ``MAX_SILENT_HOPS`` nodes that only decide; more is a loop, and the call is
let go (lint refuses such trees, but a tree in the database may be older than the rule).
"""

from __future__ import annotations

from collections.abc import Mapping
from datetime import datetime

from m3voip.core import events as ev
from m3voip.core.call import Call, Step
from m3voip.core.causes import EndReason
from m3voip.ivr.node import Node, SilentNode, Turn
from m3voip.ivr.prompts import PromptSource

MAX_SILENT_HOPS = 100


class CompiledTree:
    """One version of a tree, ready for calls (``core.call.Flow``). Immutable: a changed tree is another object.

    ``prompts`` are to be rendered before the first call gets here: key → what it is made from.
    """

    __slots__ = ("_entry", "_nodes", "name", "prompts", "version")

    def __init__(
        self, *, name: str, version: int, entry: str, nodes: Mapping[str, Node], prompts: Mapping[str, PromptSource]
    ) -> None:
        self.name = name
        self.version = version
        self.prompts = prompts
        self._entry = entry
        self._nodes = nodes

    def start(self, step: Step, at: datetime, now: datetime) -> Step:
        """Enter the entry."""
        return self.go(step, self._entry, Turn(self, at, now))

    def has(self, call: Call, node: str) -> bool:  # noqa: ARG002  # Flow's signature
        """Whether there is such a node."""
        return node in self._nodes

    def enter(self, step: Step, node: str, at: datetime, now: datetime) -> Step:
        """Go on at a node, from wherever the caller was."""
        return self.go(step, node, Turn(self, at, now))

    def answer(self, step: Step, event: ev.Event, now: datetime) -> Step:
        """Let the call's node answer."""
        node = self._nodes.get(step.call.cursor.node)
        return lost(step) if node is None else node.answer(step, event, Turn(self, event.at, now))

    def resume(self, step: Step, event: ev.Recovered, now: datetime) -> Step:
        """Carry on at the call's node; at the entry if it had not got to any."""
        name = step.call.cursor.node
        if not name:
            return self.start(step, event.at, now)
        node = self._nodes.get(name)
        return lost(step) if node is None else node.resume(step, event, Turn(self, event.at, now))

    def takes_keys(self, call: Call) -> bool:
        """Whether a key would be heard now, while a prompt may still play."""
        node = self._nodes.get(call.cursor.node)
        return node is not None and node.takes_keys(call.cursor.playing)

    def go(self, step: Step, target: str, turn: Turn) -> Step:
        """Enter ``target``, passing through nodes that only decide. An empty target ends the call."""
        for _ in range(MAX_SILENT_HOPS):
            if not target:
                return step.hang_up(EndReason.COMPLETED)
            node = self._nodes.get(target)
            if node is None:
                return lost(step)
            if not isinstance(node, SilentNode):
                return node.enter(step, turn)
            step, target = node.cross(step, turn)
        return lost(step)


def lost(step: Step) -> Step:
    """The call cannot go on."""
    return step.hang_up(EndReason.FAILED)
