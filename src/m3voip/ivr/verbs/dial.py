"""``dial``: ring one agent by extension. Only agents: a tree cannot reach an outside number."""

from __future__ import annotations

from typing import Annotated

from msgspec import Meta, field

from m3voip.core import commands as do
from m3voip.core import events as ev
from m3voip.core import facts as f
from m3voip.core.call import State, Step
from m3voip.core.ending import talk_over
from m3voip.ivr.node import Node, Turn, arrive
from m3voip.ivr.prompts import PromptBook
from m3voip.ivr.verbs import fields
from m3voip.ivr.verbs.base import Exit, Report, Verb
from m3voip.ivr.verbs.queue import check_known

OUTCOMES = {"busy": ("BUSY",), "no_answer": ("NOANSWER",), "unavailable": ("CHANUNAVAIL", "CONGESTION", "INVALIDARGS")}
"""Our words → Asterisk's DIALSTATUS. ANSWER leads to ``then``."""


class Dial(Verb, frozen=True, kw_only=True):
    """Ring one agent."""

    VERB = "dial"
    TAKES = True

    extension: fields.Extension
    overflow: fields.Overflow = ""
    timeout_s: fields.RingTime = 20
    record: fields.Record = True
    box: fields.NoBox = ""
    then: fields.End = ""
    outcomes: Annotated[dict[str, str], Meta(description="Outcome (busy, no_answer, unavailable) → its own node.")] = (
        field(default_factory=dict)
    )

    def exits(self) -> tuple[Exit, ...]:
        """Not answered, the outcomes with a node of their own, and after the talk."""
        own = (Exit(outcome, target, f"outcomes.{outcome}") for outcome, target in self.outcomes.items())
        after = (Exit("after the talk", self.then, "then"),) if self.then else ()
        return (Exit("not answered", self.overflow, "overflow"), *own, *after)

    def label(self) -> str:
        """The extension."""
        return f"{self.extension}, {self.timeout_s} s"

    def check(self, report: Report) -> None:
        """An agent and a mailbox that exist, outcomes that can be."""
        check_known(report, "extension", self.extension, report.known.extensions, "extension")
        if self.box:
            check_known(report, "box", self.box, report.known.boxes, "box")
        for outcome in self.outcomes:
            if outcome not in OUTCOMES:
                advice = f"use one of {', '.join(OUTCOMES)}; then is for callers who were answered"
                report("bad-exit", f"dialling has no outcome '{outcome}'", advice, "outcomes", outcome)

    def compile(self, name: str, book: PromptBook) -> Node:
        """The node."""
        return DialNode(name, self)


class DialNode(Node):
    """Hands the caller to one agent's phone and routes on afterwards."""

    __slots__ = ("_overflow", "_spec", "_targets")
    verb = Dial.VERB

    def __init__(self, name: str, spec: Dial) -> None:
        super().__init__(name)
        self._spec = spec
        self._overflow = spec.overflow
        self._targets = {status: target for outcome, target in spec.outcomes.items() for status in OUTCOMES[outcome]}
        self._targets["ANSWER"] = spec.then

    def enter(self, step: Step, turn: Turn) -> Step:
        """Ring."""
        started = f.DialStarted(extension=self._spec.extension, record=self._spec.record)
        return self._send(arrive(step, turn, self).note(turn.at, started))

    def answer(self, step: Step, event: ev.Event, turn: Turn) -> Step:
        """Back from ringing or talking. However the caller comes back, they must not wait in silence."""
        match event:
            case ev.DialLeft():
                return turn.go(step, self._targets.get(event.status, self._overflow))
            case ev.QueueLeft():
                return turn.go(step, self._overflow)
            case _:
                return step

    def resume(self, step: Step, event: ev.Recovered, turn: Turn) -> Step:
        """The leg stands before us: it never got to the agent, or came back from the talk."""
        if step.call.state is State.RINGING:
            return self._send(step)
        if step.call.state is State.TALKING:
            return turn.go(talk_over(step, turn.at), self._spec.then)
        return self.enter(step, turn)

    def _send(self, step: Step) -> Step:
        spec, call = self._spec, step.call
        send = do.SendToAgent(
            leg=call.leg,
            call_id=call.id,
            tenant_id=call.tenant_id,
            extension=spec.extension,
            timeout_s=spec.timeout_s,
            record=spec.record,
            box=spec.box,
        )
        return step.do(send)
