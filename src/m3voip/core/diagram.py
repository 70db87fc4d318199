"""The picture of a call's life, computed by asking ``step`` about every state and event: it cannot drift from the code.

A tree decides what a call in the IVR does next, so five small trees stand in for all: one that stays in the IVR, and one
each that sends the caller to a queue, to an agent, to a mailbox, to a conference.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from datetime import UTC, datetime
from itertools import product
from uuid import UUID

from m3voip.core import events as ev
from m3voip.core import facts as f
from m3voip.core import requests as rq
from m3voip.core.call import Call, Flow, State, Step
from m3voip.core.causes import ConferenceExit, QueueExit
from m3voip.core.life import step
from m3voip.core.parties import Party, Role, Target, TargetKind

_AT = datetime(2026, 1, 1, tzinfo=UTC)
_ID = UUID(int=1)


class _Sends:
    """A tree that answers everything with one fact."""

    name = "sample"
    version = 1

    def __init__(self, fact: f.AnyFact) -> None:
        self._fact = fact

    def start(self, step: Step, at: datetime, now: datetime) -> Step:  # noqa: ARG002  # Flow's signature
        return step.note(at, f.NodeEntered(node="main", verb="menu"))

    def has(self, call: Call, node: str) -> bool:  # noqa: ARG002
        return True

    def enter(self, step: Step, node: str, at: datetime, now: datetime) -> Step:  # noqa: ARG002
        return step.note(at, f.NodeEntered(node="main", verb="menu"))

    def answer(self, step: Step, event: ev.Event, now: datetime) -> Step:  # noqa: ARG002
        return step.note(event.at, self._fact)

    def resume(self, step: Step, event: ev.Recovered, now: datetime) -> Step:  # noqa: ARG002
        return step


_FLOWS: tuple[Flow, ...] = (
    _Sends(f.NodeEntered(node="main", verb="menu")),
    _Sends(f.QueueEntered(queue="q", visit=1, record=True)),
    _Sends(f.DialStarted(extension="101")),
    _Sends(f.VoicemailEntered(box="100")),
    _Sends(f.ConferenceEntered(conference="800")),
)

_EVENTS: tuple[ev.Event, ...] = (
    ev.CallArrived(at=_AT, leg="l", node="n", created=_AT, did="1", caller="2"),
    ev.FloorTook(at=_AT, leg="l", node="n", created=_AT, did="1", caller="2"),
    ev.CallerPressed(at=_AT, digit="1"),
    ev.TimeUp(at=_AT),
    ev.AgentOffered(at=_AT, extension="101"),
    ev.AgentDidNotAnswer(at=_AT, extension="101"),
    ev.AgentAnswered(at=_AT, extension="101"),
    ev.DialAnswered(at=_AT),
    ev.AgentLeft(at=_AT, extension="101", by_caller=False),
    ev.QueueLeft(at=_AT, queue="q", exit=QueueExit.TIMEOUT),
    ev.DialLeft(at=_AT, extension="101", status="NOANSWER"),
    ev.VoicemailLeft(at=_AT, box="100", status="SUCCESS"),
    ev.ConferenceLeft(at=_AT, conference="800", exit=ConferenceExit.LEFT),
    rq.HoldRequested(at=_AT),
    rq.ConsultRequested(at=_AT, extension="102"),
    rq.ParkRequested(at=_AT, slot=701),
    *(rq.TransferRequested(at=_AT, target=Target(kind=kind, name="103")) for kind in TargetKind),
    ev.LegLeft(at=_AT),
    ev.CallerHungUp(at=_AT),
    ev.TelephonyRestarted(at=_AT),
)


def edges() -> Iterator[tuple[State, str, State]]:
    """(state, event, next state), each once, leaving out what changes nothing."""
    seen: set[tuple[State, str, State]] = set()
    for call, event, flow in product(_calls(), _EVENTS, _FLOWS):
        made = step(call, event, _AT, flow)
        edge = (call.state, type(event).__name__, made.call.state)
        strange = any(isinstance(row.fact, f.EventUnexpected) for row in made.facts)
        if edge not in seen and not strange and made.call.state is not call.state:
            seen.add(edge)
            yield edge


def _calls() -> Iterator[Call]:
    """A call in each state. It has had the queue's last words, so that a hang-up ends it at once; in a talk also before
    them, while there is something to ask of it."""
    for state in State:
        yield _call(state, over=state is State.TALKING)
        if state is State.TALKING:
            yield _call(state, over=False)


def _call(state: State, *, over: bool) -> Call:
    in_hand = {
        "l": Party(leg="l", role=Role.CALLER, here=True),
        "a": Party(leg="a", role=Role.AGENT, extension="101", here=True),
    }
    return Call(
        id=_ID, tenant_id=_ID, state=state, leg="l", queue="q", agent="101", agent_leg="a", talk_over=over,
        gave_up=state is not State.TALKING,
        parties=in_hand if state is State.IN_HAND else {},
    )  # fmt: skip


def mermaid(pairs: Callable[[], Iterator[tuple[State, str, State]]] = edges) -> str:
    """The picture as Mermaid text, the events of a pair of states joined."""
    joined: dict[tuple[State, State], list[str]] = {}
    for before, event, after in pairs():
        joined.setdefault((before, after), []).append(event)
    lines = ["stateDiagram-v2", f"    [*] --> {State.NEW}"]
    lines += [f"    {before} --> {after}: {', '.join(events)}" for (before, after), events in joined.items()]
    lines.append(f"    {State.ENDED} --> [*]")
    return "\n".join(lines) + "\n"


def page() -> str:
    """docs/reference/call-states.md."""
    return (
        "# States of a call\n\n"
        "Computed from `m3voip.core.life.step` by `python -m m3voip.core.diagram`; a test compares this page with the code.\n"
        "Events that leave the state as it is are left out.\n\n"
        f"```mermaid\n{mermaid()}```\n"
    )


if __name__ == "__main__":
    print(page(), end="")
