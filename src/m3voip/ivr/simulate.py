"""Walk a tree without a telephone: the real call and the real interpreter, in virtual time.

The script is what the caller does and what happens to them, separated by commas:
``1`` or ``12#`` keys · ``t`` nothing until the time is up · ``h`` hang up · ``q:timeout`` (or another way out of a queue)
· ``a`` an agent answers · ``d:busy`` (or no_answer, unavailable, answer) back from dialling · ``v`` message left
· ``m:left`` (or kicked, pin, locked, full, unknown) back from a conference
· ``c:balance=12`` the CRM answers (``c:fail`` it does not).
"""

from __future__ import annotations

from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from uuid import UUID

from msgspec import Struct

from m3voip.core import commands as do
from m3voip.core import events as ev
from m3voip.core import facts as f
from m3voip.core.call import Call, State
from m3voip.core.causes import ConferenceExit, QueueExit
from m3voip.core.errors import M3voipError
from m3voip.core.life import step
from m3voip.ivr.interpreter import CompiledTree
from m3voip.ivr.verbs.dial import OUTCOMES

LETTERS_PER_SECOND = 14
"""How fast a text is spoken, roughly."""

_CALL_ID = UUID("00000000-0000-7000-8000-00000000ca11")
_KEYS = frozenset("0123456789*#ABCD")
_PATIENCE = timedelta(seconds=0.5)


class ScriptError(M3voipError):
    """A script that makes no sense; the message says which part and why."""


class Line(Struct, frozen=True):
    """One thing that happens, ``at_s`` seconds into the call."""

    at_s: float
    text: str

    def shown(self) -> str:
        """For a terminal."""
        return f"{self.at_s:6.1f} s  {self.text}"


def simulate(
    tree: CompiledTree, script: str, *, start: datetime, caller: str = "+15550100", did: str = "+15550199"
) -> tuple[Line, ...]:
    """What the caller of ``script`` hears and where they go. Raises ScriptError."""
    walk = _Walk(tree, start)
    arrived = ev.CallArrived(at=start, leg="leg", node="simulation", created=start, did=did, caller=caller)
    walk.deliver(arrived)
    for part in (part.strip() for part in script.split(",") if part.strip()):
        walk.act(part)
    walk.rest()
    return tuple(walk.lines)


class _Walk:
    """One simulated call."""

    def __init__(self, tree: CompiledTree, start: datetime) -> None:
        self.lines: list[Line] = []
        self._tree = tree
        self._start = self._now = start
        self._call = Call(id=_CALL_ID, tenant_id=UUID(int=0), leg="leg")
        self._prompt_s = 0.0

    def deliver(self, event: ev.Event) -> None:
        """Let the call answer an event, and write down what comes of it."""
        result = step(self._call, event, self._now, self._tree)
        self._call = result.call
        for row in result.facts:
            for text in _told(row.fact):
                self._say(text)
        for command in result.commands:
            self._perform(command)
        if any(isinstance(command, do.Hangup) for command in result.commands):
            self.deliver(ev.CallerHungUp(at=self._now))

    def act(self, part: str) -> None:  # noqa: C901, PLR0912  # a table
        """One part of the script."""
        if self._call.state is State.ENDED:
            raise ScriptError(f"'{part}': the call has ended already")
        kind, _, detail = part.partition(":")
        match kind:
            case "t":
                self._time_up()
            case "h":
                self._say("hangs up")
                if self._call.state is State.TALKING:
                    self.deliver(ev.AgentLeft(at=self._now, extension=self._call.agent, by_caller=True))
                self.deliver(ev.CallerHungUp(at=self._now))
            case "a":
                self._expect(part, State.QUEUED, State.RINGING)
                self.deliver(ev.AgentAnswered(at=self._now, extension=self._call.agent or "101"))
            case "q":
                self._expect(part, State.QUEUED, State.TALKING)
                self.deliver(ev.QueueLeft(at=self._now, queue=self._call.queue, exit=_exit(part, detail)))
            case "d":
                self._expect(part, State.RINGING, State.TALKING)
                self.deliver(ev.DialLeft(at=self._now, extension=self._call.agent, status=_status(part, detail)))
            case "v":
                self._expect(part, State.VOICEMAIL)
                status = "FAILED" if detail == "fail" else "SUCCESS"
                self.deliver(ev.VoicemailLeft(at=self._now, box="", status=status))
            case "m":
                self._expect(part, State.CONFERENCE)
                left = ev.ConferenceLeft(at=self._now, conference=self._call.conference, exit=_met(part, detail))
                self.deliver(left)
            case "c":
                self._crm(part, detail)
            case _ if set(part) <= _KEYS:
                for key in part:
                    self._press(key)
            case _:
                raise ScriptError(f"'{part}' means nothing; use keys, t, h, a, q:…, d:…, v, m:…, c:…")

    def rest(self) -> None:
        """Let what plays end, and say where the caller is then."""
        while self._call.cursor.playing and self._call.state is State.IVR:
            self._finish_prompt()
        if self._call.state is State.IVR:
            self._say(f"waits at '{self._call.cursor.node}'")

    def _press(self, key: str) -> None:
        while self._call.cursor.playing and not self._tree.takes_keys(self._call):
            self._finish_prompt()
        if self._call.state is not State.IVR:
            raise ScriptError(f"key '{key}': nobody asks for keys, the call is {self._call.state.value}")
        self._now += _PATIENCE
        self._say(f"presses {key}")
        self.deliver(ev.CallerPressed(at=self._now, digit=key))

    def _time_up(self) -> None:
        while self._call.cursor.playing and self._call.state is State.IVR:
            self._finish_prompt()
        due = self._call.due_at
        if due is None:
            raise ScriptError("'t': nothing is waited for here")
        self._now = max(self._now, due)
        self.deliver(ev.TimeUp(at=self._now))

    def _finish_prompt(self) -> None:
        self._now += timedelta(seconds=self._prompt_s)
        self.deliver(ev.PromptFinished(at=self._now, prompt=self._call.cursor.prompt))

    def _crm(self, part: str, detail: str) -> None:
        request = self._call.cursor.request
        if not request:
            raise ScriptError(f"'{part}': the CRM has not been asked")
        if detail == "fail":
            return self.deliver(ev.CrmFailed(at=self._now, request=request, why="simulated"))
        values = dict(pair.partition("=")[::2] for pair in detail.split(";") if pair)
        return self.deliver(ev.CrmAnswered(at=self._now, request=request, status=200, values=values))

    def _expect(self, part: str, *states: State) -> None:
        if self._call.state not in states:
            raise ScriptError(f"'{part}': the call is not {' or '.join(states)}, it is {self._call.state.value}")

    def _perform(self, command: do.Command) -> None:
        match command:
            case do.Play():
                heard = [self._words(piece) for piece in command.media]
                self._prompt_s = sum(len(words) for words in heard) / LETTERS_PER_SECOND
                self._say(f"hears “{' '.join(heard)}”")
            case do.AskCrm():
                self._say(f"the CRM is asked: {command.method} {command.url} {', '.join(command.body)}".rstrip())
            case _:
                pass

    def _words(self, piece: str) -> str:
        kind, _, what = piece.partition(":")
        if kind == "prompt":
            source = self._tree.prompts[what]
            return source.text or f"♪ {source.file}"
        return " ".join(what) if kind == "digits" else "…" if kind == "silence" else what

    def _say(self, text: str) -> None:
        self.lines.append(Line(round((self._now - self._start).total_seconds(), 1), text))


def _exit(part: str, detail: str) -> QueueExit:
    try:
        return QueueExit(detail or "timeout")
    except ValueError as unknown:
        raise ScriptError(f"'{part}': use q: and one of {', '.join(QueueExit)}") from unknown


def _met(part: str, detail: str) -> ConferenceExit:
    try:
        return ConferenceExit(detail or "left")
    except ValueError as unknown:
        raise ScriptError(f"'{part}': use m: and one of {', '.join(ConferenceExit)}") from unknown


def _status(part: str, detail: str) -> str:
    if detail in {"", "answer"}:
        return "ANSWER"
    if detail not in OUTCOMES:
        raise ScriptError(f"'{part}': use d: and one of answer, {', '.join(OUTCOMES)}")
    return OUTCOMES[detail][0]


def _told(fact: f.AnyFact) -> Iterator[str]:  # noqa: C901, PLR0912  # a table
    """A fact in words; those that commands or keys already tell are left out."""
    match fact:
        case f.NodeEntered():
            again = f", attempt {fact.attempt}" if fact.attempt > 1 else ""
            yield f"→ {fact.node} ({fact.verb}{again})"
        case f.InputMissing():
            yield "pressed nothing in time"
        case f.InputInvalid():
            yield "that was not valid"
        case f.VariableSet():
            yield "remembers " + ", ".join(f"{name} = {value}" for name, value in fact.values.items())
        case f.CrmAsked():
            yield f"the CRM answered {fact.status}" if fact.status else f"the CRM failed: {fact.why}"
        case f.QueueEntered():
            yield f"waits in queue {fact.queue}" + (f", at most {fact.timeout_s} s" if fact.timeout_s else "")
        case f.QueueExited():
            yield f"leaves queue {fact.queue}: {fact.exit.value}"
        case f.DialStarted():
            yield f"extension {fact.extension} rings"
        case f.CallConnected():
            yield f"talks with {fact.extension}"
        case f.VoicemailEntered():
            yield f"leaves a message in mailbox {fact.box}"
        case f.ConferenceEntered():
            yield f"enters conference {fact.conference}"
        case f.ConferenceDone():
            yield f"leaves conference {fact.conference}: {fact.exit.value}"
        case f.CallEnded():
            yield f"the call ends: {fact.reason.value}"
        case _:
            return


DEFAULT_START = datetime(2026, 1, 5, 15, 0, tzinfo=UTC)
"""A Monday at ten in the morning in New York."""
