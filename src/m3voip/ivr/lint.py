"""What is wrong with a tree: everything ``m3voip ivr check`` reports. Errors keep a tree from going live.

Faults of one verb are found by the verb itself (``Verb.check``); here are those that need the whole tree.
"""

from __future__ import annotations

from collections.abc import Iterable

from m3voip.ivr import paths
from m3voip.ivr.finding import Finding, Severity
from m3voip.ivr.known import Known
from m3voip.ivr.misfit import similar
from m3voip.ivr.model import Draft
from m3voip.ivr.prompts import FILE_NAME, Prompt, Recording
from m3voip.ivr.template import BUILT_IN, ROUTED, Spoken, TemplateError, named, spoken
from m3voip.ivr.verbs.base import Verb
from m3voip.ivr.verbs.collect import Collect
from m3voip.ivr.verbs.http import Http


def check(draft: Draft, known: Known = Known()) -> tuple[Finding, ...]:  # noqa: B008 (frozen)
    """All findings of a tree, in the order of its lines."""
    lint = _Lint(draft, known)
    if draft.tree.entry or draft.tree.nodes:
        lint.run()
    found = dict.fromkeys((*draft.findings, *lint.findings))
    return tuple(sorted(found, key=lambda f: (f.line, f.node, f.code)))


def errors(findings: Iterable[Finding]) -> list[Finding]:
    """Those that keep a tree from going live."""
    return [finding for finding in findings if finding.severity is Severity.ERROR]


def sensitive_variables(nodes: dict[str, Verb]) -> frozenset[str]:
    """Variables that sensitive nodes collect."""
    return frozenset(n.into for n in nodes.values() if isinstance(n, Collect) and n.sensitive)


class _Lint:
    """One check of one tree. It is the ``Report`` of the verb that ``_node`` names."""

    def __init__(self, draft: Draft, known: Known) -> None:
        self.known = known
        self.findings: list[Finding] = []
        self._draft = draft
        self._nodes = draft.tree.nodes
        self._names = frozenset(self._nodes) | draft.broken
        self._variables = BUILT_IN | ROUTED | {name for node in self._nodes.values() for name in node.sets()}
        self._sensitive = sensitive_variables(self._nodes)
        self._node = ""

    def __call__(self, code: str, message: str, advice: str, *field: str, warning: bool = False) -> None:
        line = self._draft.line(self._node, *field) if self._node else self._draft.source.line(*field)
        severity = Severity.WARNING if warning else Severity.ERROR
        finding = Finding(code=code, severity=severity, node=self._node, line=line, message=message, advice=advice)
        self.findings.append(finding)

    def run(self) -> None:
        """Check the whole, then each node."""
        self._voice()
        self._entry()
        for name, verb in self._nodes.items():
            self._node = name
            verb.check(self)
            self._exits(verb)
            for field, prompt in verb.prompts():
                self._prompt(field, prompt)
            for fill in verb.fills():
                self._fill(verb, fill.field, fill.text, private=fill.private)
            self._overwrites(verb)
        self._loops()
        self._reach()

    def _voice(self) -> None:
        voice, voices = self._draft.tree.voice, self.known.voices
        if voices is not None and voice not in voices:
            self("unknown-voice", f"there is no voice '{voice}'", f"use one of {', '.join(sorted(voices))}", "voice")

    def _entry(self) -> None:
        entry = self._draft.tree.entry
        if entry not in self._names:
            self("unknown-entry", f"the entry '{entry}' is not a node", self._meant(entry), "entry")

    def _reach(self) -> None:
        """Only of a tree without errors: with one, a node may be out of reach just because of it."""
        if errors((*self._draft.findings, *self.findings)):
            return
        for name in paths.unreachable(self._nodes, self._draft.tree.entry):
            self._node = name
            advice = "lead a key or another node to it, or delete it"
            self("unreachable", "no call can get here", advice, warning=True)

    def _meant(self, name: str) -> str:
        meant = similar(name, self._names)
        return f"write {meant}" if meant else "use the name of a node"

    def _exits(self, verb: Verb) -> None:
        for exit_ in verb.exits():
            field = exit_.field.split(".")
            if not exit_.target and exit_.required:
                way = f"after '{exit_.label}' " if exit_.label else ""
                self("dead-end", f"{way}the call leads nowhere", f"add {field[0]}: the node to go to", *field)
            elif exit_.target and exit_.target not in self._names:
                self("unknown-target", f"there is no node '{exit_.target}'", self._meant(exit_.target), *field)

    def _prompt(self, field: str, prompt: Prompt) -> None:
        if isinstance(prompt, Recording):
            return self._file(field, prompt.file)
        try:
            pieces = spoken(prompt)
        except TemplateError as fault:
            return self("bad-template", str(fault), "correct the braces", field)
        if not pieces:
            self("empty-text", "there are no words to say", "write what the caller should hear", field)
        for piece in pieces:
            if isinstance(piece, Spoken):
                self._variable(piece.variable, field)
                if piece.variable in self._sensitive:
                    message = f"'{piece.variable}' is sensitive and would be said aloud"
                    self("sensitive", message, "take it out of the text", field)
        return None

    def _file(self, field: str, file: str) -> None:
        if not FILE_NAME.fullmatch(file):
            advice = "use small letters, digits, - and _, ending in .wav, .flac or .ogg"
            self("bad-file", f"'{file}' is not a plain name in the prompt folder", advice, field)
        elif self.known.files is not None and file not in self.known.files:
            meant = similar(file, self.known.files)
            advice = f"write {meant}" if meant else "put it into the prompt folder"
            self("missing-file", f"there is no file '{file}'", advice, field)

    def _fill(self, verb: Verb, field: tuple[str, ...], text: str, *, private: bool) -> None:
        try:
            variables = named(text)
        except TemplateError as fault:
            return self("bad-template", str(fault), "correct the braces", *field)
        for variable in variables:
            self._variable(variable, *field)
            if variable in self._sensitive and not (private and self._follows(verb, variable)):
                message = f"'{variable}' is sensitive and would be stored or shown here"
                advice = "send it only in the body of a POST, in the http node right behind its collect node"
                self("sensitive", message, advice, *field)
        return None

    def _follows(self, verb: Verb, variable: str) -> bool:
        """Whether every sensitive collect of this variable leads straight to this http node."""
        collects = [n for n in self._nodes.values() if isinstance(n, Collect) and n.into == variable]
        return isinstance(verb, Http) and all(self._nodes.get(n.then) is verb for n in collects)

    def _variable(self, variable: str, *field: str) -> None:
        if variable not in self._variables and not self._draft.broken:
            meant = similar(variable, self._variables)
            advice = f"write {meant}" if meant else "collect, set or extract it first"
            self("unknown-variable", f"no node sets '{variable}'", advice, *field)

    def _overwrites(self, verb: Verb) -> None:
        for name in verb.sets():
            if name in BUILT_IN and isinstance(verb, Collect):
                advice = "choose another name"
                self("bad-name", f"'{name}' is given with every call and cannot be set", advice, "into")
            if name in self._sensitive and not (isinstance(verb, Collect) and verb.sensitive):
                message = f"'{name}' is sensitive at another node, but not here"
                self("sensitive", message, "choose another name")

    def _loops(self) -> None:
        for loop in paths.loops(self._nodes):
            self._node = loop.nodes[0]
            way = " → ".join((*loop.nodes, loop.nodes[0]))
            if loop.silent:
                self("silent-loop", f"the caller hears nothing and gets nowhere: {way}", "lead one of them elsewhere")
            else:
                advice = "put a menu, a queue or a hangup on the way"
                self("endless-loop", f"the caller cannot get out: {way}", advice)
        self._node = ""
