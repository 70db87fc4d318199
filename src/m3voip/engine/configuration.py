"""Brings a changed configuration into effect: one reading, then everything that is made from it, in order.

Law: what could not be brought into effect (Asterisk away, Postgres away) is tried again until it is; a change that comes
meanwhile is in the next reading, so none is lost and none is applied out of order.
"""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable, Sequence
from contextlib import suppress

import structlog

from m3voip.core.errors import M3voipError
from m3voip.core.office import Office

log = structlog.get_logger()

RETRY_S = 1.0

Apply = Callable[[Office], Awaitable[object]]


class ConfigurationKeeper:
    """``wake`` says that something may have changed. ``ready`` is set when calls can be routed by a first reading;
    ``in_effect`` is whether the latest reading is in effect everywhere."""

    def __init__(self, *, read: Callable[[], Awaitable[Office]], appliers: Sequence[tuple[str, Apply]]) -> None:
        self._read = read
        self._appliers = appliers
        self._changed = asyncio.Event()
        self._changed.set()
        self.ready = asyncio.Event()
        self.in_effect = False

    def wake(self) -> None:
        """Read again soon; any number of calls is one."""
        self._changed.set()

    async def run(self) -> None:
        """Until cancelled."""
        while True:
            await self._changed.wait()
            self._changed.clear()
            self.in_effect = await self._apply_all()
            if not self.in_effect:
                await self._pause()
                self._changed.set()

    async def _pause(self) -> None:
        """Before the next try; a change cuts it short, because it may be what was missing."""
        with suppress(TimeoutError):
            async with asyncio.timeout(RETRY_S):
                await self._changed.wait()

    async def _apply_all(self) -> bool:
        try:
            office = await self._read()
        except (M3voipError, OSError) as error:
            log.warning("configuration.unreadable", why=str(error), next_s=RETRY_S)
            return False
        whole = True
        for what, apply in self._appliers:
            try:
                await apply(office)
            except (M3voipError, OSError) as error:
                log.warning("configuration.not_applied", to=what, why=str(error), next_s=RETRY_S)
                whole = False
            if what == "calls":
                self.ready.set()
        return whole
