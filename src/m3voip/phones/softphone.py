"""A scripted SIP phone in one object: registers, calls, is called. Everything is timers and callbacks on one loop, so
hundreds of calls need no task; ``close`` leaves no socket, timer or registration behind."""

from __future__ import annotations

import asyncio
import secrets
import time
from collections import deque
from pathlib import Path
from types import TracebackType
from typing import Self

from m3voip.phones.behaviour import Behaviour, Choose, NeverAnswer
from m3voip.phones.call import Call, Line
from m3voip.phones.errors import PhoneError, PhoneTimeoutError
from m3voip.phones.incoming import IncomingCall
from m3voip.phones.media.g711 import Codec
from m3voip.phones.media.rtp import RtpStream
from m3voip.phones.media.sdp import Session
from m3voip.phones.media.sounds import Sound
from m3voip.phones.media.srtp import new_key
from m3voip.phones.media.ticker import Ticker
from m3voip.phones.outgoing import OutgoingCall
from m3voip.phones.registration import Registration
from m3voip.phones.sip.message import Address, Message, address_of, param, response_to
from m3voip.phones.sip.transaction import ServerTransaction
from m3voip.phones.sip.transport import TransportName, client_tls
from m3voip.phones.ua import ALLOW, UserAgent


class Softphone:
    """A phone of ``username`` at the server ``address:port``; without a username a caller from a trunk. Use as an
    async context manager, or ``open``/``close``. Give phones of one process one ``ticker``. Audio is SRTP (SDES) over
    TLS and plain otherwise, unless ``srtp`` says so. ``inside``: the address a phone behind a NAT takes for its own, and
    writes into all it sends."""

    def __init__(
        self, address: str, port: int, transport: TransportName = "udp", username: str = "", password: str = "", *,
        local_host: str = "127.0.0.1", local_port: int = 0, tls_ca: Path | None = None, srtp: bool | None = None,
        codecs: tuple[Codec, ...] = ("ulaw", "alaw"), ticker: Ticker | None = None, keep_audio: bool = True,
        inside: Address | None = None,
    ) -> None:  # fmt: skip
        self.on_invite: Behaviour | Choose = NeverAnswer()
        self.calls: list[Call] = []
        """Live calls, in the order they began."""
        self.received: list[IncomingCall] = []
        """Every call received since the phone was opened; a phone that runs for days may clear it."""
        self.notified: deque[Message] = deque(maxlen=100)
        """The last NOTIFY requests outside calls, e.g. message-waiting."""
        self._local_host = local_host
        self._codecs = codecs
        self._inside = inside
        self._srtp = transport == "tls" if srtp is None else srtp
        self._ticker = ticker or Ticker()
        self._keep_audio = keep_audio
        self._arrived = asyncio.Event()
        tls = client_tls(tls_ca) if transport == "tls" else None
        self._ua = UserAgent(
            server=(address, port), transport=transport, username=username, password=password,
            local=(local_host, local_port), inside=inside, tls=tls, on_request=self._request,
        )  # fmt: skip
        self.registration = Registration(self._ua)

    # Life

    async def open(self) -> Self:
        """Bind or connect. Raises OSError; ssl.SSLError where the server's certificate is not trusted."""
        await self._ua.open()
        return self

    async def close(self) -> None:
        """Hang up what is up, unregister (2 s at most), close every socket."""
        try:
            async with asyncio.timeout(2):
                for call in list(self.calls):
                    await call.hangup()
                if self.registration.active:
                    await self.registration.unregister()
        except (TimeoutError, PhoneError):
            pass  # nobody there any more; what is ours is closed below all the same
        finally:
            self.drop()

    def drop(self) -> None:
        """Close everything at once without a word, as a power cut does."""
        for call in list(self.calls):
            call.abandon()
        self._ua.close()

    async def __aenter__(self) -> Self:
        """Open."""
        return await self.open()

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        """Close."""
        await self.close()

    @property
    def uri(self) -> str:
        """A SIP URI that reaches this phone directly."""
        return self._ua.contact.strip("<>")

    @property
    def address(self) -> Address:
        """Host and port our SIP leaves from."""
        return self._ua.local

    # Registering

    async def register(self, expires: int = 300) -> None:
        """Register and refresh until closed. Raises RegistrationRefusedError (401 wrong password, 408 nobody there)."""
        await self.registration.register(expires)

    async def unregister(self) -> None:
        """Take the registration back."""
        await self.registration.unregister()

    async def reconnect(self) -> None:
        """After the server was away: a new connection (TCP, TLS) or socket (UDP); register again yourself."""
        await self._ua.open()

    def vanish(self) -> None:
        """Neither hear nor send anything from now on, sockets open: a phone behind a dead link."""
        self._ua.layer.blackhole = True
        for call in self.calls:
            call.vanish()

    def come_back(self) -> None:
        """The link is up again; calls that vanished stay dead."""
        self._ua.layer.blackhole = False

    # Calling

    async def dial(
        self, target: str, *, tone: int | None = None, sound: Sound | None = None, caller_id: str = "",
        caller_name: str = "", headers: dict[str, str] | None = None,
    ) -> OutgoingCall:  # fmt: skip
        """Call a number at the server, or a whole ``sip:`` URI directly. Returns once the INVITE is on its way."""
        host, port = self._ua.server
        uri = target if target.startswith("sip") else f"sip:{target}@{host}:{port}"
        to = address_of(uri) if target.startswith("sip") else self._ua.server
        name = f'"{caller_name}" ' if caller_name else ""
        caller = f"{name}<sip:{caller_id or self._ua.username or 'anonymous'}@{self._local_host}>"
        call = OutgoingCall(self._line(), uri, caller)
        if said := sound or tone:
            call.say(said)
        self.calls.append(call)
        call.start(to, headers or {})
        return call

    async def next_call(self, within: float = 5.0, *, after: int | None = None) -> IncomingCall:
        """The next call received; with ``after`` the one following that many (0 = the first ever)."""
        wanted = len(self.received) if after is None else after
        deadline = time.monotonic() + within
        while len(self.received) <= wanted:
            self._arrived.clear()
            try:
                async with asyncio.timeout(deadline - time.monotonic()):
                    await self._arrived.wait()
            except TimeoutError:
                raise PhoneTimeoutError(f"{self._ua.username or 'phone'} was not called within {within} s") from None
        return self.received[wanted]

    def _line(self) -> Line:
        stream = RtpStream(self._local_host, self._ticker, keep=self._keep_audio)
        key = new_key() if self._srtp else ""
        session = Session(address=self._inside or stream.address, codecs=self._codecs, srtp_key=key)
        return Line(ua=self._ua, stream=stream, session=session, on_end=self._ended)

    def _ended(self, call: Call) -> None:
        if call in self.calls:
            self.calls.remove(call)

    # Requests from outside

    def _request(self, server: ServerTransaction) -> None:
        request = server.request
        tag = param(request.get("To"), "tag")
        if tag:
            for call in self.calls:
                if call.call_id == request.get("Call-ID") and call.dialog.local_tag == tag:
                    call.receive(server)
                    return
            if request.method != "ACK":
                self._reply(server, 481, "Call/Transaction Does Not Exist")
            return
        match request.method:
            case "INVITE":
                self._invited(server)
            case "CANCEL":
                self._cancelled(server)
            case "OPTIONS":
                self._reply(server, 200, "OK")
            case "NOTIFY":
                self.notified.append(request)
                self._reply(server, 200, "OK")
            case "ACK":
                pass
            case _:
                self._reply(server, 405, "Method Not Allowed")

    def _invited(self, server: ServerTransaction) -> None:
        call = IncomingCall(self._line(), server)
        self.calls.append(call)
        self.received.append(call)
        behaviour = self.on_invite(call) if callable(self.on_invite) else self.on_invite
        behaviour.begin(call)
        self._arrived.set()

    def _cancelled(self, server: ServerTransaction) -> None:
        for call in self.calls:
            if isinstance(call, IncomingCall) and call.invite.branch == server.request.branch:
                call.cancelled(server)
                return
        self._reply(server, 481, "Call/Transaction Does Not Exist")

    def _reply(self, server: ServerTransaction, status: int, reason: str) -> None:
        response = response_to(server.request, status, reason, secrets.token_hex(4))
        response.headers += [("Allow", ALLOW), ("Contact", self._ua.contact)]
        server.reply(response)

    @property
    def messages_waiting(self) -> bool | None:
        """The message-waiting lamp by the last NOTIFY (RFC 3842); None before the first."""
        for notify in reversed(self.notified):
            if b"Messages-Waiting" in notify.body:
                return b"messages-waiting: yes" in notify.body.lower()
        return None
