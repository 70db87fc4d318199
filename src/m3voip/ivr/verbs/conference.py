"""``conference``: talk together with others. The telephony node asks for the PIN, three times at most."""

from __future__ import annotations

from typing import Annotated

from msgspec import Meta

from m3voip.core import commands as do
from m3voip.core import events as ev
from m3voip.core import facts as f
from m3voip.core.call import State, Step
from m3voip.core.causes import ConferenceExit
from m3voip.ivr.node import Node, Turn, arrive
from m3voip.ivr.prompts import PromptBook
from m3voip.ivr.verbs import fields
from m3voip.ivr.verbs.base import Exit, Report, Verb
from m3voip.ivr.verbs.queue import check_known

MET = (ConferenceExit.LEFT, ConferenceExit.KICKED)
"""The caller was in; every other way out means not let in."""


class Conference(Verb, frozen=True, kw_only=True):
    """Let the caller join a conference; it asks for the PIN, if there is one."""

    VERB = "conference"
    TAKES = True
    SHORT = "number"

    number: fields.Conference
    then: fields.End = ""
    on_refused: Annotated[
        str, Meta(description="The node for callers who are not let in: wrong PIN, locked, full, no such conference.")
    ] = ""

    def exits(self) -> tuple[Exit, ...]:
        """After the meeting (most callers just hang up), and not let in."""
        refused = (Exit("not let in", self.on_refused, "on_refused"),) if self.on_refused else ()
        return (Exit("left", self.then, "then", required=False), *refused)

    def label(self) -> str:
        """The conference."""
        return self.number

    def check(self, report: Report) -> None:
        """A conference that exists."""
        check_known(report, "conference", self.number, report.known.conferences, "number")

    def compile(self, name: str, book: PromptBook) -> Node:
        """The node."""
        return ConferenceNode(name, self)


class ConferenceNode(Node):
    """Hands the caller to the conference and routes on afterwards."""

    __slots__ = ("_spec",)
    verb = Conference.VERB

    def __init__(self, name: str, spec: Conference) -> None:
        super().__init__(name)
        self._spec = spec

    def enter(self, step: Step, turn: Turn) -> Step:
        """To the conference."""
        entered = f.ConferenceEntered(conference=self._spec.number)
        return self._send(arrive(step, turn, self).note(turn.at, entered))

    def answer(self, step: Step, event: ev.Event, turn: Turn) -> Step:
        """Back from the conference."""
        if not isinstance(event, ev.ConferenceLeft):
            return step
        return turn.go(step, self._spec.then if event.exit in MET else self._spec.on_refused)

    def resume(self, step: Step, event: ev.Recovered, turn: Turn) -> Step:
        """The leg stands before us: it never got to the conference."""
        return self._send(step) if step.call.state is State.CONFERENCE else self.enter(step, turn)

    def _send(self, step: Step) -> Step:
        call = step.call
        send = do.SendToConference(
            leg=call.leg, tenant_id=call.tenant_id, call_id=call.id, conference=self._spec.number
        )
        return step.do(send)
