"""The search for the agent a caller should have first: answered in its budget, whatever the database does."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from datetime import datetime, timedelta
from uuid import UUID

import pytest

from m3voip.config import DEFAULT_TENANT
from m3voip.core import events as ev
from m3voip.core.commands import FindAgent
from m3voip.engine.preferred import MAX_AT_ONCE, PreferredAgents
from m3voip.storage.errors import StorageUnavailable
from tests.engine.support import T0
from tests.support.eventually import eventually

pytestmark = pytest.mark.unit


class Around:
    """The database, the board and the calls."""

    def __init__(self) -> None:
        self.last = "103"
        self.stuck = False
        self.away = False
        self.busy: set[str] = set()
        self.asked: list[tuple[UUID, str, datetime]] = []
        self.told: list[ev.AgentFound] = []
        self.agents = PreferredAgents(last_agents=self, is_free=self.is_free, deliver=self.deliver, clock=self)

    def now(self) -> datetime:
        return T0

    async def last_agent(self, tenant_id: UUID, caller: str, since: datetime) -> str:
        self.asked.append((tenant_id, caller, since))
        if self.stuck:
            await asyncio.Event().wait()
        if self.away:
            raise StorageUnavailable("Postgres is away")
        return self.last

    def is_free(self, _tenant: UUID, extension: str) -> bool:
        return extension not in self.busy

    def deliver(self, leg: str, event: ev.Event) -> None:
        assert isinstance(event, ev.AgentFound)
        self.told.append(event)

    def ask(self, extension: str = "", *, timeout_ms: int = 50) -> None:
        self.agents.find_agent(
            FindAgent(
                leg="l", request=f"r{len(self.told)}", tenant_id=DEFAULT_TENANT, extension=extension,
                caller="15557654321", days=30, timeout_ms=timeout_ms,
            )
        )  # fmt: skip

    async def answer(self, count: int = 1) -> list[str]:
        await eventually(lambda: len(self.told) >= count)
        return [event.extension for event in self.told]


@pytest.fixture
async def around() -> AsyncIterator[Around]:
    around = Around()
    task = asyncio.create_task(around.agents.run())
    yield around
    task.cancel()
    await asyncio.gather(task, return_exceptions=True)


async def test_the_last_agent_is_looked_for_as_far_back_as_asked(around: Around) -> None:
    around.ask(timeout_ms=5000)
    assert await around.answer() == ["103"]
    assert around.asked == [(DEFAULT_TENANT, "15557654321", T0 - timedelta(days=30))]


async def test_an_agent_who_is_named_needs_no_database(around: Around) -> None:
    around.ask("101")
    assert await around.answer() == ["101"]
    assert around.asked == []


@pytest.mark.parametrize("why", ["busy", "none", "stuck", "away"])
async def test_whoever_is_not_free_or_not_known_in_time_is_nobody(around: Around, why: str) -> None:
    around.busy = {"103"} if why == "busy" else set()
    around.last = "" if why == "none" else "103"
    around.stuck, around.away = why == "stuck", why == "away"
    around.ask()
    assert await around.answer() == [""]


async def test_a_stuck_database_holds_up_no_other_search_for_long(around: Around) -> None:
    around.stuck = True
    for _ in range(MAX_AT_ONCE + 5):
        around.ask(timeout_ms=200)
    assert await around.answer(MAX_AT_ONCE + 5) == [""] * (MAX_AT_ONCE + 5)
    assert len(around.asked) == MAX_AT_ONCE, "those beyond the limit are answered without asking"
