"""YAML text → plain data with line numbers. Every scalar stays the text that was written; the field's type decides later.

So ``0:`` is the key "0", ``10:00`` is a time and not 600, ``no`` is a word: none of YAML's guesses reach a tree. Anchors
and aliases are refused (a tree needs none, and they let a small file grow without bound); size and depth are limited.
"""

from __future__ import annotations

from collections.abc import Iterator

import yaml
from msgspec import Struct

from m3voip.ivr.finding import Finding, Severity

MAX_CHARACTERS = 262_144
MAX_DEPTH = 12

Plain = str | None | list["Plain"] | dict[str, "Plain"]

_QUOTE_STAR = 'put the key in quotes, like "*": a bare star means something else in YAML'


class Source(Struct, frozen=True, kw_only=True):
    """What was read. ``lines``: path of keys → line; a list item's key is its index. ``data`` is None after a fault."""

    data: Plain
    lines: dict[tuple[str, ...], int]
    findings: tuple[Finding, ...]

    def line(self, *path: str) -> int:
        """The line of this place, or of the nearest place around it."""
        while path and path not in self.lines:
            path = path[:-1]
        return self.lines.get(path, 1)


class _SourceError(Exception):
    def __init__(self, line: int, message: str, advice: str) -> None:
        self.finding = Finding(
            code="bad-yaml", severity=Severity.ERROR, node="", line=line, message=message, advice=advice
        )


def read(text: str) -> Source:
    """Read a tree's text. Faults are in ``findings``; nothing is raised."""
    if len(text) > MAX_CHARACTERS:
        fault = _SourceError(1, f"the text is longer than {MAX_CHARACTERS} characters", "split the tree")
        return Source(data=None, lines={}, findings=(fault.finding,))
    reader = _Reader()
    try:
        data = reader.document(yaml.parse(text, Loader=yaml.SafeLoader))
    except yaml.MarkedYAMLError as error:
        mark = error.problem_mark or error.context_mark
        advice = _QUOTE_STAR if "alias" in (error.context or "") else "check indentation, colons and quotes there"
        fault = _SourceError(mark.line + 1 if mark else 1, f"not readable: {error.problem or error.context}", advice)
        return Source(data=None, lines={}, findings=(*reader.findings, fault.finding))
    except yaml.YAMLError as error:
        fault = _SourceError(1, f"not readable: {error}", "save the file as plain UTF-8 text")
        return Source(data=None, lines={}, findings=(fault.finding,))
    except _SourceError as fault:
        return Source(data=None, lines={}, findings=(*reader.findings, fault.finding))
    return Source(data=data, lines=reader.lines, findings=tuple(reader.findings))


class _Reader:
    """Builds data from YAML events: no recursion on nesting that the text controls."""

    def __init__(self) -> None:
        self.lines: dict[tuple[str, ...], int] = {}
        self.findings: list[Finding] = []

    def document(self, events: Iterator[yaml.Event]) -> Plain:
        result: Plain = None
        documents = 0
        for event in events:
            if isinstance(event, yaml.DocumentStartEvent):
                documents += 1
                if documents > 1:
                    raise _SourceError(_line(event), "a second document begins here", "keep one tree per file")
            elif isinstance(event, yaml.NodeEvent):
                result = self._value(event, events, ())
        return result

    def _value(self, event: yaml.Event, events: Iterator[yaml.Event], path: tuple[str, ...]) -> Plain:
        if isinstance(event, yaml.AliasEvent):
            raise _SourceError(
                _line(event), f"the alias *{event.anchor} is not allowed", "write the text out, or quote it"
            )
        if isinstance(event, yaml.NodeEvent) and event.anchor:
            raise _SourceError(
                _line(event), f"the anchor &{event.anchor} is not allowed", "write the text out, or quote it"
            )
        if len(path) > MAX_DEPTH:
            raise _SourceError(_line(event), "nested too deeply", "check the indentation")
        self.lines.setdefault(path, _line(event))
        if isinstance(event, yaml.ScalarEvent):
            return None if not event.value and not event.style else str(event.value)
        if isinstance(event, yaml.SequenceStartEvent):
            return self._list(events, path)
        return self._mapping(events, path)

    def _list(self, events: Iterator[yaml.Event], path: tuple[str, ...]) -> list[Plain]:
        items: list[Plain] = []
        for event in events:
            if isinstance(event, yaml.SequenceEndEvent):
                break
            items.append(self._value(event, events, (*path, str(len(items)))))
        return items

    def _mapping(self, events: Iterator[yaml.Event], path: tuple[str, ...]) -> dict[str, Plain]:
        mapping: dict[str, Plain] = {}
        for event in events:
            if isinstance(event, yaml.MappingEndEvent):
                break
            if not isinstance(event, yaml.ScalarEvent):
                advice = _QUOTE_STAR if isinstance(event, yaml.AliasEvent) else "use a plain name as the key"
                raise _SourceError(_line(event), "a key must be a plain name or number", advice)
            key = str(event.value)
            if key in mapping:
                self._twice(key, _line(event), (*path, key))
            self.lines[(*path, key)] = _line(event)
            mapping[key] = self._value(next(events), events, (*path, key))
        return mapping

    def _twice(self, key: str, line: int, path: tuple[str, ...]) -> None:
        node = path[1] if len(path) > 2 and path[0] == "nodes" else ""
        self.findings.append(
            Finding(
                code="duplicate-key",
                severity=Severity.ERROR,
                node=node,
                line=line,
                message=f"'{key}' is given twice (first on line {self.lines[path]})",
                advice="delete one of them",
            )
        )


def _line(event: yaml.Event) -> int:
    return int(event.start_mark.line) + 1 if event.start_mark else 1
