"""Runs a job again and again: at once when nudged, else every few seconds. A failing round is logged and repeated."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable

import structlog

from m3voip.core.errors import M3voipError
from m3voip.jobs.metrics import JOB_FAILURES

log = structlog.get_logger()


class Rounds:
    """One job's heartbeat."""

    def __init__(self, name: str, run_once: Callable[[], Awaitable[object]], every_s: float) -> None:
        self.name = name
        self._run_once = run_once
        self._every_s = every_s
        self._nudged = asyncio.Event()

    def nudge(self) -> None:
        """There may be work now."""
        self._nudged.set()

    async def run(self) -> None:
        """Until cancelled."""
        while True:
            self._nudged.clear()  # before the round: what comes meanwhile is work for the next one
            try:
                await self._run_once()
            except (M3voipError, OSError) as error:
                JOB_FAILURES.labels(self.name).inc()
                log.warning("job.failed", job=self.name, why=str(error), next_s=self._every_s)
            try:
                async with asyncio.timeout(self._every_s):
                    await self._nudged.wait()
            except TimeoutError:
                continue
