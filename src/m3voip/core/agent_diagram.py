"""The picture of an agent's life, computed by asking ``step`` about every state and event: it cannot drift from the code."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from uuid import UUID

from m3voip.core import agent_state as a
from m3voip.core.agent import AgentState
from m3voip.core.agent_life import step
from m3voip.core.agent_state import Agent, Busy, Duty

_AT = datetime(2026, 1, 1, tzinfo=UTC)
_LATER = _AT + timedelta(minutes=1)
_ID = UUID(int=1)

_AGENTS = (
    Agent(id=_ID, tenant_id=_ID, reachable=True),
    Agent(id=_ID, tenant_id=_ID, reachable=False),
    Agent(id=_ID, tenant_id=_ID, reachable=True, duty=Duty.ON),
    Agent(id=_ID, tenant_id=_ID, reachable=False, duty=Duty.ON, gone_until=_AT),
    Agent(id=_ID, tenant_id=_ID, reachable=False, duty=Duty.ON, gone_until=_AT, by_phone=False),
    Agent(id=_ID, tenant_id=_ID, reachable=True, duty=Duty.PAUSED, reason="break"),
    Agent(id=_ID, tenant_id=_ID, reachable=False, duty=Duty.PAUSED, reason=a.PHONE_LOST),
    *(
        Agent(
            id=_ID, tenant_id=_ID, reachable=True, duty=duty, busy=busy, call=_ID, busy_until=until, wrap_up_s=wrap_up_s
        )
        for duty in Duty
        for busy, until, wrap_up_s in (
            (Busy.OFFERED, _AT, 0),
            (Busy.TALKING, None, 0),
            (Busy.TALKING, None, 10),
            (Busy.WRAPPING, _AT, 0),
        )
        if not (busy is Busy.WRAPPING and duty is not Duty.ON)
    ),
)

_EVENTS: tuple[a.AgentEvent, ...] = (
    a.SignInAsked(at=_AT),
    a.SignOutAsked(at=_AT),
    a.PauseAsked(at=_AT, reason="lunch"),
    a.UnpauseAsked(at=_AT),
    a.WrapUpEndAsked(at=_AT),
    a.Offered(at=_AT, call=_ID, limit_s=30),
    a.OfferEnded(at=_AT, call=_ID, missed=True, pause=True),
    a.OfferEnded(at=_AT, call=_ID),
    a.Connected(at=_AT, call=_ID, wrap_up_s=10),
    a.TalkEnded(at=_AT, call=_ID),
    a.PhoneBack(at=_AT),
    a.DeadlinePassed(at=_AT),
)


def edges() -> Iterator[tuple[AgentState, str, AgentState]]:
    """(state, event, next state), each once, leaving out what changes no state that is seen."""
    seen: set[tuple[AgentState, str, AgentState]] = set()
    for agent in _AGENTS:
        for event in _EVENTS:
            after = step(agent, event, _LATER).agent
            edge = (agent.state, type(event).__name__, after.state)
            if after.state is not agent.state and edge not in seen:
                seen.add(edge)
                yield edge


def mermaid() -> str:
    """The picture as Mermaid text, the events of a pair of states joined."""
    joined: dict[tuple[AgentState, AgentState], list[str]] = {}
    for before, event, after in edges():
        joined.setdefault((before, after), []).append(event)
    lines = ["stateDiagram-v2", f"    [*] --> {AgentState.LOGGED_OUT}"]
    lines += [f"    {before} --> {after}: {', '.join(events)}" for (before, after), events in joined.items()]
    return "\n".join(lines) + "\n"


def page() -> str:
    """docs/reference/agent-states.md."""
    return (
        "# States of an agent\n\n"
        "Computed from `m3voip.core.agent_life.step` by `python -m m3voip.core.agent_diagram`; a test compares this page with\n"
        "the code. Events that leave the state as it is are left out. A call ends in `logged_out` or `paused` when that was\n"
        "asked for meanwhile; what the rules are is in [agents at work](agents.md).\n\n"
        f"```mermaid\n{mermaid()}```\n"
    )


if __name__ == "__main__":
    print(page(), end="")
