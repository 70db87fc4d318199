"""The supervised ARI connection: connects, watches, reconnects, and tells its owner.

Law: exactly one socket at a time; nothing is repeated by itself; every (re)connect is announced so that the owner takes
a snapshot, because Asterisk throws events away while no socket is there. Another client with our application name ends
this one for good.
"""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from random import Random
from time import monotonic
from typing import Any, TypeVar, cast

import aiohttp
import structlog

from m3voip.providers.asterisk.ari import bridges, channels, system
from m3voip.providers.asterisk.ari.codec import Answer
from m3voip.providers.asterisk.ari.connection import AriConnection
from m3voip.providers.asterisk.ari.errors import AriDisconnected, AriError, AriNotSent, AriReplaced, AriTimeout
from m3voip.providers.asterisk.ari.events import Event
from m3voip.providers.asterisk.ari.metrics import AriMetrics
from m3voip.providers.asterisk.ari.model import Snapshot
from m3voip.providers.asterisk.ari.pending import OnError, Waiting
from m3voip.providers.asterisk.ari.request import Request
from m3voip.providers.asterisk.ari.rest import HttpRest
from m3voip.providers.asterisk.ari.timing import AriTiming
from m3voip.providers.asterisk.ari.websocket import HandshakeRefused

T = TypeVar("T")
_log = structlog.get_logger(__name__)


@dataclass(frozen=True, slots=True, kw_only=True)
class AriAccess:
    """Where ARI is. `base_url` ends in `/ari`; `drop_events` are event types that Asterisk shall not send."""

    base_url: str
    user: str
    password: str
    app: str
    drop_events: tuple[str, ...] = ()
    subscribe_all: bool = False


async def _nothing() -> None:
    """The default of `on_connected`."""


class AriClient:
    """Run it in a TaskGroup: `group.create_task(client.run(), name="ari")`.

    `on_event` is called by the reader for every event, in order; it must not block. `on_connected` runs after every
    (re)connect with the event filter in force, beside the reader: take the snapshot there; an AriError from it drops
    the connection and tries again. `on_disconnected` gets the reason.
    """

    def __init__(
        self,
        access: AriAccess,
        *,
        on_event: Callable[[Event], None],
        on_connected: Callable[[], Awaitable[None]] = _nothing,
        on_disconnected: Callable[[str], None] = lambda _reason: None,
        metrics: AriMetrics | None = None,
        timing: AriTiming | None = None,
        rng: Random | None = None,
    ) -> None:
        self.metrics = metrics or AriMetrics()
        self._access = access
        self._on_event = on_event
        self._on_connected = on_connected
        self._on_disconnected = on_disconnected
        self._timing = timing or AriTiming()
        self._rng = rng or Random()  # noqa: S311  # spreads reconnects, guards nothing
        self._connection: AriConnection | None = None
        self._ready = asyncio.Event()
        self._stopping = False

    @property
    def connected(self) -> bool:
        """Whether a request would be sent now and the event filter is in force."""
        return self._ready.is_set()

    async def wait_connected(self) -> None:
        """Return when connected; combine with asyncio.timeout."""
        await self._ready.wait()

    async def call(self, request: Request[T], timeout_s: float | None = None) -> T:
        """Send and wait for the answer.

        Raises AriError when Asterisk says no, AriTimeout or AriDisconnected when the outcome is unknown, AriNotSent
        when there is no connection, AriReplaced when there will be none.
        """
        future: asyncio.Future[Answer] = asyncio.get_running_loop().create_future()
        self._send(self._waiting(request, timeout_s, future=future))
        answer = await future
        return request.decode(answer.text()) if request.decode is not None else cast("T", None)

    def submit(self, request: Request[Any], on_error: OnError, timeout_s: float | None = None) -> None:
        """Send and forget unless it fails: no task, no waiting, order kept. `on_error` is called once at most, also for
        what `call` would raise, possibly before this returns; it must not block."""
        self._send(self._waiting(request, timeout_s, on_error=on_error))

    async def snapshot(self) -> Snapshot:
        """Everything Asterisk has now; raises like `call`."""
        info, all_channels, all_bridges, endpoints = await asyncio.gather(
            self.call(system.info()),
            self.call(channels.list_all()),
            self.call(bridges.list_all()),
            self.call(system.endpoints()),
        )
        return Snapshot(info=info, channels=all_channels, bridges=all_bridges, endpoints=endpoints)

    def restart(self, reason: str) -> None:
        """Drop the connection and open a new one, e.g. because the consumer lost its place among the events."""
        if self._connection is not None:
            self._connection.end(reason)

    def stop(self) -> None:
        """End `run`."""
        self._stopping = True
        self.restart("stopped")

    async def run(self) -> None:
        """Keep connected until `stop`. Raises AriReplaced when another client takes the application over."""
        access, timing, attempt = self._access, self._timing, 0
        headers = {"Authorization": aiohttp.encode_basic_auth(access.user, access.password)}
        url = f"{access.base_url}/events?app={access.app}&subscribeAll={'true' if access.subscribe_all else 'false'}"
        async with aiohttp.ClientSession(headers=headers, connector=aiohttp.TCPConnector(limit=1)) as session:
            rest = HttpRest(session, access.base_url)
            while not self._stopping:
                delay = timing.reconnect_delay(attempt, self._rng)
                attempt += 1
                connection = AriConnection(rest, deliver=self._deliver, metrics=self.metrics, timing=timing)
                self._connection = connection
                try:
                    async with asyncio.timeout(timing.connect_s):
                        await connection.open(url, headers)
                except (OSError, HandshakeRefused) as error:  # TimeoutError is an OSError
                    if isinstance(error, HandshakeRefused) and error.status in (401, 403):
                        delay = timing.refused_delay(self._rng)
                    self.metrics.failed_connects += 1
                    _log.warning("ari.connect_failed", error=repr(error), attempt=attempt, retry_in_s=round(delay, 2))
                else:
                    if await self._serve(connection):
                        attempt = 0
                    if connection.replaced:
                        raise AriReplaced
                if not self._stopping:
                    await asyncio.sleep(delay)

    async def _serve(self, connection: AriConnection) -> bool:
        """Use one open socket until it ends; returns whether `on_connected` was completed on it."""
        self.metrics.connects += 1
        try:
            async with asyncio.TaskGroup() as group:
                greet = group.create_task(self._greet(connection), name="ari greet")
                helpers = [
                    greet,
                    group.create_task(connection.watch(), name="ari watch"),
                    group.create_task(connection.rest_worker(), name="ari rest"),
                ]
                reason = await connection.ended
                settled = greet.done()
                for task in helpers:
                    task.cancel()
        finally:
            connection.end("cancelled")
            self._ready.clear()
            self.metrics.connected = False
        self.metrics.disconnects[reason] = self.metrics.disconnects.get(reason, 0) + 1
        _log.warning("ari.disconnected", reason=reason)
        self._on_disconnected(reason)
        return settled

    async def _greet(self, connection: AriConnection) -> None:
        """Set the event filter, which also proves that the socket carries requests, and call the owner."""
        wanted = system.drop_events(self._access.app, self._access.drop_events)
        try:
            try:
                await self.call(wanted, self._timing.probe_s)
                await self.call(system.ping(), self._timing.probe_s)
            except AriTimeout:
                connection.over_socket = False
                _log.warning("ari.socket_carries_no_requests", using="http")
                await self.call(wanted)
            self._ready.set()
            self.metrics.connected = True
            _log.info("ari.connected", over_socket=connection.over_socket)
            await self._on_connected()
        except AriDisconnected:
            return  # the connection has ended already
        except AriError as error:
            _log.warning("ari.greeting_failed", status=error.status, error=error.message)
            connection.end("greeting failed")

    def _deliver(self, event: Event) -> None:
        try:
            self._on_event(event)
        except Exception:  # noqa: BLE001  # supervisor: a bug in one event's consumer must not cost all other calls theirs
            self.metrics.callback_errors += 1
            _log.exception("ari.consumer_failed", event_type=type(event).__name__)

    def _send(self, waiting: Waiting) -> None:
        if self._connection is not None:
            self._connection.send(waiting)
        else:
            waiting.fail(AriNotSent("not connected"))

    def _waiting(
        self,
        request: Request[Any],
        timeout_s: float | None,
        *,
        future: asyncio.Future[Answer] | None = None,
        on_error: OnError | None = None,
    ) -> Waiting:
        now = monotonic()
        deadline = now + (timeout_s if timeout_s is not None else self._timing.request_s)
        return Waiting(request, self.metrics.route(request.route), now, deadline, future=future, on_error=on_error)
