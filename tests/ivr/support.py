"""A call through the real ``core.call.step`` and a real tree, in virtual time, with the laws checked after every event."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from functools import reduce
from pathlib import Path
from typing import Any, TypeVar
from uuid import UUID

from msgspec.structs import replace

from m3voip.core import commands as do
from m3voip.core import events as ev
from m3voip.core import facts as f
from m3voip.core.call import Call, Cursor, Flow, State, evolve
from m3voip.core.causes import ConferenceExit, QueueExit
from m3voip.core.life import step
from m3voip.ivr.compile import compile_text
from m3voip.ivr.interpreter import CompiledTree
from m3voip.ivr.known import Known

TREES = Path(__file__).parents[2] / "dialplans" / "ivr"
T0 = datetime(2026, 11, 23, 15, 0, tzinfo=UTC)
CALL_ID = UUID("00000000-0000-7000-8000-000000000042")
TENANT = UUID("00000000-0000-7000-8000-000000000001")

F = TypeVar("F", bound=f.Fact)


def sample(name: str, version: int = 1) -> CompiledTree:
    """A tree of dialplans/ivr."""
    return compile_text((TREES / f"{name}.yaml").read_text(encoding="utf-8"), name=name, version=version)


def tree_of(nodes: str, entry: str, known: Known | None = None) -> CompiledTree:
    """A tree from its nodes' text."""
    indented = "\n".join("  " + line for line in nodes.strip("\n").splitlines())
    text = f"version: 1\nentry: {entry}\nnodes:\n{indented}\n"
    return compile_text(text, name="test", version=1, known=known or Known())


def text_of(tree: CompiledTree, play: do.Play) -> str:
    """What a Play says, for people."""
    pieces = (piece.partition(":") for piece in play.media)
    return " ".join(tree.prompts[what].text if kind == "prompt" else f"<{kind} {what}>" for kind, _, what in pieces)


def settled(call: Call) -> Call:
    """A call without what is not folded from facts."""
    at = call.cursor
    cursor = Cursor(node=at.node, attempt=at.attempt, prompt=at.prompt)
    return replace(call, due_at=None, ending=None, ending_cause=16, hung_up=None, gave_up=False, cursor=cursor)


class Story:
    """One call. ``commands`` are those of the last event, ``facts`` are all."""

    def __init__(self, tree: Flow | None, at: datetime = T0, caller: str = "+15557654321") -> None:
        self.tree = tree
        self.now = at
        self.call = Call(id=CALL_ID, tenant_id=TENANT, leg="leg")
        self.commands: tuple[do.Command, ...] = ()
        self.facts: list[f.Recorded] = []
        self.arrive(caller)

    def arrive(self, caller: str) -> None:
        self.take(ev.CallArrived(at=self.now, leg="leg", node="n", created=self.now, did="15550100100", caller=caller))

    def take(self, event: ev.Event) -> Story:
        """Let the call answer an event; the laws hold afterwards."""
        result = step(self.call, event, self.now, self.tree)
        self.call, self.commands = result.call, result.commands
        self.facts += result.facts
        seqs = [row.seq for row in self.facts]
        assert seqs == list(range(1, len(seqs) + 1)), "seq has a gap"
        blank = Call(id=CALL_ID, tenant_id=TENANT, leg="leg")
        assert settled(reduce(evolve, self.facts, blank)) == settled(self.call), "the call is not the fold of its facts"
        return self

    def press(self, keys: str) -> Story:
        for key in keys:
            self.take(ev.CallerPressed(at=self.now, digit=key))
        return self

    def listen(self) -> Story:
        """Hear the prompt to its end."""
        self.now += timedelta(seconds=3)
        return self.take(ev.PromptFinished(at=self.now, prompt=self.call.cursor.prompt))

    def wait(self) -> Story:
        """Do nothing until the deadline, as the engine does: it clears it, then tells."""
        assert self.call.due_at is not None, "nothing is waited for"
        self.now = self.call.due_at
        self.call = replace(self.call, due_at=None)
        return self.take(ev.TimeUp(at=self.now))

    def leave_queue(self, how: QueueExit = QueueExit.TIMEOUT) -> Story:
        return self.take(ev.QueueLeft(at=self.now, queue=self.call.queue, exit=how))

    def leave_dial(self, status: str) -> Story:
        return self.take(ev.DialLeft(at=self.now, extension=self.call.agent, status=status))

    def leave_voicemail(self, status: str = "SUCCESS") -> Story:
        return self.take(ev.VoicemailLeft(at=self.now, box="", status=status))

    def leave_conference(self, how: ConferenceExit = ConferenceExit.LEFT) -> Story:
        return self.take(ev.ConferenceLeft(at=self.now, conference="c", exit=how))

    def agent_answers(self, extension: str = "101") -> Story:
        return self.take(ev.AgentAnswered(at=self.now, extension=extension))

    def hang_up(self) -> Story:
        self.take(ev.CallerHungUp(at=self.now))
        return self.take(ev.TimeUp(at=self.now)) if self.call.hung_up else self  # the queue has no last words

    def recover(self, *, in_application: bool = True, playing: bool = False, crash: bool = True) -> Story:
        """The service was killed (``crash``: volatile state is gone) or lost its connection, and is back."""
        if crash:
            blank = Call(id=CALL_ID, tenant_id=TENANT, leg="leg")
            self.call = reduce(evolve, self.facts, blank)
        return self.take(ev.Recovered(at=self.now, in_application=in_application, playing=playing))

    @property
    def at(self) -> str:
        return self.call.cursor.node

    @property
    def state(self) -> State:
        return self.call.state

    @property
    def heard(self) -> str:
        """What the last event made the caller hear."""
        assert isinstance(self.tree, CompiledTree)
        plays = [command for command in self.commands if isinstance(command, do.Play)]
        return text_of(self.tree, plays[-1]) if plays else ""

    def kinds(self) -> list[str]:
        """The kinds of the last event's commands."""
        return [type(command).__name__ for command in self.commands]

    def all_of(self, kind: type[F]) -> list[F]:
        return [row.fact for row in self.facts if isinstance(row.fact, kind)]

    def last(self, kind: type[F]) -> F:
        return self.all_of(kind)[-1]


def fields(command: do.Command) -> dict[str, Any]:
    """A command's fields, for comparing."""
    return {name: getattr(command, name) for name in command.__struct_fields__}
