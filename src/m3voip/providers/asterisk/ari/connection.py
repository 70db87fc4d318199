"""One ARI socket: requests out, answers and events in.

Law: the reader only reads, decodes and hands over, so that Asterisk never has to wait for us (it cuts a client whose
socket stays full for `websocket_write_timeout`). Requests leave in the order they were made. When the connection ends,
for whatever reason, every pending request fails in the same instant, and the connection is never used again.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from time import monotonic
from typing import Literal

import aiohttp
import msgspec
import structlog
from aiohttp import ClientWebSocketResponse, WSMsgType

from m3voip.providers.asterisk.ari.codec import (
    ANSWER_PREFIX,
    DECODERS,
    LARGEST_FRAME,
    message_type,
    read_answer,
    write_request,
)
from m3voip.providers.asterisk.ari.events import ApplicationReplaced, Event
from m3voip.providers.asterisk.ari.metrics import AriMetrics, EventCount
from m3voip.providers.asterisk.ari.pending import PendingRequests, Waiting
from m3voip.providers.asterisk.ari.rest import HttpRest
from m3voip.providers.asterisk.ari.timing import AriTiming

Socket = ClientWebSocketResponse[Literal[False]]
Deliver = Callable[[Event], None]

_log = structlog.get_logger(__name__)


class AriConnection:
    """See the module's law. `read`, `write` and `watch` run as tasks until `ended` is set; its result says why."""

    def __init__(
        self, socket: Socket, rest: HttpRest, *, deliver: Deliver, metrics: AriMetrics, timing: AriTiming
    ) -> None:
        self.ended: asyncio.Future[str] = asyncio.get_running_loop().create_future()
        self.replaced = False
        self.over_socket = True  # False: this Asterisk does not answer requests on the socket; all go by HTTP
        self.pending = PendingRequests(metrics)
        self._socket = socket
        self._rest = rest
        self._deliver = deliver
        self._metrics = metrics
        self._timing = timing
        self._outbox: list[tuple[str, Waiting]] = []
        self._ping_due = False
        self._wake_writer: asyncio.Future[None] | None = None
        self._last_pong = monotonic()
        self._kinds: dict[bytes, tuple[Callable[[bytes], Event], EventCount]] = {
            kind: (decode, metrics.event(kind.decode())) for kind, decode in DECODERS.items()
        }

    def send(self, waiting: Waiting) -> str:
        """Queue a request for sending; never blocks. Returns its id."""
        request_id = self.pending.add(waiting)
        self._outbox.append((request_id, waiting))
        self._nudge_writer()
        return request_id

    def end(self, reason: str) -> None:
        """Declare the connection dead and fail what waits; without effect the second time."""
        if not self.ended.done():
            self.ended.set_result(reason)
            self.pending.end(reason, replaced=self.replaced)

    async def read(self) -> None:
        """Hand over messages until the socket ends."""
        receive = self._socket.receive
        while True:
            message = await receive()
            if message.type is WSMsgType.TEXT:
                self._take(message.data)
            elif message.type is WSMsgType.PONG:
                self._last_pong = monotonic()
            elif message.type is WSMsgType.PING:
                await self._socket.pong(message.data)
            else:
                self.end("closed")
                return

    async def write(self) -> None:
        """Send what is queued. Waits here, and only here, when Asterisk does not read."""
        send_frame = self._socket.send_frame
        try:
            while True:
                if self._ping_due:
                    self._ping_due = False
                    await self._socket.ping()
                if not self._outbox:
                    self._wake_writer = asyncio.get_running_loop().create_future()
                    await self._wake_writer
                batch, self._outbox = self._outbox, []
                for request_id, waiting in batch:
                    frame = write_request(request_id, waiting.request)
                    if self.over_socket and len(frame) <= LARGEST_FRAME:
                        await send_frame(frame, WSMsgType.TEXT)
                    else:
                        await self._rest.perform(request_id, waiting, self.pending)
        except (OSError, aiohttp.ClientError):
            self.end("write failed")

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
                continue
            self.pending.sweep(now)
            self._metrics.pending = len(self.pending)
            if now - max(self._last_pong, last_ping) >= timing.ping_every_s:
                last_ping, self._ping_due = now, True
                self._nudge_writer()
            if now - self._last_pong >= timing.dead_after_s:
                self.end("no sign of life")
                return

    def _nudge_writer(self) -> None:
        if self._wake_writer is not None:
            self._wake_writer.set_result(None)
            self._wake_writer = None

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
