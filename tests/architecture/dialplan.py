"""The shipped dialplan as data, and the laws it must keep. Pure: text in, complaints out."""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator
from dataclasses import dataclass

_LINE = re.compile(
    r"(?:exten\s*=>\s*(?P<exten>[^,]+),)?(?:same\s*=>\s*)?(?P<priority>[^,(]+)(?:\((?P<label>\w+)\))?,(?P<app>.*)"
)
_OUTSIDE = re.compile(r"\$\{(?:EXTEN|CALLERID\(|CONNECTEDLINE\(|REDIRECTING\(|PJSIP_HEADER\(|SIP_HEADER\()")
"""Text that comes from whoever calls."""
_GUARD = re.compile(r"(?:FILTER\([^(),]*(?:\\.[^(),]*)*,|LEN\()$")
_FORBIDDEN_APPS = {
    "System",
    "TrySystem",
    "Exec",
    "TryExec",
    "ExecIf",
    "ExternalIVR",
    "Macro",
    "Originate",
    "DISA",
    "Authenticate",
}
_FORBIDDEN_FUNCTIONS = re.compile(r"\$\{(?:SHELL|CURL|FILE|ENV|EVAL|EVAL_EXTEN|ODBC_\w+|REALTIME\w*|DB\w*|STAT)\(")
_PHONE = re.compile(
    r"(?:PJSIP/(?:\$\{M3_AGENT\}|\$\{FILTER\(a-z0-9,\$\{M3_AGENT\}\)\})|Local/\$\{M3_AGENT\}@join)(?:,|$)"
)
"""One agent's phone, or their line."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Step:
    """One priority. ``where`` is file:line."""

    context: str
    exten: str
    label: str
    app: str
    args: str
    where: str


def steps(files: Iterable[tuple[str, str]]) -> list[Step]:
    """All priorities of these (name, text) files, in order. Raises ValueError for a line it does not understand."""
    found: list[Step] = []
    for name, text in files:
        context = exten = ""
        for number, raw in enumerate(text.splitlines(), 1):
            line, where = (
                raw.split(";", 1)[0].strip() if raw.lstrip().startswith(";") else raw.strip(),
                f"{name}:{number}",
            )
            if not line:
                continue
            if header := re.match(r"\[([\w-]+)\]", line):
                context = header[1]
            elif included := re.match(r"include\s*=>\s*([\w-]+)$", line):
                found.append(Step(context=context, exten="", label="", app="include", args=included[1], where=where))
            elif line.startswith(("exten", "same")):
                found.append(_step(line, where, context, exten))
                exten = found[-1].exten
            elif context not in ("general", "globals") and not line.startswith("#"):
                raise ValueError(f"{where}: what is this?")
    return found


def _step(line: str, where: str, context: str, exten: str) -> Step:
    parts = _LINE.fullmatch(line)
    app = parts and re.fullmatch(r"(\w+)\((.*)\)", parts["app"].strip())
    if parts is None or app is None:
        raise ValueError(f"{where}: not an extension line")
    return Step(
        context=context, exten=(parts["exten"] or exten).strip(), label=parts["label"] or "", app=app[1], args=app[2],
        where=where,
    )  # fmt: skip


def complaints(plan: list[Step], applications: set[str]) -> list[str]:
    """Everything that breaks a law of design §3 or bar S-01/S-02. ``applications``: those that modules.conf provides."""
    return [
        *_unfiltered(plan),
        *(f"{s.where}: {s.app}() runs programs or builds calls" for s in plan if s.app in _FORBIDDEN_APPS),
        *(f"{s.where}: a function that reads or runs things" for s in plan if _FORBIDDEN_FUNCTIONS.search(s.args)),
        *(f"{s.where}: no module for {s.app}()" for s in plan if s.app not in applications | {"include"}),
        *(f"{s.where}: MixMonitor with a command" for s in plan if s.app == "MixMonitor" and _after_options(s.args)),
        *_stasis_without_floor(plan),
        *_dials(plan),
        *_loose_ends(plan),
    ]


def _unfiltered(plan: list[Step]) -> Iterator[str]:
    for step in plan:
        for found in _OUTSIDE.finditer(step.args):
            if not _GUARD.search(step.args[: found.start()]):
                yield f"{step.where}: text from outside without FILTER or LEN around it"


def _after_options(args: str) -> bool:
    """MixMonitor(file,options,command): a third argument, commas inside brackets not counted."""
    return re.sub(r"\([^()]*\)|\$\{[^{}]*\}", "", args).count(",") > 1


def _stasis_without_floor(plan: list[Step]) -> Iterator[str]:
    for step, after in zip(plan, [*plan[1:], None], strict=True):
        if step.app != "Stasis":
            continue
        same = after is not None and (after.context, after.exten) == (step.context, step.exten)
        if not same or after is None or after.app != "GotoIf" or '"${STASISSTATUS}" = "FAILED"' not in after.args:
            yield f"{step.where}: Stasis() without the STASISSTATUS=FAILED branch behind it"


def reach(plan: list[Step], start: str) -> set[str]:
    """Contexts a channel that enters at ``start`` can get to, the service's own hand-overs included."""
    seen: set[str] = set()
    todo = [start]
    while todo:
        context = todo.pop()
        if context in seen:
            continue
        seen.add(context)
        todo += [target for step in plan if step.context == context for target in _targets(step)]
    return seen


def _targets(step: Step) -> Iterator[str]:
    match step.app:
        case "include":
            yield step.args
        case "Stasis" if "agent_asks" in step.args:
            yield "agent-told"
        case "Stasis":
            yield from ("to-queue", "to-agent", "to-conference", "to-voicemail")  # where the service sends a call on
        case "Dial":
            yield from re.findall(r"Local/[^,@]*@([a-z][\w-]*)", step.args)
        case "Goto" | "GotoIf" | "Gosub" | "GosubIf":
            yield from re.findall(r"(?:^|[?:])([a-z][\w-]*),(?:\w+|\$\{\w+\}),\w+", step.args)


def _dials(plan: list[Step]) -> Iterator[str]:
    """Nobody, from whichever door, is connected to anything but a phone or its line: no trunk, no other Local channel."""
    for door in ("from-trunk", "from-agent", "floor"):
        contexts = reach(plan, door)
        for step in plan:
            if step.context in contexts and step.app in ("Dial", "Page") and not _PHONE.match(step.args):
                yield f"{step.where}: {step.app}() to something that is not one agent's phone, reachable from {door}"


def _loose_ends(plan: list[Step]) -> Iterator[str]:
    known = {step.context for step in plan}
    for step in plan:
        for target in _targets(step):
            if target not in known and not target.endswith("-directory"):
                yield f"{step.where}: there is no context {target}"
