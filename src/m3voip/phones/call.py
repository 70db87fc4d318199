"""One call as a phone sees it, placed or received: keys, hold, transfer, hang-up, and the other side's requests."""

from __future__ import annotations

import asyncio
import re
from collections.abc import Callable
from dataclasses import dataclass, replace

from m3voip.phones.errors import CallRefusedError, PhoneError
from m3voip.phones.facts import CallEnd, CallState, cause_of
from m3voip.phones.media import sdp, srtp
from m3voip.phones.media.g711 import Codec
from m3voip.phones.media.rtp import RtpStream
from m3voip.phones.media.sounds import Sound, tone
from m3voip.phones.sip.dialog import Dialog
from m3voip.phones.sip.message import Message, response_to
from m3voip.phones.sip.transaction import ServerTransaction
from m3voip.phones.ua import ALLOW, UserAgent
from m3voip.phones.watched import Watched


@dataclass(frozen=True, slots=True, kw_only=True)
class Line:
    """What the phone gives to each of its calls."""

    ua: UserAgent
    stream: RtpStream
    session: sdp.Session
    """Our side of the audio."""
    on_end: Callable[[Call], None]


class Call(Watched):
    """What calls placed and calls received have in common."""

    def __init__(self, line: Line, dialog: Dialog) -> None:
        super().__init__(dialog, line.stream)
        self.ua = line.ua
        self.transfer_status = 0
        """SIP status of the last NOTIFY about our REFER."""
        self._mine = line.session
        self._version = 1
        self._on_end = line.on_end
        self._vanished = False
        self._their_key = ""
        if line.session.srtp_key:
            line.stream.protect = srtp.Protect(line.session.srtp_key)

    # Acting

    def say(self, what: int | Sound) -> None:
        """Say a tone (Hz) or a sound from now on."""
        self.stream.play(tone(what) if isinstance(what, int) else what)

    async def send_digits(self, digits: str, press: int = 100, pause: int = 100) -> None:
        """Press keys by RFC 4733, ``press`` ms each with ``pause`` ms after it. Raises PhoneError where the call ends
        before the last or the other side takes no telephone-events."""
        if self.state is not CallState.ANSWERED or not self.stream.takes_keys:
            raise PhoneError(f"cannot press {digits!r}: {self.state}, telephone-event {self.stream.takes_keys}")
        self._tell(f"pressing {digits}")
        waiting = [self.stream.press(digit, press, pause) for digit in digits]
        await asyncio.wait(waiting)
        if any(key.cancelled() for key in waiting):
            raise PhoneError(f"call ended while pressing {digits!r}; story: {'; '.join(self.story)}")

    def bye(self) -> None:
        """End an answered call at once; nothing happens to any other. A vanished one ends without a word."""
        if self.state is CallState.ANSWERED and not self._vanished:
            self._send("BYE", lambda _: None)
        if self.state is CallState.ANSWERED or self._vanished:
            self._finish(CallEnd(by="us"))

    def give_up(self) -> None:
        """End it in whatever state it is, without waiting: BYE, and before the answer CANCEL or a refusal."""
        self.bye()

    async def hangup(self, within: float = 5.0) -> CallEnd:
        """End it and wait until that is so. An ended call just says how it ended."""
        self.give_up()
        return await self.ended(within)

    async def hold(self, on: bool = True) -> None:
        """Put the other side on hold (re-INVITE sendonly) or take it back. Raises CallRefusedError."""
        answers: list[Message] = []
        self._version += 1
        mine = self._described("sendonly" if on else "sendrecv")
        self.stream.sending = not on  # whoever holds says nothing; the other side hears music on hold
        self._send("INVITE", lambda m: self._reinvited(m, answers), sdp.offer_or_answer(mine, self._version))
        await self._until(lambda: bool(answers), 10.0, "answer to re-INVITE")
        if answers[0].status >= 300:
            raise CallRefusedError(answers[0].status, answers[0].reason, "re-INVITE")

    def _reinvited(self, response: Message, answers: list[Message]) -> None:
        if response.status >= 200:
            if response.status < 300:
                self._acknowledge(response)
            answers.append(response)
            self._changed.set()

    async def transfer(self, target: str, within: float = 10.0) -> None:
        """Blind transfer by REFER to a SIP URI; waits for 202 or CallRefusedError. Then watch ``transfer_status``."""
        answers: list[Message] = []

        def answered(response: Message) -> None:
            if response.status >= 200:
                answers.append(response)
                self._changed.set()

        self._send("REFER", answered, b"", [("Refer-To", f"<{target}>"), ("Referred-By", self.dialog.local)])
        await self._until(lambda: bool(answers), within, "answer to REFER")
        if answers[0].status >= 300:
            raise CallRefusedError(answers[0].status, answers[0].reason, "REFER")

    def vanish(self) -> None:
        """From now on neither answer nor send anything for this call, as after a power cut."""
        self._vanished = True
        self.stream.deaf, self.stream.sending = True, False
        self._tell("vanished")

    # The dialog

    def _send(
        self, method: str, on_response: Callable[[Message], None], body: bytes = b"",
        extra: list[tuple[str, str]] | None = None,
    ) -> None:  # fmt: skip
        request = self.dialog.request(method, self.ua.next_cseq(), self.ua.via(), self.ua.contact)
        request.headers += extra or []
        if body:
            request.headers.append(("Content-Type", "application/sdp"))
            request.body = body
        self.ua.send(request, self.dialog.next_hop(), on_response)

    def _acknowledge(self, answer: Message) -> None:
        ack = self.dialog.request("ACK", answer.cseq[0], self.ua.via(), self.ua.contact)
        self.ua.layer.send(ack, self.dialog.next_hop())

    def _described(self, direction: sdp.Direction = "sendrecv") -> sdp.Session:
        return replace(self._mine, direction=direction)

    def _talk_to(self, theirs: sdp.Session) -> None:
        """Start or move the audio to what the other side described."""
        codec: Codec = next((c for c in theirs.codecs if c in self._mine.codecs), "ulaw")
        self.stream.sending = theirs.direction in ("sendrecv", "recvonly") and not self._vanished
        if theirs.direction in ("sendonly", "inactive"):
            self._mark("held")
        if theirs.srtp_key and theirs.srtp_key != self._their_key:  # only at a new key: a counter must not start anew
            self._their_key = theirs.srtp_key
            self.stream.unprotect = srtp.Unprotect(theirs.srtp_key)
        self.stream.start(theirs.address, codec, theirs.event_type)

    def receive(self, server: ServerTransaction) -> None:
        """A request inside this call's dialog."""
        if self._vanished:
            return
        request = server.request
        match request.method:
            case "ACK":
                self._acknowledged(request)
            case "BYE":
                self.reply(server, 200, "OK")
                self._finish(CallEnd(by="them", reason=request.get("Reason"), cause=cause_of(request)))
            case "INVITE" | "UPDATE":
                self._refresh(server)
            case "NOTIFY":
                if found := re.search(rb"SIP/2\.0 (\d+)", request.body):
                    self.transfer_status = int(found[1])
                    self._tell(f"transfer {self.transfer_status}")
                self.reply(server, 200, "OK")
            case "INFO":
                if found := re.search(rb"^Signal\s*=\s*([0-9A-D*#])", request.body, re.MULTILINE):
                    self.stream.keys.digits += found[1].decode()
                self._tell("INFO")
                self.reply(server, 200, "OK")
            case "OPTIONS" | "MESSAGE":
                self._tell(request.method)
                self.reply(server, 200, "OK")
            case _:
                self.reply(server, 501, "Not Implemented")

    def _acknowledged(self, ack: Message) -> None:
        """The ACK of a 2xx; only calls received care."""

    def _refresh(self, server: ServerTransaction) -> None:
        self.dialog.refreshed_by(server.request)
        offer = sdp.read(server.request.body)
        if offer is None:
            body = sdp.offer_or_answer(self._described(), self._version) if server.request.method == "INVITE" else b""
            self.reply(server, 200, "OK", body)
            return
        chosen = sdp.answer(self._mine, offer)
        if chosen is None:
            self.reply(server, 488, "Not Acceptable Here")
            return
        self._version += 1
        self._tell(f"{server.request.method} {offer.direction}")
        self._talk_to(offer)
        self.reply(server, 200, "OK", sdp.offer_or_answer(chosen, self._version))

    def reply(self, server: ServerTransaction, status: int, reason: str, body: bytes = b"") -> None:
        """Answer a request of this dialog."""
        response = response_to(server.request, status, reason, self.dialog.local_tag)
        response.headers += [("Contact", self.ua.contact), ("Allow", ALLOW)]
        if body:
            response.headers.append(("Content-Type", "application/sdp"))
            response.body = body
        server.reply(response)

    def _finish(self, end: CallEnd) -> None:
        if self.end is not None:
            return
        self.end = end
        self.state = CallState.ENDED
        self._mark("ended")
        self._tell(f"ended by {end.by} {end.status or ''} {end.reason}".strip())
        self.stream.close()
        self._on_end(self)

    def abandon(self) -> None:
        """Forget it without a word to anybody (the phone is being closed)."""
        self._finish(CallEnd(by="us", reason="phone closed"))
