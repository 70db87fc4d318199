"""The supervised AMI client: what the rest of the program uses. AMI observes queues, devices and mailboxes, and does the
few things ARI cannot.

Law: `supervised` says how the connection is kept; wrong credentials are reported, which panoramisk alone does not do.
"""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from random import Random
from typing import Any, TypeVar, cast

import msgspec
import structlog

from m3voip.providers.asterisk.ami.actions import AmiAction, login
from m3voip.providers.asterisk.ami.connection import AmiConnection
from m3voip.providers.asterisk.ami.errors import AmiError, AmiNotSent
from m3voip.providers.asterisk.ami.events import AmiEvent
from m3voip.providers.asterisk.ami.metrics import AmiMetrics
from m3voip.providers.asterisk.supervised import Supervisor
from m3voip.providers.asterisk.timing import LinkTiming

T = TypeVar("T")
_log = structlog.get_logger(__name__)

TIMING = LinkTiming(connect_s=2.0)
"""Asterisk holds the refusal of a login back for a second; a shorter limit would take it for a broken path."""

BOOT_S = 5.0
"""How long to wait for FullyBooted after a login before asking all the same (an account may not be shown it)."""


@dataclass(frozen=True, slots=True, kw_only=True)
class AmiAccess:
    """Where AMI is."""

    host: str
    port: int
    user: str
    secret: str


async def _nothing() -> None:
    """The default of `on_connected`."""


class AmiClient:
    """Run it in a TaskGroup: `group.create_task(client.run(), name="ami")`.

    `on_event` is called by the reader for every event, in order; it must not block. `on_connected` runs after every
    (re)connect, once Asterisk is fully booted: ask for the state of queues and devices there; an AmiError from it drops
    the connection and tries again. `on_disconnected` gets the reason.
    """

    def __init__(
        self,
        access: AmiAccess,
        *,
        on_event: Callable[[AmiEvent], None],
        on_connected: Callable[[], Awaitable[None]] = _nothing,
        on_disconnected: Callable[[str], None] = lambda _reason: None,
        metrics: AmiMetrics | None = None,
        timing: LinkTiming | None = None,
        rng: Random | None = None,
    ) -> None:
        self.metrics = metrics or AmiMetrics()
        self._access = access
        self._on_event = on_event
        self._on_connected = on_connected
        self._timing = timing or TIMING
        self._link: Supervisor[AmiConnection] = Supervisor(
            "ami",
            make=self._make,
            greet=self._greet,
            on_disconnected=on_disconnected,
            metrics=self.metrics,
            timing=self._timing,
            rng=rng or Random(),  # noqa: S311  # spreads reconnects, guards nothing
        )

    @property
    def connected(self) -> bool:
        """Whether an action would be sent now."""
        return self._link.ready.is_set()

    async def wait_connected(self) -> None:
        """Return when connected; combine with asyncio.timeout."""
        await self._link.ready.wait()

    def restart(self, reason: str) -> None:
        """Drop the connection; a new one follows."""
        self._link.restart(reason)

    def stop(self) -> None:
        """End `run`."""
        self._link.stop()

    async def run(self) -> None:
        """Keep connected until `stop`."""
        await self._link.run()

    async def call(self, action: AmiAction[T], timeout_s: float | None = None) -> T:
        """Send and wait for the answer.

        Raises AmiError when Asterisk says no or its answer cannot be read, AmiTimeout or AmiDisconnected when the outcome
        is unknown, AmiNotSent when there is no connection.
        """
        answer: asyncio.Future[list[dict[str, str]]] = asyncio.get_running_loop().create_future()

        def done(messages: list[dict[str, str]], error: AmiError | None) -> None:
            if answer.done():
                return
            if error is None:
                answer.set_result(messages)
            else:
                answer.set_exception(error)

        self._send(action, timeout_s, done)
        messages = await answer
        if action.parse is None:
            return cast("T", None)
        try:
            return action.parse(messages)
        except msgspec.ValidationError as error:
            raise AmiError(f"the answer to {action.name} cannot be read: {error}") from error

    def submit(
        self, action: AmiAction[Any], on_error: Callable[[AmiError], None], timeout_s: float | None = None
    ) -> None:
        """Send and forget unless it fails. `on_error` is called once at most, possibly before this returns; it must not
        block."""

        def done(_messages: object, error: AmiError | None) -> None:
            if error is not None:
                on_error(error)

        self._send(action, timeout_s, done)

    def _send(
        self,
        action: AmiAction[Any],
        timeout_s: float | None,
        done: Callable[[list[dict[str, str]], AmiError | None], None],
    ) -> None:
        if self._link.connection is None:
            done([], AmiNotSent())
            return
        self._link.connection.send(action, self._timing.request_s if timeout_s is None else timeout_s, done)

    def _make(self) -> AmiConnection:
        access = self._access
        return AmiConnection(
            access.host,
            access.port,
            login(access.user, access.secret),
            deliver=self._deliver,
            metrics=self.metrics,
            timing=self._timing,
        )

    async def _greet(self, connection: AmiConnection) -> None:
        try:
            async with asyncio.timeout(BOOT_S):
                await connection.booted.wait()
        except TimeoutError:
            _log.warning("ami.boot_not_seen", waited_s=BOOT_S)
        self._link.greeted()
        _log.info("ami.connected")
        try:
            await self._on_connected()
        except AmiError as error:
            _log.warning("ami.greeting_failed", error=error.message)
            connection.end("greeting failed")

    def _deliver(self, event: AmiEvent) -> None:
        try:
            self._on_event(event)
        except Exception:  # noqa: BLE001  # supervisor: a bug in one event's consumer must not cost other calls theirs
            self.metrics.callback_errors += 1
            _log.exception("ami.consumer_failed", event_type=type(event).__name__)
