"""The supervised ARI client: what the rest of the program uses.

Law: `supervised` says how the connection is kept. Another client with our application name ends this one for good.
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
from m3voip.providers.asterisk.ari.connection import REPLACED, AriConnection
from m3voip.providers.asterisk.ari.errors import AriDisconnected, AriError, AriNotSent, AriReplaced, AriTimeout
from m3voip.providers.asterisk.ari.events import Event
from m3voip.providers.asterisk.ari.metrics import AriMetrics
from m3voip.providers.asterisk.ari.model import Snapshot
from m3voip.providers.asterisk.ari.pending import OnError, Waiting
from m3voip.providers.asterisk.ari.request import Request
from m3voip.providers.asterisk.ari.rest import HttpRest
from m3voip.providers.asterisk.supervised import Supervisor
from m3voip.providers.asterisk.timing import LinkTiming

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
        timing: LinkTiming | None = None,
        rng: Random | None = None,
    ) -> None:
        self.metrics = metrics or AriMetrics()
        self._access = access
        self._on_event = on_event
        self._on_connected = on_connected
        self._timing = timing or LinkTiming()
        self._rest: HttpRest | None = None
        self._link: Supervisor[AriConnection] = Supervisor(
            "ari",
            make=self._make,
            greet=self._greet,
            on_disconnected=on_disconnected,
            metrics=self.metrics,
            timing=self._timing,
            rng=rng or Random(),  # noqa: S311  # spreads reconnects, guards nothing
            final=frozenset({REPLACED}),
        )

    @property
    def connected(self) -> bool:
        """Whether a request would be sent now and the event filter is in force."""
        return self._link.ready.is_set()

    async def wait_connected(self) -> None:
        """Return when connected; combine with asyncio.timeout."""
        await self._link.ready.wait()

    def restart(self, reason: str) -> None:
        """Drop the connection; a new one follows. For a consumer that lost its place among the events."""
        self._link.restart(reason)

    def stop(self) -> None:
        """End `run`."""
        self._link.stop()

    async def run(self) -> None:
        """Keep connected until `stop`. Raises AriReplaced when another client takes the application over."""
        connector = aiohttp.TCPConnector(limit=1)
        async with aiohttp.ClientSession(headers=self._headers(), connector=connector) as session:
            self._rest = HttpRest(session, self._access.base_url)
            if await self._link.run() == REPLACED:
                raise AriReplaced

    async def call(self, request: Request[T], timeout_s: float | None = None) -> T:
        """Send and wait for the answer.

        Raises AriError when Asterisk says no, AriTimeout or AriDisconnected when the outcome is unknown, AriNotSent
        when there is no connection, AriReplaced when there will be none.
        """
        future: asyncio.Future[Answer] = asyncio.get_running_loop().create_future()
        self._send(request, timeout_s, future=future)
        answer = await future
        return request.decode(answer.text()) if request.decode is not None else cast("T", None)

    def submit(self, request: Request[Any], on_error: OnError, timeout_s: float | None = None) -> None:
        """Send and forget unless it fails: no task, no waiting, order kept. `on_error` is called once at most, also for
        what `call` would raise, possibly before this returns; it must not block."""
        self._send(request, timeout_s, on_error=on_error)

    async def snapshot(self) -> Snapshot:
        """Everything Asterisk has now; raises like `call`."""
        info, all_channels, all_bridges, endpoints = await asyncio.gather(
            self.call(system.info()),
            self.call(channels.list_all()),
            self.call(bridges.list_all()),
            self.call(system.endpoints()),
        )
        return Snapshot(info=info, channels=all_channels, bridges=all_bridges, endpoints=endpoints)

    def _send(
        self,
        request: Request[Any],
        timeout_s: float | None,
        *,
        future: asyncio.Future[Answer] | None = None,
        on_error: OnError | None = None,
    ) -> None:
        now = monotonic()
        deadline = now + (self._timing.request_s if timeout_s is None else timeout_s)
        waiting = Waiting(request, self.metrics.route(request.route), now, deadline, future=future, on_error=on_error)
        if self._link.connection is not None:
            self._link.connection.send(waiting)
        else:
            waiting.fail(AriNotSent("not connected"))

    def _headers(self) -> dict[str, str]:
        return {"Authorization": aiohttp.encode_basic_auth(self._access.user, self._access.password)}

    def _make(self) -> AriConnection:
        access = self._access
        assert self._rest is not None
        return AriConnection(
            f"{access.base_url}/events?app={access.app}&subscribeAll={'true' if access.subscribe_all else 'false'}",
            self._headers(),
            self._rest,
            deliver=self._deliver,
            metrics=self.metrics,
            timing=self._timing,
        )

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
            self._link.greeted()
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
        except Exception:  # noqa: BLE001  # supervisor: a bug in one event's consumer must not cost other calls theirs
            self.metrics.callback_errors += 1
            _log.exception("ari.consumer_failed", event_type=type(event).__name__)
