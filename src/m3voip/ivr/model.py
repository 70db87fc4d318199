"""A tree as typed data, read from its text. Nothing is guessed: what cannot be read is a finding, and the rest is kept.

The text has a ``version`` (of this format, 1), an ``entry``, optionally a ``voice`` and a ``description``, and ``nodes``:
name → exactly one verb with its settings.
"""

from __future__ import annotations

import re
from typing import Any

import msgspec
from msgspec import Struct

from m3voip.ivr import source as yaml_source
from m3voip.ivr.finding import Finding, Severity
from m3voip.ivr.misfit import misfit, similar
from m3voip.ivr.source import Plain, Source
from m3voip.ivr.verbs import VERBS
from m3voip.ivr.verbs.base import Verb

FORMAT_VERSION = 1
NODE_NAME = re.compile(r"[a-z][a-z0-9_-]{0,63}")
VOICE = re.compile(r"[a-z][a-z0-9_]{0,31}")
DEFAULT_VOICE = "slt"


class Header(Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """The fields of a tree's text."""

    version: int
    entry: str
    nodes: dict[str, Any]
    voice: str = DEFAULT_VOICE
    description: str = ""


class Tree(Struct, frozen=True, kw_only=True):
    """A tree. ``nodes`` in the order written."""

    name: str
    entry: str
    voice: str
    description: str
    nodes: dict[str, Verb]


class Draft(Struct, frozen=True, kw_only=True):
    """A tree as far as it could be read. ``broken`` nodes are those with findings instead of settings."""

    tree: Tree
    source: Source
    findings: tuple[Finding, ...]
    broken: frozenset[str] = frozenset()

    def line(self, node: str, *field: str) -> int:
        """The line of a node, or of a field of it."""
        return self.source.line("nodes", node, *((self.tree.nodes[node].VERB, *field) if field else ()))


def read(text: str, name: str) -> Draft:
    """Read a tree. Never raises: faults are findings of the draft."""
    source = yaml_source.read(text)
    reader = _Reader(source)
    header = reader.header(source.data) if not source.findings or source.data is not None else None
    nodes = reader.nodes(header.nodes) if header else {}
    tree = Tree(
        name=name,
        entry=header.entry if header else "",
        voice=header.voice if header else DEFAULT_VOICE,
        description=header.description if header else "",
        nodes=nodes,
    )
    return Draft(
        tree=tree,
        source=source,
        findings=(*source.findings, *reader.findings),
        broken=frozenset(header.nodes) - frozenset(nodes) if header else frozenset(),
    )


class _Reader:
    def __init__(self, source: Source) -> None:
        self._source = source
        self.findings: list[Finding] = []

    def _find(self, code: str, message: str, advice: str, *path: str, node: str = "") -> None:
        line = self._source.line(*path)
        finding = Finding(code=code, severity=Severity.ERROR, node=node, line=line, message=message, advice=advice)
        self.findings.append(finding)

    def header(self, data: Plain) -> Header | None:
        """The top level."""
        if not isinstance(data, dict):
            self._find("wrong-type", "this is not a tree", "begin with version: 1, entry: …, nodes: …")
            return None
        version = data.get("version")
        if version is not None and version != str(FORMAT_VERSION):
            self._find(
                "bad-version", f"version '{version}' is not known", f"write version: {FORMAT_VERSION}", "version"
            )
            return None
        try:
            header = msgspec.convert(data, Header, strict=False)
        except msgspec.ValidationError as error:
            found = misfit(error, Header, data)
            self._find(found.code, found.message, found.advice, *found.path)
            return None
        if not VOICE.fullmatch(header.voice):
            self._find("unknown-voice", f"'{header.voice}' cannot be a voice", "use a name like slt", "voice")
        return header

    def nodes(self, nodes: dict[str, Plain]) -> dict[str, Verb]:
        """Those nodes that can be read."""
        read = {name: self._node(name, node) for name, node in nodes.items()}
        return {name: verb for name, verb in read.items() if verb is not None}

    def _node(self, name: str, node: Plain) -> Verb | None:
        path = ("nodes", name)
        if not NODE_NAME.fullmatch(name):
            advice = "use small letters, digits, - and _, beginning with a letter"
            self._find("bad-name", f"'{name}' cannot be the name of a node", advice, *path, node=name)
        if not isinstance(node, dict) or len(node) != 1:
            verbs = f"has {len(node)} verbs" if isinstance(node, dict) and node else "has no verb"
            advice = f"give it exactly one of {', '.join(VERBS)}, with its settings indented below"
            self._find("one-verb", f"the node {verbs}", advice, *path, node=name)
            return None
        ((verb, settings),) = node.items()
        kind = VERBS.get(verb)
        if kind is None:
            advice = f"use {similar(verb, VERBS) or 'one of ' + ', '.join(VERBS)}"
            self._find("unknown-verb", f"there is no verb '{verb}'", advice, *path, verb, node=name)
            return None
        try:
            return msgspec.convert(written_out(kind, settings), kind, strict=False)
        except msgspec.ValidationError as error:
            found = misfit(error, kind, settings)
            self._find(found.code, found.message, found.advice, *path, verb, *found.path, node=name)
            return None


def written_out(kind: type[Verb], settings: Plain) -> Plain:
    """The settings with the short form (``goto: welcome``, a bare ``hangup:``) written out."""
    if settings is None:
        return {}
    return {kind.SHORT: settings} if isinstance(settings, str) and kind.SHORT else settings
