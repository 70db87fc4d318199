"""``queue``: wait for an agent. The queue itself is the telephony node's; the call comes back here only without one."""

from __future__ import annotations

from re import fullmatch
from typing import Annotated

from msgspec import Meta, field

from m3voip.core import commands as do
from m3voip.core import events as ev
from m3voip.core import facts as f
from m3voip.core.call import State, Step
from m3voip.core.causes import EndReason, QueueExit
from m3voip.core.ending import talk_over
from m3voip.ivr.node import Node, Turn, arrive
from m3voip.ivr.prompts import PromptBook
from m3voip.ivr.verbs import fields
from m3voip.ivr.verbs.base import Exit, Report, Verb

MAX_VISITS = 200
"""A call that has been in this many queues goes round in circles (queues without members lead straight on)."""

PRIORITY = "priority"
"""The variable that raises a call above the node's own priority."""
MAX_PRIORITY = 10

_NOT_OVERFLOW = (QueueExit.CONTINUED, QueueExit.ABANDONED)
"""After these the caller has been served or is gone: without an exit of their own the call ends."""


class Queue(Verb, frozen=True, kw_only=True):
    """Let the caller wait for an agent of a queue."""

    VERB = "queue"
    TAKES = True

    name: fields.Queue
    overflow: fields.Overflow = ""
    timeout_s: fields.QueueTime = 300
    record: fields.Record = True
    box: fields.NoBox = ""
    priority: fields.Priority = 0
    outcomes: Annotated[
        dict[str, str],
        Meta(description="Outcome (timeout, full, join_empty, leave_empty, exit_key, continued …) → its own node."),
    ] = field(default_factory=dict)

    def exits(self) -> tuple[Exit, ...]:
        """Overflow and the outcomes with a node of their own."""
        own = (Exit(outcome, target, f"outcomes.{outcome}") for outcome, target in self.outcomes.items())
        return (Exit("overflow", self.overflow, "overflow"), *own)

    def label(self) -> str:
        """The queue and how long."""
        return f"{self.name}, {self.timeout_s} s" if self.timeout_s else self.name

    def check(self, report: Report) -> None:
        """A queue and a mailbox that exist, outcomes that can be."""
        check_known(report, "queue", self.name, report.known.queues, "name")
        if self.box:
            check_known(report, "box", self.box, report.known.boxes, "box")
        for outcome in self.outcomes:
            if outcome not in set(QueueExit):
                advice = "use one of " + ", ".join(exit_.value for exit_ in QueueExit)
                report("bad-exit", f"a queue has no outcome '{outcome}'", advice, "outcomes", outcome)

    def compile(self, name: str, book: PromptBook) -> Node:
        """The node."""
        return QueueNode(name, self)


def check_known(report: Report, kind: str, name: str, known: frozenset[str] | None, field: str) -> None:
    """Something outside the tree exists, if we can know."""
    if known is not None and name not in known:
        advice = f"use one of {', '.join(sorted(known))}" if known else "create it first"
        word = {
            "queue": "queue",
            "box": "mailbox",
            "extension": "agent with the extension",
            "conference": "conference",
        }[kind]
        report(f"unknown-{kind}", f"there is no {word} '{name}'", advice, field)


def _said(value: str) -> int:
    """A priority that a route, the CRM or a set node gave the call; 0 for what is none."""
    return min(int(value), MAX_PRIORITY) if fullmatch(r"[0-9]{1,2}", value) else 0


class QueueNode(Node):
    """Hands the caller to the queue and routes on when it gives the caller back."""

    __slots__ = ("_overflow", "_spec", "_targets")
    verb = Queue.VERB

    def __init__(self, name: str, spec: Queue) -> None:
        super().__init__(name)
        self._spec = spec
        self._overflow = spec.overflow
        self._targets = {QueueExit(outcome): target for outcome, target in spec.outcomes.items()}
        for outcome in _NOT_OVERFLOW:
            self._targets.setdefault(outcome, "")

    def enter(self, step: Step, turn: Turn) -> Step:
        """Send the caller to the queue."""
        visit = step.call.visits + 1
        if visit > MAX_VISITS:
            return step.hang_up(EndReason.FAILED)
        spec = self._spec
        entered = f.QueueEntered(queue=spec.name, visit=visit, record=spec.record, timeout_s=spec.timeout_s)
        return self._send(arrive(step, turn, self).note(turn.at, entered))

    def answer(self, step: Step, event: ev.Event, turn: Turn) -> Step:
        """Back from the queue. However the caller comes back, they stand before us now and must not wait in silence."""
        match event:
            case ev.QueueLeft():
                return turn.go(step, self._targets.get(event.exit, self._overflow))
            case ev.DialLeft():
                return turn.go(step, self._overflow)
            case _:
                return step

    def resume(self, step: Step, event: ev.Recovered, turn: Turn) -> Step:
        """The leg stands before us: it never got into the queue, or came back from its agent."""
        call = step.call
        if call.state is State.QUEUED:
            return self._send(step)
        if call.state is State.TALKING:
            return turn.go(talk_over(step, turn.at), self._targets[QueueExit.CONTINUED])
        return self.enter(step, turn)

    def _send(self, step: Step) -> Step:
        spec, call = self._spec, step.call
        send = do.SendToQueue(
            leg=call.leg,
            call_id=call.id,
            tenant_id=call.tenant_id,
            queue=spec.name,
            timeout_s=spec.timeout_s,
            record=spec.record,
            box=spec.box,
            priority=max(spec.priority, _said(call.variables.get(PRIORITY, ""))),
        )
        return step.do(send)
