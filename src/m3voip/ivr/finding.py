"""What is wrong with a tree, said so that somebody who does not program can put it right."""

from __future__ import annotations

from collections.abc import Iterable
from enum import StrEnum

from msgspec import Struct

from m3voip.core.errors import M3voipError


class Severity(StrEnum):
    """An error keeps a tree from going live; a warning does not."""

    ERROR = "error"
    WARNING = "warning"


class Finding(Struct, frozen=True, kw_only=True):
    """One fault. ``line`` counts from 1; 0 where no line can be named. ``advice`` says what to do."""

    code: str
    severity: Severity
    node: str
    line: int
    message: str
    advice: str

    def shown(self, file: str) -> str:
        """One line for a terminal or a log: ``main.yaml:12: error [unknown-target] node 'welcome': …``."""
        where = f"node '{self.node}': " if self.node else ""
        return f"{file}:{self.line}: {self.severity} [{self.code}] {where}{self.message} → {self.advice}"


class TreeError(M3voipError):
    """A tree cannot go live. ``findings`` says why; only the errors are in the message."""

    def __init__(self, name: str, findings: Iterable[Finding]) -> None:
        self.name = name
        self.findings = tuple(findings)
        super().__init__("\n".join(f.shown(name) for f in self.findings if f.severity is Severity.ERROR))


CODES: dict[str, str] = {
    "bad-yaml": "the text is not readable as YAML",
    "duplicate-key": "a name is given twice in one place; only one of them would count",
    "unknown-field": "a field that the verb does not have, often a typing mistake",
    "missing-field": "a field that the verb cannot do without",
    "wrong-type": "a value of the wrong kind, e.g. a word where a number belongs",
    "out-of-range": "a number or text outside the allowed limits",
    "bad-version": "not a version of the format that this program reads",
    "one-verb": "a node has no verb, or more than one",
    "unknown-verb": "a verb that does not exist",
    "bad-name": "a node or variable name with characters that are not allowed",
    "unknown-entry": "the entry names no node",
    "unknown-target": "a node leads to a node that does not exist",
    "unreachable": "no call can ever get to this node",
    "dead-end": "a way out of a node that leads nowhere, so callers are cut off",
    "silent-loop": "nodes that lead back to themselves without the caller hearing anything",
    "endless-loop": "nodes that lead back to themselves without anybody being able to choose",
    "empty-text": "a prompt without words",
    "bad-template": "a {variable} that cannot be spoken or filled in as written",
    "unknown-variable": "a variable that no node sets",
    "sensitive": "digits of a sensitive node used where they would be heard or stored",
    "bad-file": "a file name that is not a plain name in the tree's prompt folder",
    "missing-file": "a sound file that is not in the prompt folder",
    "unknown-voice": "a voice that the text-to-speech engine does not have",
    "no-keys": "a menu without keys",
    "bad-key": "a menu key that is not on a telephone",
    "key-conflict": "one key with two meanings",
    "bad-digits": "limits or terminator of typed digits that contradict each other",
    "unknown-queue": "a queue that is not configured",
    "unknown-box": "a mailbox that is not configured",
    "unknown-extension": "an extension that no agent has",
    "unknown-conference": "a conference that is not configured",
    "bad-exit": "an outcome that the verb does not have",
    "bad-hours": "opening hours that cannot be read",
    "useless-hours": "opening hours that can never matter",
    "bad-date": "a date that does not exist",
    "bad-timezone": "a time zone that does not exist",
    "bad-region": "a holiday region that does not exist",
    "bad-path": "a path that would leave the CRM's own address",
}
"""Every code, and what it means. Codes are never renamed: scripts and editors match on them."""
