"""``voicemail``: leave a message in a mailbox."""

from __future__ import annotations

from typing import Annotated

from msgspec import Meta

from m3voip.core import commands as do
from m3voip.core import events as ev
from m3voip.core import facts as f
from m3voip.core.call import State, Step
from m3voip.ivr.node import Node, Turn, arrive
from m3voip.ivr.prompts import PromptBook
from m3voip.ivr.verbs import fields
from m3voip.ivr.verbs.base import Exit, Report, Verb
from m3voip.ivr.verbs.queue import check_known

NO_USE = ("FAILED", "FULL")
"""What the dialplan says when there was no mailbox to speak to, or no room in it."""


class Voicemail(Verb, frozen=True, kw_only=True):
    """Let the caller leave a message."""

    VERB = "voicemail"
    TAKES = True
    SHORT = "box"

    box: fields.Box
    then: fields.End = ""
    on_error: Annotated[str, Meta(description="The node to go to when the mailbox cannot be used, or is full.")] = ""

    def exits(self) -> tuple[Exit, ...]:
        """After the message (most callers just hang up), and trouble."""
        trouble = (Exit("error", self.on_error, "on_error"),) if self.on_error else ()
        return (Exit("done", self.then, "then", required=False), *trouble)

    def label(self) -> str:
        """The mailbox."""
        return self.box

    def check(self, report: Report) -> None:
        """A mailbox that exists."""
        check_known(report, "box", self.box, report.known.boxes, "box")

    def compile(self, name: str, book: PromptBook) -> Node:
        """The node."""
        return VoicemailNode(name, self)


class VoicemailNode(Node):
    """Hands the caller to the mailbox and routes on afterwards."""

    __slots__ = ("_spec",)
    verb = Voicemail.VERB

    def __init__(self, name: str, spec: Voicemail) -> None:
        super().__init__(name)
        self._spec = spec

    def enter(self, step: Step, turn: Turn) -> Step:
        """To the mailbox."""
        return self._send(arrive(step, turn, self).note(turn.at, f.VoicemailEntered(box=self._spec.box)))

    def answer(self, step: Step, event: ev.Event, turn: Turn) -> Step:
        """Back from the mailbox."""
        if not isinstance(event, ev.VoicemailLeft):
            return step
        failed = event.status in NO_USE and self._spec.on_error
        return turn.go(step, self._spec.on_error if failed else self._spec.then)

    def resume(self, step: Step, event: ev.Recovered, turn: Turn) -> Step:
        """The leg stands before us: it never got to the mailbox."""
        return self._send(step) if step.call.state is State.VOICEMAIL else self.enter(step, turn)

    def _send(self, step: Step) -> Step:
        return step.do(
            do.SendToVoicemail(
                leg=step.call.leg, tenant_id=step.call.tenant_id, call_id=step.call.id, box=self._spec.box
            )
        )
