"""Dispositions by phone: an agent who dials ``*55`` and a number says how their last call came out, and is done with it."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from datetime import datetime

import structlog
from msgspec import Struct

from m3voip.core import agent_state as a
from m3voip.core.agent import AgentState
from m3voip.core.errors import M3voipError
from m3voip.core.ids import uuid7
from m3voip.core.office import Agent as Person
from m3voip.engine.agents import REFUSED, Agents
from m3voip.ports import Clock, PhoneDispositionStore

log = structlog.get_logger()

WORD = "disposition-"
"""What the dialplan puts before the number."""
SET = "disposition_set"
"""What the agent is told."""
_WITH_A_CALL = (AgentState.ON_CALL.value, AgentState.WRAP_UP.value)
BUDGET_S = 2.0
"""Nobody listens to silence for longer."""


class Asked(Struct, frozen=True):
    """Somebody dialled the code."""

    leg: str
    person: Person
    number: int
    at: datetime


class PhoneDispositions:
    """``tell(leg, word)`` says to the agent what came of it; ``run`` must be running."""

    def __init__(
        self,
        *,
        store: PhoneDispositionStore,
        agents: Agents,
        tell: Callable[[str, str], None],
        clock: Clock,
        random_bytes: Callable[[int], bytes],
    ) -> None:
        self._store = store
        self._agents = agents
        self._tell = tell
        self._clock = clock
        self._random_bytes = random_bytes
        self._asked: asyncio.Queue[Asked] = asyncio.Queue()

    def ask(self, leg: str, endpoint: str, number: str) -> None:
        """Set it; the agent is told when that is done."""
        person = self._agents.person_at(endpoint)
        if person is None or not number.isdecimal():
            self._tell(leg, REFUSED)
            return
        self._asked.put_nowait(Asked(leg, person, int(number), self._clock.now()))

    async def run(self) -> None:
        """Until cancelled. One after the other: agents who dial this at the same moment are few."""
        while True:
            asked = await self._asked.get()
            self._tell(asked.leg, SET if await self._set(asked) else REFUSED)

    async def _set(self, asked: Asked) -> bool:
        person, now = asked.person, self._agents.agent(asked.person.tenant_id, asked.person.extension)
        busy = now is not None and now.state in _WITH_A_CALL
        try:
            async with asyncio.timeout(BUDGET_S):
                call = await self._store.set_by_number(
                    person.tenant_id,
                    agent=(person.id, person.extension),
                    call=now.call_id if now is not None and busy else None,
                    number=asked.number,
                    new_id=uuid7(asked.at, self._random_bytes(10)),
                    at=asked.at,
                )
        except (TimeoutError, M3voipError) as error:
            log.warning("disposition.not_set", why=type(error).__name__)
            return False
        if call is None:
            return False
        self._agents.ask(person.id, a.WrapUpEndAsked(at=self._clock.now(), via=a.Via.PHONE_CODE))
        return True
