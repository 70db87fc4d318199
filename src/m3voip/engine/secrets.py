"""Secrets of phones that end by themselves (browsers): when their time has come the digest is replaced in Postgres by one
that nobody knows the secret of, and the change reaches Asterisk as every change of the configuration does.

Law: when to look next is in each reading of the configuration, so a process that was away catches up with its first one.
"""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable
from contextlib import suppress
from datetime import datetime

import structlog

from m3voip.core.errors import M3voipError
from m3voip.core.office import Office
from m3voip.ports import Clock

log = structlog.get_logger()

RETRY_S = 1.0


class SecretKeeper:
    """``end``: end all secrets whose time has come, and say how many."""

    def __init__(self, *, clock: Clock, end: Callable[[datetime], Awaitable[int]]) -> None:
        self._clock = clock
        self._end = end
        self._due: datetime | None = None
        self._changed = asyncio.Event()

    async def update(self, office: Office) -> None:
        """A new reading of the configuration."""
        self._due = min((a.ha1_expires_at for a in office.agents if a.ha1_expires_at is not None), default=None)
        self._changed.set()

    async def run(self) -> None:
        """Until cancelled."""
        while True:
            if await self._come():
                await self._end_due()

    async def _come(self) -> bool:
        """Wait until the next secret is to end (True) or something has changed (False)."""
        self._changed.clear()
        wait = None if self._due is None else max(0.0, (self._due - self._clock.now()).total_seconds())
        try:
            async with asyncio.timeout(wait):
                await self._changed.wait()
        except TimeoutError:
            return True
        return False

    async def _end_due(self) -> None:
        due, self._due = self._due, None  # the next reading, which this change brings about, says what is next
        try:
            ended = await self._end(self._clock.now())
        except (M3voipError, OSError) as error:
            log.warning("phone.secrets_not_ended", why=str(error), next_s=RETRY_S)
            await self._pause()
            self._due = self._due or due
        else:
            log.info("phone.secrets_ended", count=ended)

    async def _pause(self) -> None:
        with suppress(TimeoutError):
            async with asyncio.timeout(RETRY_S):
                await self._changed.wait()
