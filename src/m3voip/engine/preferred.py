"""Finds the agent whom a caller should have first, for routes: who last talked with them, and whether that agent is free.

Law: ``find_agent`` never blocks; the answer reaches the call within the command's budget or is "nobody", and the call goes
on: a slow database costs the caller their favourite agent, not their time.
"""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable
from datetime import timedelta
from uuid import UUID

import structlog

from m3voip.core.commands import FindAgent
from m3voip.core.errors import M3voipError
from m3voip.core.events import AgentFound
from m3voip.engine.metrics import PREFERRED_AGENTS
from m3voip.ports import Clock, Deliver, LastAgents

log = structlog.get_logger()

MAX_AT_ONCE = 100


class PreferredAgents:
    """AgentFinder. ``is_free`` tells of a tenant's agent at an extension; ``run`` must be running."""

    def __init__(
        self, *, last_agents: LastAgents, is_free: Callable[[UUID, str], bool], deliver: Deliver, clock: Clock
    ) -> None:
        self._last_agents = last_agents
        self._is_free = is_free
        self._deliver = deliver
        self._clock = clock
        self._questions: asyncio.Queue[FindAgent] = asyncio.Queue()
        self._at_once = 0

    def find_agent(self, command: FindAgent) -> None:
        """Look; the answer reaches the leg's mailbox."""
        self._questions.put_nowait(command)

    async def run(self) -> None:
        """Until cancelled. Owns a task per open question."""
        async with asyncio.TaskGroup() as tasks:
            while True:
                command = await self._questions.get()
                if self._at_once >= MAX_AT_ONCE:
                    self._answer(command, "", "late")
                    continue
                self._at_once += 1
                tasks.create_task(self._look(command), name=f"find-agent-{command.request}")

    async def _look(self, command: FindAgent) -> None:
        try:
            async with asyncio.timeout(command.timeout_ms / 1000):
                extension = command.extension or await self._last(command)
        except (TimeoutError, M3voipError) as error:
            log.info("preferred.unknown", why=type(error).__name__)
            self._answer(command, "", "late")
        else:
            if not extension:
                self._answer(command, "", "none")
            elif self._is_free(command.tenant_id, extension):
                self._answer(command, extension, "free")
            else:
                self._answer(command, "", "busy")
        finally:
            self._at_once -= 1

    def _last(self, command: FindAgent) -> Awaitable[str]:
        since = self._clock.now() - timedelta(days=command.days)
        return self._last_agents.last_agent(command.tenant_id, command.caller, since)

    def _answer(self, command: FindAgent, extension: str, result: str) -> None:
        PREFERRED_AGENTS.labels(result).inc()
        found = AgentFound(at=self._clock.now(), request=command.request, extension=extension)
        self._deliver(command.leg, found)
