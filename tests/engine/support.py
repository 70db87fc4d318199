"""Stand-ins for the ports around the engine: they record, they decide nothing."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from datetime import UTC, datetime, timedelta
from uuid import UUID

from m3voip.config import DEFAULT_TENANT
from m3voip.core import commands as do
from m3voip.core import events as ev
from m3voip.core import facts as f
from m3voip.core.call import Call, Step
from m3voip.core.causes import EndReason
from m3voip.engine.calls import Calls
from m3voip.engine.recovery import Recovery
from m3voip.engine.routing import Route
from m3voip.ports import EndedCall, LedgerReading, LegSeen, Snapshot

T0 = datetime(2026, 11, 23, 9, 0, tzinfo=UTC)


class OneQueueFlow:
    """A tree of one menu: digit 1 goes to the queue ``sales``, leaving it goes to the mailbox, all else hangs up."""

    name = "one-queue"
    version = 1

    def start(self, step: Step, at: datetime, now: datetime) -> Step:
        return self._menu(step, at, now)

    def has(self, call: Call, node: str) -> bool:
        return node == "menu"

    def enter(self, step: Step, node: str, at: datetime, now: datetime) -> Step:
        return self._menu(step, at, now)

    def answer(self, step: Step, event: ev.Event, now: datetime) -> Step:
        call = step.call
        match event:
            case ev.CallerPressed(digit="1"):
                entered = f.QueueEntered(queue="sales", visit=call.visits + 1, record=True, timeout_s=30)
                return self._send(step.note(event.at, entered))
            case ev.QueueLeft():
                return self._to_box(step.note(event.at, f.VoicemailEntered(box="sales")))
            case ev.PromptFinished():
                return step.wait(now + timedelta(seconds=10))
            case _:
                return step.hang_up(EndReason.COMPLETED)

    def resume(self, step: Step, event: ev.Recovered, now: datetime) -> Step:
        if step.call.state == "queued":
            return self._send(step)
        if step.call.state == "voicemail":
            return self._to_box(step)
        return step if event.playing else self._menu(step, event.at, now)

    def _menu(self, step: Step, at: datetime, now: datetime) -> Step:
        prompt = f"p{step.call.seq}"
        played = do.Play(leg=step.call.leg, prompt=prompt, media=("prompt:x",))
        return step.note(at, f.NodeEntered(node="main", verb="menu", prompt=prompt)).do(played)

    def _to_box(self, step: Step) -> Step:
        call = step.call
        return step.do(do.SendToVoicemail(leg=call.leg, tenant_id=call.tenant_id, call_id=call.id, box="sales"))

    def _send(self, step: Step) -> Step:
        call = step.call
        return step.do(
            do.SendToQueue(
                leg=call.leg, tenant_id=call.tenant_id, call_id=call.id, queue="sales", timeout_s=30, record=True
            )
        )


class World:
    """An engine with everything around it under the test's hand."""

    def __init__(self) -> None:
        self.time = T0
        self.rows: list[f.Recorded] = []
        self.commands: list[do.Command] = []
        self.asked: list[do.AskCrm] = []
        self.looked_for: list[do.FindAgent] = []
        self.legs: dict[str, LegSeen] = {}
        self.playing: set[str] = set()
        self.reading = LedgerReading(queue={}, hangups={}, floor={})
        self.released: list[str] = []
        self.watched: list[str] = []
        self.node_started = T0 - timedelta(days=1)
        self.flow: OneQueueFlow | None = OneQueueFlow()
        self.calls = Calls(event_log=self, telephony=self, crm=self, agents=self, clock=self, router=self._route)
        self.recovery = Recovery(calls=self.calls, source=self, ledger=self, finder=self)

    # ports
    def append(self, rows: Sequence[f.Recorded]) -> None:
        self.rows.extend(rows)

    @property
    def connected(self) -> bool:
        return True

    def perform(self, command: do.Command) -> None:
        self.commands.append(command)

    def ask(self, command: do.AskCrm) -> None:
        self.asked.append(command)

    def find_agent(self, command: do.FindAgent) -> None:
        self.looked_for.append(command)

    def now(self) -> datetime:
        return self.time

    async def snapshot(self) -> Snapshot:
        return Snapshot(node="n", node_started=self.node_started, taken_at=self.time, legs=dict(self.legs))

    async def is_playing(self, prompt: str) -> bool:
        return prompt in self.playing

    async def sweep(self, lives: Callable[[UUID], bool]) -> None:
        """Nothing is left behind here."""

    def release(self, leg: str) -> None:
        self.released.append(leg)

    def watch(self, leg: str) -> None:
        self.watched.append(leg)

    async def find(self, *, call_id: UUID | None = None, leg: str = "") -> EndedCall | None:
        return None

    async def read(self, since: datetime) -> LedgerReading:
        return self.reading

    def _route(self, event: ev.CallArrived | ev.FloorTook) -> Route:
        return Route(DEFAULT_TENANT, self.flow)

    # story telling
    def later(self, seconds: float) -> datetime:
        self.time += timedelta(seconds=seconds)
        return self.time

    def arrive(self, leg: str = "a.1") -> None:
        self.calls.deliver(leg, arrived(leg, self.time))

    def hold(self, leg: str, *, in_application: bool, **more: object) -> None:
        """The node holds this leg."""
        self.legs[leg] = LegSeen(leg=leg, created=self.time, in_application=in_application, **more)  # type: ignore[arg-type]

    def kinds(self) -> list[str]:
        return [str(row.fact.__struct_config__.tag) for row in self.rows]

    def ended(self) -> list[f.CallEnded]:
        return [row.fact for row in self.rows if isinstance(row.fact, f.CallEnded)]


def arrived(leg: str, at: datetime) -> ev.CallArrived:
    return ev.CallArrived(at=at, leg=leg, node="n", created=at, did="15550100100", caller="+15550100200")
