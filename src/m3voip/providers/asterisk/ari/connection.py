"""One ARI socket: requests out, answers and events in.

Law: reading means decoding and handing over, nothing else, so that Asterisk never has to wait for us (it cuts a client
whose socket stays full for `websocket_write_timeout`). Requests leave in the order they were made. When the connection
ends, for whatever reason, every pending request fails in the same instant, and the connection is never used again.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Mapping
from time import monotonic

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
from m3voip.providers.asterisk.ari.metrics import AriMetrics, EventCount
from m3voip.providers.asterisk.ari.pending import PendingRequests, Waiting
from m3voip.providers.asterisk.ari.rest import HttpRest
from m3voip.providers.asterisk.ari.timing import AriTiming
from m3voip.providers.asterisk.ari.websocket import WebSocket, open_websocket

LARGEST_MESSAGE = 64 * 2**20
"""A list of some 50,000 channels; Asterisk's answers have no limit of their own."""

MOST_PENDING = 5_000
"""More unanswered requests than this means that Asterisk is not keeping up; further ones are refused at once."""


class AriConnection:
    """See the module's law. `watch` and `rest_worker` run as tasks until `ended` is set; its result says why."""

    def __init__(
        self, rest: HttpRest, *, deliver: Callable[[Event], None], metrics: AriMetrics, timing: AriTiming
    ) -> None:
        self.ended: asyncio.Future[str] = asyncio.get_running_loop().create_future()
        self._over = False
        self.replaced = False
        self.over_socket = True  # False: this Asterisk answers no requests on the socket; all go by HTTP
        self.pending = PendingRequests(metrics)
        self._rest = rest
        self._deliver = deliver
        self._metrics = metrics
        self._timing = timing
        self._socket = WebSocket(on_text=self._take, on_pong=self._pong, on_closed=self.end, largest=LARGEST_MESSAGE)
        self._by_http: asyncio.Queue[tuple[str, Waiting]] = asyncio.Queue()
        self._last_pong = monotonic()
        self._kinds: dict[bytes, tuple[Callable[[bytes], Event], EventCount]] = {
            kind: (decode, metrics.event(kind.decode())) for kind, decode in DECODERS.items()
        }

    async def open(self, url: str, headers: Mapping[str, str]) -> None:
        """Connect. Raises OSError or HandshakeRefused. Events are handed over from this moment on."""
        await open_websocket(self._socket, url, headers)

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

    async def rest_worker(self) -> None:
        """Perform requests by HTTP, one at a time, while the socket carries none."""
        while True:
            request_id, waiting = await self._by_http.get()
            await self._rest.perform(request_id, waiting, self.pending)

    async def watch(self) -> None:
        """Time out requests, and end the connection when pings stay unanswered.

        A tick that comes late means that this process was stalled, not the path: answers may be waiting unread in the
        socket, so nothing is judged until the next tick.
        """
        timing = self._timing
        self._last_pong = last_tick = monotonic()
        last_ping = 0.0
        while True:
            await asyncio.sleep(timing.tick_s)
            now = monotonic()
            stalled, last_tick = now - last_tick > timing.tick_s + timing.stall_s, now
            if stalled:
                self._last_pong = now
                continue
            self.pending.sweep(now)
            self._metrics.pending = len(self.pending)
            if now - max(self._last_pong, last_ping) >= timing.ping_every_s:
                last_ping = now
                self._socket.ping()
            if now - self._last_pong >= timing.dead_after_s:
                self.end("no sign of life")
                return

    def _pong(self) -> None:
        self._last_pong = monotonic()

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
            self.end("replaced")
        else:
            self._deliver(event)
