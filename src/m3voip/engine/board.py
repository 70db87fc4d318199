"""What queues look like right now: a mirror of app_queue, for wallboards and the API. It decides nothing.

Law: a fresh reading (``BoardCleared`` and what follows) replaces everything, so a lost event heals at the next reconnect.
"""

from __future__ import annotations

from collections.abc import Callable
from datetime import datetime, timedelta
from uuid import UUID

from msgspec import Struct
from msgspec.structs import replace

from m3voip.core import agent as ag
from m3voip.engine.agents import AgentNow, Agents
from m3voip.ports import Clock, Names


class Waiting(Struct, frozen=True, kw_only=True):
    """A caller in a queue. ``call_id`` is None for one that we do not own."""

    leg: str
    call_id: UUID | None
    position: int
    since: datetime


class Member(Struct, frozen=True, kw_only=True):
    """A member of a queue."""

    extension: str
    state: str
    device: ag.Device
    paused: bool
    reason: str
    penalty: int
    calls_taken: int


class Queue(Struct, frozen=True, kw_only=True):
    """A queue at this moment; ``waiting`` by position."""

    waiting: tuple[Waiting, ...]
    members: tuple[Member, ...]


_MEMBER_STATES = {
    ag.AgentState.RESERVED: "ringing",
    ag.AgentState.LOGGED_OUT: "unavailable",
}
_PAUSED_FOR = {"wrap_up": "wrap_up", "logged_out": "unavailable"}
"""Pauses by which the agents' owner says more than that the member is paused."""


class Board:
    """The mirror. ``call_of`` finds the call of a caller's leg."""

    def __init__(self, *, clock: Clock, names: Names, call_of: Callable[[str], UUID | None]) -> None:
        self._clock = clock
        self._names = names
        self._call_of = call_of
        self._known = False
        self._members: dict[str, dict[str, ag.MemberSeen]] = {}
        self._waiting: dict[str, list[tuple[str, datetime]]] = {}
        """per queue the legs in their order, each with when it joined"""

    def take(self, event: ag.BoardEvent) -> None:
        """Apply one event."""
        match event:
            case ag.BoardCleared():
                self._known = True
                self._members.clear()
                self._waiting.clear()
            case ag.QueueSeen():
                self._members.setdefault(event.queue, {})
            case ag.MemberSeen():
                self._members.setdefault(event.queue, {})[event.endpoint] = event
            case ag.MemberGone():
                self._members.get(event.queue, {}).pop(event.endpoint, None)
            case ag.CallerWaiting():
                since = self._clock.now() - timedelta(seconds=event.waited_s)
                self._step_out(event.queue, event.leg)
                # Those with a priority join before others, who all move down.
                self._waiting.setdefault(event.queue, []).insert(max(0, event.position - 1), (event.leg, since))
            case ag.CallerGone():
                self._step_out(event.queue, event.leg)
            case ag.DeviceSeen():
                for members in self._members.values():
                    if event.endpoint in members and members[event.endpoint].line is event.line:
                        members[event.endpoint] = replace(members[event.endpoint], device=event.device)
            case ag.ContactSeen() | ag.LineSeen() | ag.LineGone():
                pass
            case _:
                raise TypeError(f"unknown board event {type(event).__name__}")

    def lost(self) -> None:
        """The node is away: nothing is known until the next reading."""
        self._known = False

    def waiting_count(self) -> int:
        """Callers waiting in all queues, for the metrics."""
        return sum(len(legs) for legs in self._waiting.values())

    def queue(self, tenant_id: UUID, name: str) -> Queue | None:
        """None while it is not known."""
        known = self._names.queue(tenant_id, name)
        if not self._known or known is None:
            return None
        waiting = tuple(
            Waiting(leg=leg, call_id=self._call_of(leg), position=place, since=since)
            for place, (leg, since) in enumerate(self._waiting.get(known, []), 1)
        )
        members = self._members.get(known, {}).values()
        return Queue(waiting=waiting, members=tuple(_member(m) for m in sorted(members, key=lambda m: m.extension)))

    def _step_out(self, queue: str, leg: str) -> None:
        waiting = self._waiting.get(queue, [])
        waiting[:] = [one for one in waiting if one[0] != leg]


class LiveView:
    """Queues and agents as the API sees them, each from its owner."""

    def __init__(self, board: Board, agents: Agents) -> None:
        self._board = board
        self._agents = agents

    def queue(self, tenant_id: UUID, name: str) -> Queue | None:
        """None while it is not known."""
        return self._board.queue(tenant_id, name)

    def agent(self, tenant_id: UUID, extension: str) -> AgentNow | None:
        """None while it is not known."""
        return self._agents.agent(tenant_id, extension)


def _member(seen: ag.MemberSeen) -> Member:
    state = ag.member_state(seen.device, paused=seen.paused)
    shown = _MEMBER_STATES.get(state, state.value)
    return Member(
        extension=seen.extension,
        state=_PAUSED_FOR.get(seen.reason, shown) if state is ag.AgentState.PAUSED else shown,
        device=seen.device,
        paused=seen.paused,
        reason=seen.reason,
        penalty=seen.penalty,
        calls_taken=seen.calls_taken,
    )
