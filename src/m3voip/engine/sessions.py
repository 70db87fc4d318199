"""Sessions by order: the service calls an agent's phone and keeps its line up, or ends that.

What comes of it the telephony node tells the agents' owner, as when the agent dials in; nothing is remembered here but whose
phone is being called.
"""

from __future__ import annotations

from datetime import datetime, timedelta
from typing import Protocol
from uuid import UUID, uuid4

from m3voip.core.agent_state import Busy
from m3voip.engine.agents import Agents
from m3voip.ports import Clock

RINGS = timedelta(seconds=30)
"""How long a phone is called that is to keep its line up."""


class LineControl(Protocol):
    """What the telephony node does about lines; nothing here blocks."""

    def start_line(self, endpoint: str, leg: str, name: str) -> None:
        """Call a phone, as ``name``; when it is picked up its line is kept up, as ``leg``."""
        ...

    def end_line(self, leg: str) -> None:
        """Hang up a line that is kept up."""
        ...


class Sessions:
    """Answers are None while the agent is not known, "" when it is under way, else why it cannot be, for people."""

    def __init__(self, *, agents: Agents, control: LineControl, clock: Clock) -> None:
        self._agents = agents
        self._control = control
        self._clock = clock
        self._called: dict[UUID, datetime] = {}

    def start(self, agent_id: UUID) -> str | None:
        """Call the agent's phone."""
        found = self._agents.at_work(agent_id)
        if found is None:
            return None
        person, agent = found
        now = self._clock.now()
        if not agent.by_session:
            return 'This agent\'s phone rings for each call; set "works" to "session" first.'
        if agent.line:
            return "The agent's session is up already."
        if not agent.reachable:
            return "The agent's phone is not registered; start it first."
        if agent_id in self._called and now < self._called[agent_id] + RINGS:
            return "The agent's phone is being called already; pick it up."
        self._called[agent_id] = now
        self._control.start_line(person.endpoint, str(uuid4()), person.display_name)
        return ""

    def end(self, agent_id: UUID) -> str | None:
        """Hang up the agent's line. Not in a call: its caller would be sent back to the queue."""
        found = self._agents.at_work(agent_id)
        if found is None:
            return None
        _, agent = found
        if not agent.line:
            return "The agent has no session."
        if agent.busy in (Busy.OFFERED, Busy.TALKING):
            return "The agent is in a call; end or transfer that first."
        self._called.pop(agent_id, None)
        self._control.end_line(agent.line)
        return ""
