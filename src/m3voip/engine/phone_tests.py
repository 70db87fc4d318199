"""Phone tests: one at a time for each agent, the last one of each remembered until the process ends."""

from __future__ import annotations

import asyncio
from collections import OrderedDict
from collections.abc import Awaitable, Callable, Sequence
from typing import Protocol
from uuid import UUID

import structlog
from msgspec.structs import replace

from m3voip.core.device import KINDS
from m3voip.core.errors import M3voipError
from m3voip.core.phone_check import Finding, Measured, NotAnswered, PhoneTest, judge
from m3voip.ports import Clock

log = structlog.get_logger()

REMEMBERED = 1000
"""Agents whose last test is kept."""
MOST = 20
"""Tests at the same time: each is a call."""


class Caller(Protocol):
    """Calls a phone and measures."""

    async def call(
        self, test_id: UUID, endpoint: str, codecs: Sequence[str], seconds: float, answered: Callable[[], None]
    ) -> Measured | NotAnswered:
        """Raises ProviderError while the node is away."""
        ...

    def tidy(self) -> None:
        """Remove what tests of an earlier process left. Blocks for a moment."""
        ...


class PhoneTests:
    """``run`` is what they run in; ``start`` and ``last`` are for the API and never wait."""

    def __init__(self, *, caller: Caller, clock: Clock) -> None:
        self._caller = caller
        self._clock = clock
        self._last: OrderedDict[UUID, PhoneTest] = OrderedDict()
        self._wanted: asyncio.Queue[Callable[[], Awaitable[None]]] = asyncio.Queue()

    def last(self, agent_id: UUID) -> PhoneTest | None:
        """The test that goes on, or the last one."""
        return self._last.get(agent_id)

    def start(self, test_id: UUID, agent_id: UUID, *, endpoint: str, kind: str, seconds: float) -> PhoneTest | None:
        """Begin; None where one goes on for this agent, or too many do."""
        before = self._last.get(agent_id)
        if before is not None and before.state != "ended":
            return None
        if sum(test.state != "ended" for test in self._last.values()) >= MOST:
            return None
        test = PhoneTest(id=test_id, agent_id=agent_id, started_at=self._clock.now())
        self._keep(test)
        self._wanted.put_nowait(lambda: self._perform(test, endpoint, kind, seconds))
        return test

    async def run(self) -> None:
        """Until cancelled."""
        await asyncio.to_thread(self._caller.tidy)
        async with asyncio.TaskGroup() as tasks:
            while True:
                work = await self._wanted.get()
                tasks.create_task(_named(work), name="phone-test")

    async def _perform(self, test: PhoneTest, endpoint: str, kind: str, seconds: float) -> None:
        try:
            outcome = await self._caller.call(
                test.id, endpoint, KINDS[kind].codecs, seconds, lambda: self._keep(replace(test, state="listening"))
            )
            verdict, findings = judge(outcome, kind)
            measured = outcome if isinstance(outcome, Measured) else None
        except (M3voipError, OSError) as error:
            log.warning("phone_test.failed", why=str(error))
            text = "The test could not be made: the phone hung up meanwhile, or Asterisk is away. Try again."
            verdict, findings, measured = "failed", (Finding(level="failed", text=text),), None
        self._keep(replace(test, state="ended", verdict=verdict, findings=findings, measured=measured))
        log.info("phone_test.ended", kind=kind, verdict=verdict)

    def _keep(self, test: PhoneTest) -> None:
        self._last[test.agent_id] = test
        self._last.move_to_end(test.agent_id)
        while len(self._last) > REMEMBERED:
            self._last.popitem(last=False)


async def _named(work: Callable[[], Awaitable[None]]) -> None:
    await work()
