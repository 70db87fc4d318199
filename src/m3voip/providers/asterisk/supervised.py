"""What the ARI and AMI clients have in common: connect, tell the owner, watch, reconnect.

Law: exactly one connection at a time; nothing is repeated by itself; every (re)connect is announced so that the owner
takes a snapshot, because Asterisk keeps no events for a client that is away.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Coroutine, Iterable
from random import Random
from typing import Any, Generic, Protocol, TypeVar

import structlog

from m3voip.providers.asterisk.link_metrics import LinkMetrics
from m3voip.providers.asterisk.timing import LinkTiming

_log = structlog.get_logger(__name__)


class LoginRefused(Exception):  # noqa: N818  # no error of ours: the other side said no
    """Wrong credentials; trying again soon is no use."""


class Connection(Protocol):
    """One connection, used once. `ended` is set when it is over; its result says why."""

    ended: asyncio.Future[str]

    async def open(self) -> None:
        """Connect and log in. Raises OSError or LoginRefused; lets go of the socket when it raises or is cancelled."""
        ...

    def end(self, reason: str) -> None:
        """Declare it dead, fail what waits, let go of the socket; without effect the second time."""
        ...

    def helpers(self) -> Iterable[tuple[str, Coroutine[Any, Any, None]]]:
        """What has to run while it lives, by name."""
        ...


C = TypeVar("C", bound=Connection)


class Supervisor(Generic[C]):
    """Keeps one connection up. `greet` runs beside the connection's helpers as soon as it is open; it calls `greeted`
    when requests may be made, and `end`s the connection when something is wrong with it. `final` are reasons after which
    there is no next connection."""

    def __init__(
        self,
        name: str,
        *,
        make: Callable[[], C],
        greet: Callable[[C], Coroutine[Any, Any, None]],
        on_disconnected: Callable[[str], None],
        metrics: LinkMetrics,
        timing: LinkTiming,
        rng: Random,
        final: frozenset[str] = frozenset(),
    ) -> None:
        self.connection: C | None = None
        self.ready = asyncio.Event()
        self._name = name
        self._make = make
        self._greet = greet
        self._on_disconnected = on_disconnected
        self._metrics = metrics
        self._timing = timing
        self._rng = rng
        self._final = final
        self._stopping = False

    def greeted(self) -> None:
        """Requests may be made from now on."""
        self._metrics.connected = True
        self.ready.set()

    def restart(self, reason: str) -> None:
        """Drop the connection; a new one follows."""
        if self.connection is not None:
            self.connection.end(reason)

    def stop(self) -> None:
        """End `run`."""
        self._stopping = True
        self.restart("stopped")

    async def run(self) -> str:
        """Keep connected until `stop` or a final reason, which is returned."""
        attempt, reason = 0, "stopped"
        while not self._stopping and reason not in self._final:
            delay = self._timing.reconnect_delay(attempt, self._rng)
            attempt += 1
            self.connection = self._make()
            try:
                async with asyncio.timeout(self._timing.connect_s):
                    await self.connection.open()
            except (OSError, LoginRefused) as error:  # TimeoutError is an OSError
                if isinstance(error, LoginRefused):
                    delay = self._timing.refused_delay(self._rng)
                self._metrics.failed_connects += 1
                _log.warning(f"{self._name}.connect_failed", error=repr(error), attempt=attempt, wait_s=round(delay, 2))
            else:
                settled, reason = await self._serve(self.connection)
                if settled:
                    attempt = 0
            if not self._stopping and reason not in self._final:
                await asyncio.sleep(delay)
        return reason

    async def _serve(self, connection: C) -> tuple[bool, str]:
        """Use an open connection until it ends; returns whether it was greeted to the end, and why it ended."""
        self._metrics.connects += 1
        try:
            async with asyncio.TaskGroup() as group:
                greet = group.create_task(self._greet(connection), name=f"{self._name} greet")
                helpers = [group.create_task(job, name=f"{self._name} {name}") for name, job in connection.helpers()]
                reason = await connection.ended
                settled = greet.done()
                for task in (greet, *helpers):
                    task.cancel()
        finally:
            connection.end("cancelled")
            self.ready.clear()
            self._metrics.connected = False
        self._metrics.disconnects[reason] = self._metrics.disconnects.get(reason, 0) + 1
        _log.warning(f"{self._name}.disconnected", reason=reason)
        self._on_disconnected(reason)
        return settled, reason
