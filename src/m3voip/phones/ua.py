"""The user agent under every phone: one transport, our identity in headers, digest challenges answered once."""

from __future__ import annotations

import secrets
import ssl
from collections.abc import Callable

from m3voip.phones.sip import digest
from m3voip.phones.sip.dialog import new_branch
from m3voip.phones.sip.message import Address, Message
from m3voip.phones.sip.transaction import ClientTransaction, ServerTransaction, Transactions
from m3voip.phones.sip.transport import Transport, TransportName, open_stream, open_udp

ALLOW = "INVITE, ACK, CANCEL, BYE, OPTIONS, INFO, NOTIFY, UPDATE, REFER"


class Exchange:
    """A request with its answer to a challenge; ``request`` is the one sent last (what a CANCEL must match)."""

    def __init__(self, ua: UserAgent, request: Message, to: Address, on_response: Callable[[Message], None]) -> None:
        self._ua = ua
        self._to = to
        self._on_response = on_response
        self._challenged = False
        self.request = request
        self.transaction: ClientTransaction = ua.layer.request(request, to, self._receive)

    def _receive(self, response: Message) -> None:
        if response.status in (401, 407) and not self._challenged and self._ua.password:
            self._challenged = True
            again = Message(method=self.request.method, uri=self.request.uri, headers=list(self.request.headers),
                            body=self.request.body)  # fmt: skip
            credentials = digest.answer(response, again, self._ua.username, self._ua.password)
            if credentials is not None:
                again.put("Via", self._ua.via())
                again.put("CSeq", f"{self._ua.next_cseq()} {again.method}")
                again.headers.append(credentials)
                self.request = again
                self.transaction = self._ua.layer.request(again, self._to, self._receive)
                return
        self._on_response(response)


class UserAgent:
    """``open`` first. One instance may carry any number of calls at once. ``inside`` is what the phone takes for its
    address where a NAT gives it another one outside."""

    def __init__(
        self, *, server: Address, transport: TransportName, username: str, password: str, local: Address,
        inside: Address | None, tls: ssl.SSLContext | None, on_request: Callable[[ServerTransaction], None],
    ) -> None:  # fmt: skip
        self.server = server
        self.username = username
        self.password = password
        self.layer = Transactions(on_request)
        self._transport_name = transport
        self._local = local
        self._inside = inside
        self._tls = tls
        self._transport: Transport | None = None
        self._cseq = 0
        # What stands in our Contact; unregistered callers need a name too.
        self._contact_user = username or "caller" + secrets.token_hex(3)

    async def open(self) -> None:
        """Bind or connect; again after a lost connection. Raises OSError (ssl.SSLError included)."""
        if self._transport is not None:
            self._transport.close()
        if self._transport_name == "udp":
            self._transport = await open_udp(self.layer.receive, self._local)
        else:
            tls = self._tls if self._transport_name == "tls" else None
            self._transport = await open_stream(self.layer.receive, self.server, self._local[0], tls)
        self.layer.attach(self._transport)

    @property
    def local(self) -> Address:
        """The address our SIP leaves from."""
        assert self._transport is not None, "open() first"
        return self._transport.local

    @property
    def contact(self) -> str:
        """The value of our Contact header."""
        kind = "" if self._transport_name == "udp" else f";transport={self._transport_name}"
        host, port = self._inside or self.local
        return f"<sip:{self._contact_user}@{host}:{port}{kind}>"

    def via(self) -> str:
        """A Via with a new branch."""
        name = self._transport_name.upper()
        host, port = self._inside or self.local
        return f"SIP/2.0/{name} {host}:{port};rport;branch={new_branch()}"

    def next_cseq(self) -> int:
        """One counter for the whole phone: rising within each dialog, which is all that is asked (RFC 3261 §12.2)."""
        self._cseq += 1
        return self._cseq

    def send(self, request: Message, to: Address, on_response: Callable[[Message], None]) -> Exchange:
        """Send a request; every response and a local 408 go to ``on_response``, challenges do not."""
        return Exchange(self, request, to, on_response)

    def close(self) -> None:
        """Close the socket and cancel every timer."""
        self.layer.close()
        self._transport = None
