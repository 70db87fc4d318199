"""What the demo's terminal shows, and how: counters and lists fed by the API's answers and events. No I/O here; times and
data come in as arguments, a rich renderable goes out."""

from __future__ import annotations

from collections import Counter, deque
from collections.abc import Mapping, Sequence
from datetime import datetime
from typing import Any

from rich.console import Group, RenderableType
from rich.panel import Panel
from rich.table import Table
from rich.text import Text

from m3voip.phones.demo import DemoEvent

_COUNTED = {
    "call.started": "calls", "call.connected": "answered", "queue.abandoned": "abandoned",
    "voicemail.stored": "messages", "recording.ready": "recorded", "call.ended": "ended",
}  # fmt: skip
_TOLD: dict[str, str] = {
    "call.started": "calls", "ivr.digits": "pressed {digits}", "ivr.invalid": "pressed {digits}, which is no choice",
    "queue.entered": "waits for {queue}", "agent.offered": "agent {extension}'s phone rings",
    "agent.ring_no_answer": "agent {extension} did not take it", "call.connected": "talks with agent {extension}",
    "queue.abandoned": "gave up waiting for {queue} after {waited_s:.0f} s", "voicemail.entered": "leaves a message",
    "call.on_floor": "is served by plain Asterisk", "call.resumed": "was found again after a restart",
    "recording.ready": "is recorded, {duration_s:.0f} s", "voicemail.stored": "left a message of {duration_s:.0f} s",
    "call.ended": "has ended after {duration_s:.0f} s ({reason})",
}  # fmt: skip
_STATE_STYLE = {"available": "green", "on_call": "cyan", "ringing": "yellow", "paused": "magenta"}


def masked(number: str) -> str:
    """A number as it may be shown: its last four digits."""
    return f"…{number[-4:]}" if len(number) > 4 else number or "unknown"


class Board:
    """Everything on the screen."""

    def __init__(self, title: str) -> None:
        self.counts: Counter[str] = Counter()
        self.last: deque[str] = deque(maxlen=12)
        self.problem = "starting"
        """Why nothing new is shown; empty while the API answers."""
        self._title = title
        self._calls: Sequence[Mapping[str, Any]] = ()
        self._queues: Sequence[Mapping[str, Any]] = ()
        self._callers: dict[str, str] = {}

    def take_calls(self, calls: Sequence[Mapping[str, Any]]) -> None:
        """The answer of ``GET /v1/tm/calls?state=live``."""
        self._calls = calls

    def take_queues(self, queues: Sequence[Mapping[str, Any]]) -> None:
        """The answer of ``GET /v1/tm/queues``."""
        self._queues = queues

    def take_event(self, event: Mapping[str, Any]) -> None:
        """One event of ``GET /v1/events``."""
        kind, payload, call_id = str(event["kind"]), dict(event["payload"]), str(event["callId"])
        if kind == "call.started":
            self._callers[call_id] = masked(str(payload.get("caller", "")))
        if counted := _COUNTED.get(kind):
            self.counts[counted] += 1
        if kind in _TOLD:
            try:
                told = _TOLD[kind].format(**payload)
            except (KeyError, ValueError):  # a newer service may say it differently; the kind still tells enough
                told = kind
            self._say(str(event["at"]), f"caller {self._callers.get(call_id, '')} {told}")
        if kind in ("recording.ready", "voicemail.stored") or len(self._callers) > 1000:
            self._callers.pop(call_id if call_id in self._callers else next(iter(self._callers), ""), None)

    def take_person(self, event: DemoEvent) -> None:
        """Something a simulated person did that the service cannot know."""
        if event.kind == "caller.fails":
            self.counts["refused"] += 1
            self._say(datetime.fromtimestamp(event.at).astimezone().isoformat(),
                      f"caller {masked(event.who)} did not get through: {event.text}")  # fmt: skip
        elif event.kind in ("agent.ready", "agent.away"):
            what = "is registered" if event.kind == "agent.ready" else f"is not registered ({event.text})"
            self._say(datetime.fromtimestamp(event.at).astimezone().isoformat(), f"agent {event.who} {what}")

    def _say(self, at: str, text: str) -> None:
        self.last.append(f"{datetime.fromisoformat(at).astimezone():%H:%M:%S}  {text}")

    @property
    def live(self) -> int:
        """Calls that go on now."""
        return len(self._calls)

    @property
    def waiting(self) -> int:
        """Callers in queues now."""
        return sum(int((queue.get("live") or {}).get("waitingCount", 0)) for queue in self._queues)

    def line(self) -> str:
        """Everything in one line, for outputs that are no terminal."""
        counts = self.counts
        return (
            f"live {self.live}, waiting {self.waiting}, calls {counts['calls']}, answered {counts['answered']}, "
            f"abandoned {counts['abandoned']}, recorded {counts['recorded']}, messages {counts['messages']}"
            + (f" [{self.problem}]" if self.problem else "")
        )

    def render(self) -> RenderableType:
        """The screen."""
        figures = Table.grid(expand=True)
        shown = {
            "live": self.live, "waiting": self.waiting, "answered": self.counts["answered"],
            "abandoned": self.counts["abandoned"], "recorded": self.counts["recorded"],
            "messages": self.counts["messages"], "calls": self.counts["calls"],
        }  # fmt: skip
        for _ in shown:
            figures.add_column(justify="center")
        figures.add_row(*(Text(str(value), style="bold") for value in shown.values()))
        figures.add_row(*(Text(name, style="dim") for name in shown))
        state = Text(self.problem, style="yellow") if self.problem else Text("Ctrl-C stops everything", style="dim")
        return Group(
            Panel(figures, title=self._title, subtitle=state),
            self._queue_table(), self._call_table(), Panel("\n".join(self.last) or "…", title="what happens"),
        )  # fmt: skip

    def _queue_table(self) -> Table:
        table = Table("queue", "waiting", "longest", "agents", expand=True)
        for queue in self._queues:
            live = queue.get("live") or {}
            agents = Text(" ")
            for member in queue.get("members", ()):
                now = str(member.get("state") or "unknown")
                agents.append(f"{member['extension']} {now}  ", style=_STATE_STYLE.get(now, "dim"))
            longest = f"{float(live.get('longestWaitSec', 0)):.0f} s"
            table.add_row(str(queue["name"]), str(live.get("waitingCount", "?")), longest, agents)
        return table

    def _call_table(self) -> Table:
        table = Table("caller", "state", "where", "agent", "began", expand=True)
        for call in list(self._calls)[:8]:
            where = str(call.get("queue") or call.get("node") or "")
            began = datetime.fromisoformat(str(call["dialStartAt"])).astimezone()
            table.add_row(masked(str(call["caller"])), str(call["state"]), where,
                          str(call.get("agentExtension") or ""), f"{began:%H:%M:%S}")  # fmt: skip
        return table
