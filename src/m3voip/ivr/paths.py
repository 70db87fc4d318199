"""Ways through a tree: which nodes a call can get to, and where it would go round in circles."""

from __future__ import annotations

from collections.abc import Iterable, Mapping

from msgspec import Struct

from m3voip.ivr.verbs.base import Verb


class Loop(Struct, frozen=True):
    """Nodes that lead back to the first. ``silent``: the caller hears nothing on the way."""

    nodes: tuple[str, ...]
    silent: bool


def targets(nodes: Mapping[str, Verb], name: str) -> list[str]:
    """Where a node leads, existing nodes only, each once."""
    return list(dict.fromkeys(e.target for e in nodes[name].exits() if e.target in nodes))


def unreachable(nodes: Mapping[str, Verb], entry: str) -> list[str]:
    """Nodes that no way from the entry gets to."""
    seen = {entry}
    todo = [entry]
    while todo:
        for target in targets(nodes, todo.pop()):
            if target not in seen:
                seen.add(target)
                todo.append(target)
    return [name for name in nodes if name not in seen]


def loops(nodes: Mapping[str, Verb]) -> list[Loop]:
    """Circles in which the caller can never choose. One per group of nodes that lead to each other.

    A circle through nodes that say nothing spins at the machine's speed; a queue is no rest (it may be empty), nor is
    the CRM. A circle with words runs until the caller hangs up, unless a queue, an agent or a mailbox takes them.
    """
    silent = [name for name, verb in nodes.items() if not (verb.HEARD or verb.ASKS)]
    unasked = [name for name, verb in nodes.items() if not (verb.ASKS or verb.TAKES)]
    found = [Loop(circle, silent=True) for circle in circles(nodes, silent)]
    known = {name for loop in found for name in loop.nodes}
    return found + [Loop(circle, silent=False) for circle in circles(nodes, unasked) if known.isdisjoint(circle)]


def circles(nodes: Mapping[str, Verb], within: Iterable[str]) -> list[tuple[str, ...]]:
    """One circle for each group of these nodes that lead back to themselves, without leaving the group."""
    left = dict.fromkeys(within)
    found = []
    while left:
        start = next(iter(left))
        circle = _circle(nodes, start, left)
        if circle:
            found.append(circle)
            for name in circle:
                left.pop(name, None)
        else:
            left.pop(start)
    return found


def _circle(nodes: Mapping[str, Verb], start: str, within: Mapping[str, None]) -> tuple[str, ...]:
    """The shortest way from a node back to itself, or nothing."""
    ways: dict[str, tuple[str, ...]] = {start: (start,)}
    todo = [start]
    for name in todo:
        for target in targets(nodes, name):
            if target == start:
                return ways[name]
            if target in within and target not in ways:
                ways[target] = (*ways[name], target)
                todo.append(target)
    return ()
