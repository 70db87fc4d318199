"""SIP transactions (RFC 3261 §17): retransmission, matching, the ACK of a refusal. Timers only, no tasks."""

from __future__ import annotations

import asyncio
from collections.abc import Callable

from m3voip.phones.sip.message import Address, Message
from m3voip.phones.sip.transport import Transport

T1 = 0.5
"""Round-trip estimate in seconds (RFC 3261 §17.1.1.1); everything else is a multiple of it."""
T2 = 4.0


class ClientTransaction:
    """One request of ours until its final response; a request nobody answers ends as a local 408."""

    def __init__(
        self, layer: Transactions, request: Message, to: Address, on_response: Callable[[Message], None]
    ) -> None:
        self._layer = layer
        self.request = request
        self.to = to
        self._on_response = on_response
        self._interval = T1
        self._resend: asyncio.TimerHandle | None = None
        self._give_up = layer.later(64 * T1, self._time_out)
        self.provisional = False
        self.done = False
        self._transmit()

    def _transmit(self) -> None:
        self._layer.send(self.request, self.to)
        if not self._layer.reliable:
            self._resend = self._layer.later(self._interval, self._transmit)
            self._interval *= 2
            if self.request.method != "INVITE":
                self._interval = min(self._interval, T2)

    def _stop(self) -> None:
        for timer in (self._resend, self._give_up):
            self._layer.cancel(timer)

    def _time_out(self) -> None:
        self._finish(Message(status=408, reason="Request Timeout (no answer)", headers=list(self.request.headers)))

    def _finish(self, response: Message) -> None:
        self._stop()
        self.done = True
        self._on_response(response)
        # A retransmitted final response must still find us (it is acknowledged again), so forget later.
        self._layer.later(64 * T1, lambda: self._layer.forget_client(self))

    def receive(self, response: Message) -> None:
        """A response for us, first time or again."""
        invite = self.request.method == "INVITE"
        if response.status >= 300 and invite:
            self._acknowledge(response)
        if self.done:
            if invite and 200 <= response.status < 300:
                self._on_response(response)
            return
        if response.status >= 200:
            self._finish(response)
            return
        self.provisional = True
        if invite:  # an INVITE may ring for minutes; whoever waits has its own deadline
            self._stop()
        self._on_response(response)

    def _acknowledge(self, refusal: Message) -> None:
        kept = [(n, v) for n, v in self.request.headers if n in ("From", "Call-ID", "Route", "Max-Forwards")]
        ack = Message(method="ACK", uri=self.request.uri, headers=[("Via", self.request.get("Via")), *kept])
        ack.put("To", refusal.get("To"))
        ack.put("CSeq", f"{self.request.cseq[0]} ACK")
        self._layer.send(ack, self.to)


class ServerTransaction:
    """One request to us; repeats of the request get the last response again."""

    def __init__(self, layer: Transactions, request: Message, source: Address) -> None:
        self._layer = layer
        self.request = request
        self.source = source
        self._last: bytes | None = None
        self._resend: asyncio.TimerHandle | None = None
        self._interval = T1

    def reply(self, response: Message) -> None:
        """Send a response; the final one of an INVITE is repeated until its ACK comes."""
        self._layer.cancel(self._resend)
        self._last = response.encode()
        self._layer.send_bytes(self._last, self.source)
        if response.status < 200:
            return
        self._layer.later(64 * T1, lambda: self._layer.forget_server(self))
        if self.request.method == "INVITE" and (not self._layer.reliable or response.status < 300):
            self._interval = T1
            self._resend = self._layer.later(self._interval, self._repeat)

    def repeat(self) -> None:
        """The request came again: so does the response."""
        if self._last is not None:
            self._layer.send_bytes(self._last, self.source)

    def _repeat(self) -> None:
        self.repeat()
        self._interval = min(2 * self._interval, T2)
        self._resend = self._layer.later(self._interval, self._repeat)

    def acknowledged(self) -> None:
        """The ACK is here; stop repeating."""
        self._layer.cancel(self._resend)


class Transactions:
    """Every transaction of one transport. ``blackhole`` makes the phone deaf and dumb without closing anything."""

    def __init__(self, on_request: Callable[[ServerTransaction], None]) -> None:
        self._on_request = on_request
        self._transport: Transport | None = None
        self._clients: dict[tuple[str, str], ClientTransaction] = {}
        self._servers: dict[tuple[str, str], ServerTransaction] = {}
        self._timers: set[asyncio.TimerHandle] = set()
        self.blackhole = False

    def attach(self, transport: Transport) -> None:
        """Use this transport from now on."""
        self._transport = transport

    @property
    def reliable(self) -> bool:
        """TCP and TLS need no retransmission."""
        return self._transport is not None and self._transport.name != "udp"

    def request(self, request: Message, to: Address, on_response: Callable[[Message], None]) -> ClientTransaction:
        """Send a request; every response (and a local 408) goes to ``on_response``."""
        transaction = ClientTransaction(self, request, to, on_response)
        self._clients[request.branch, request.method] = transaction
        return transaction

    def receive(self, message: Message, source: Address) -> None:
        """A message from the transport."""
        if self.blackhole:
            return
        if not message.is_request:
            client = self._clients.get((message.branch, message.cseq[1]))
            if client is not None:
                client.receive(message)
            return
        method = "INVITE" if message.method == "ACK" else message.method
        known = self._servers.get((message.branch, method))
        if message.method == "ACK":
            if known is not None:  # of a refusal; the ACK of a 2xx is a transaction of its own
                known.acknowledged()
            else:
                self._on_request(ServerTransaction(self, message, source))
        elif known is not None:
            known.repeat()
        else:
            server = ServerTransaction(self, message, source)
            self._servers[message.branch, method] = server
            self._on_request(server)

    def send(self, message: Message, to: Address) -> None:
        """Send a message outside retransmission (an ACK of a 2xx)."""
        self.send_bytes(message.encode(), to)

    def send_bytes(self, data: bytes, to: Address) -> None:
        """Send bytes unless the phone has vanished."""
        if self._transport is not None and not self.blackhole:
            self._transport.send(data, to)

    def later(self, delay: float, what: Callable[[], None]) -> asyncio.TimerHandle:
        """Run ``what`` after ``delay`` seconds unless closed or cancelled before."""

        def fire() -> None:
            self._timers.discard(handle)
            what()

        handle = asyncio.get_running_loop().call_later(delay, fire)
        self._timers.add(handle)
        return handle

    def cancel(self, timer: asyncio.TimerHandle | None) -> None:
        """Cancel a timer made by ``later``."""
        if timer is not None:
            timer.cancel()
            self._timers.discard(timer)

    def forget_client(self, transaction: ClientTransaction) -> None:
        """Its time is over."""
        self._clients.pop((transaction.request.branch, transaction.request.method), None)

    def forget_server(self, transaction: ServerTransaction) -> None:
        """Its time is over."""
        transaction.acknowledged()
        self._servers.pop((transaction.request.branch, transaction.request.method), None)

    def close(self) -> None:
        """Cancel every timer and close the transport."""
        for timer in list(self._timers):
            self.cancel(timer)
        if self._transport is not None:
            self._transport.close()
            self._transport = None
