"""One ARI socket: requests out, answers and events in.

Law: reading means decoding and handing over, nothing else, so that Asterisk never has to wait for us (it cuts a client
whose socket stays full for `websocket_write_timeout`). Requests leave in the order they were made. When the connection
ends, for whatever reason, every pending request fails in the same instant, and the connection is never used again.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Coroutine, Iterator, Mapping
from time import monotonic
from typing import Any

import msgspec

from m3voip.providers.asterisk.ari.codec import (
    ANSWER_PREFIX,
    DECODERS,
    LARGEST_FRAME,
    message_type,
    read_answer,
    write_request,
)
from m3voip.providers.asterisk.ari.errors import AriError, AriNotSent, AriReplaced
from m3voip.providers.asterisk.ari.events import ApplicationReplaced, Event
from m3voip.providers.asterisk.ari.metrics import AriMetrics
from m3voip.providers.asterisk.ari.pending import PendingRequests, Waiting
from m3voip.providers.asterisk.ari.rest import HttpRest
from m3voip.providers.asterisk.ari.websocket import HandshakeRefused, WebSocket, open_websocket
from m3voip.providers.asterisk.link_metrics import EventCount
from m3voip.providers.asterisk.supervised import LoginRefused
from m3voip.providers.asterisk.timing import Heartbeat, LinkTiming

LARGEST_MESSAGE = 64 * 2**20
"""A list of some 50,000 channels; Asterisk's answers have no limit of their own."""

REPLACED = "replaced"
"""Why a connection ended: another client took the application over."""

MOST_PENDING = 5_000
"""More unanswered requests than this means that Asterisk is not keeping up; further ones are refused at once."""


class AriConnection:
    """See the module's law, and `supervised.Connection`."""

    def __init__(
        self,
        url: str,
        headers: Mapping[str, str],
        rest: HttpRest,
        *,
        deliver: Callable[[Event], None],
        metrics: AriMetrics,
        timing: LinkTiming,
    ) -> None:
        self.ended: asyncio.Future[str] = asyncio.get_running_loop().create_future()
        self._over = False
        self.replaced = False
        self.over_socket = True  # False: this Asterisk answers no requests on the socket; all go by HTTP
        self.pending = PendingRequests(metrics)
        self._url = url
        self._headers = headers
        self._rest = rest
        self._deliver = deliver
        self._metrics = metrics
        self._timing = timing
        self._socket = WebSocket(on_text=self._take, on_pong=self._pong, on_closed=self.end, largest=LARGEST_MESSAGE)
        self._by_http: asyncio.Queue[tuple[str, Waiting]] = asyncio.Queue()
        self._heartbeat = Heartbeat(timing, monotonic())
        self._kinds: dict[bytes, tuple[Callable[[bytes], Event], EventCount]] = {
            kind: (decode, metrics.event(kind.decode())) for kind, decode in DECODERS.items()
        }

    async def open(self) -> None:
        """Connect. Events are handed over from this moment on."""
        try:
            await open_websocket(self._socket, self._url, self._headers)
        except HandshakeRefused as error:
            if error.status in (401, 403):
                raise LoginRefused(str(error)) from error
            raise ConnectionError(str(error)) from error  # e.g. 404 while Asterisk is still loading its modules
        self._heartbeat.pong(monotonic())

    def send(self, waiting: Waiting) -> None:
        """Send a request; never blocks. What cannot be sent fails at once, by the way the caller waits for it."""
        socket = self._socket
        if not socket.usable or len(self.pending) >= MOST_PENDING:
            waiting.stats.unanswered("not_sent")
            waiting.fail(AriReplaced() if self.replaced else AriNotSent("not connected, or Asterisk does not keep up"))
            return
        request_id = self.pending.add(waiting)
        if not self.over_socket:
            self._by_http.put_nowait((request_id, waiting))
            return
        frame = write_request(request_id, waiting.request)
        if len(frame) > LARGEST_FRAME:
            self.pending.give_up(request_id, AriError(413, "request too large, nothing was sent"), "not_sent")
        else:
            socket.send(frame)

    def end(self, reason: str) -> None:
        """Declare the connection dead and fail what waits; without effect the second time."""
        if self._over:
            return
        self._over = True
        if not self.ended.done():  # cancelled together with whoever awaits it
            self.ended.set_result(reason)
        self.pending.end(reason, replaced=self.replaced)
        self._socket.close()

    def helpers(self) -> Iterator[tuple[str, Coroutine[Any, Any, None]]]:
        """What runs while the connection lives."""
        yield "watch", self._watch()
        yield "rest", self._rest_worker()

    async def _watch(self) -> None:
        """Time out requests, and end the connection when pings stay unanswered."""
        while not self._over:
            await asyncio.sleep(self._timing.tick_s)
            now = monotonic()
            if self._heartbeat.stalled(now):
                continue
            self.pending.sweep(now)
            self._metrics.pending = len(self.pending)
            if self._heartbeat.ping_due(now):
                self._socket.ping()
            if self._heartbeat.dead(now):
                self.end("no sign of life")

    async def _rest_worker(self) -> None:
        """Perform requests by HTTP, one at a time, while the socket carries none."""
        while True:
            request_id, waiting = await self._by_http.get()
            await self._rest.perform(request_id, waiting, self.pending)

    def _pong(self) -> None:
        self._heartbeat.pong(monotonic())

    def _take(self, message: bytes) -> None:
        try:
            if message.startswith(ANSWER_PREFIX):
                answer = read_answer(message)
                self.pending.settle(answer.request_id, answer, monotonic())
                return
            kind = self._kinds.get(message_type(message))
            if kind is None:
                self._metrics.unknown_events += 1
                return
            decode, count = kind
            event = decode(message)
        except msgspec.DecodeError:
            self._metrics.undecodable += 1
            return
        count.seen += 1
        if type(event) is ApplicationReplaced:
            self.replaced = True
            self.end(REPLACED)
        else:
            self._deliver(event)
