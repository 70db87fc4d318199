"""A picture of a tree: Mermaid (for Markdown pages) or DOT (for Graphviz). Drawn from the tree itself, so never stale."""

from __future__ import annotations

from collections.abc import Iterator

from msgspec import Struct

from m3voip.ivr.model import Tree
from m3voip.ivr.verbs.base import Verb

MAX_LABEL = 60

_MERMAID_SHAPES = {
    "menu": ('{{"', '"}}'), "collect": ('{{"', '"}}'), "hours": ('{"', '"}'), "switch": ('{"', '"}'), "hangup": ('(["', '"])'),
}  # fmt: skip
_MERMAID_BOX = ('["', '"]')
_DOT_SHAPES = {"menu": "hexagon", "collect": "hexagon", "hours": "diamond", "switch": "diamond", "hangup": "oval"}
_END = "the call ends"


class Edge(Struct, frozen=True, order=True):
    """A way from one node to another; several labels go the same way. ``target`` is empty where the call ends."""

    source: str
    target: str
    label: str


def edges(tree: Tree) -> list[Edge]:
    """Every way through the tree, in the order written."""
    ways: dict[tuple[str, str], list[str]] = {}
    for name, verb in tree.nodes.items():
        for exit_ in verb.exits():
            labels = ways.setdefault((name, exit_.target), [])
            if exit_.label:
                labels.append(exit_.label)
    return [Edge(source, target, ", ".join(labels)) for (source, target), labels in ways.items()]


def mermaid(tree: Tree) -> str:
    """A Mermaid flowchart."""
    ids = {name: f"n{index}" for index, name in enumerate(tree.nodes)}
    return "\n".join(("flowchart TD", *_mermaid_lines(tree, ids))) + "\n"


def _mermaid_lines(tree: Tree, ids: dict[str, str]) -> Iterator[str]:
    yield f"    start((call)) --> {ids.get(tree.entry, 'start')}"
    for name, verb in tree.nodes.items():
        begin, end = _MERMAID_SHAPES.get(verb.VERB, _MERMAID_BOX)
        yield f"    {ids[name]}{begin}{'<br/>'.join(_mermaid_text(part) for part in _title(name, verb))}{end}"
    for index, edge in enumerate(edges(tree)):
        target = ids.get(edge.target) or f'e{index}(["{edge.target or _END}"])'
        label = f'|"{_mermaid_text(edge.label)}"|' if edge.label else ""
        yield f"    {ids[edge.source]} -->{label} {target}"


def _mermaid_text(text: str) -> str:
    return text.replace("#", "#35;").replace('"', "#quot;").replace("<", "#lt;").replace(">", "#gt;")


def dot(tree: Tree) -> str:
    """A Graphviz digraph."""
    lines = [
        f"digraph {_quoted(tree.name)} {{",
        "    rankdir=TB; node [shape=box, fontname=sans];",
        "    call [shape=circle];",
    ]
    for name, verb in tree.nodes.items():
        shape = _DOT_SHAPES.get(verb.VERB, "box")
        lines.append(f"    {_quoted(name)} [shape={shape}, label={_quoted(*_title(name, verb))}];")
    lines.append(f"    call -> {_quoted(tree.entry)};")
    for edge in edges(tree):
        label = f" [label={_quoted(edge.label)}]" if edge.label else ""
        lines.append(f"    {_quoted(edge.source)} -> {_quoted(edge.target or _END)}{label};")
    return "\n".join((*lines, "}")) + "\n"


def _title(name: str, verb: Verb) -> tuple[str, str]:
    label = verb.label()
    short = label if len(label) <= MAX_LABEL else label[: MAX_LABEL - 1].rstrip() + "…"
    return name, verb.VERB + (f": {short}" if short else "")


def _quoted(*lines: str) -> str:
    escaped = (line.replace("\\", "\\\\").replace('"', '\\"') for line in lines)
    return '"' + "\\n".join(escaped) + '"'
