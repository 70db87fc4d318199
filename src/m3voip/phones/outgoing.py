"""A call we place: INVITE, early media, the answer's ACK, CANCEL before an answer (RFC 3261 §13)."""

from __future__ import annotations

import secrets

from m3voip.phones.call import Call, Line
from m3voip.phones.facts import CallEnd, CallState, cause_of
from m3voip.phones.media import sdp
from m3voip.phones.sip.dialog import Dialog
from m3voip.phones.sip.message import Address, Message
from m3voip.phones.ua import ALLOW, Exchange


class OutgoingCall(Call):
    """The INVITE leaves with ``start``."""

    def __init__(self, line: Line, target: str, caller: str) -> None:
        dialog = Dialog(
            call_id=secrets.token_hex(12), local=f"{caller};tag={secrets.token_hex(4)}", remote=f"<{target}>",
            target=target,
        )  # fmt: skip
        super().__init__(line, dialog)
        self.exchange: Exchange | None = None
        self._to: Address = line.ua.server
        self._cancel_wanted = False
        self._cancel_sent = False

    def start(self, to: Address, headers: dict[str, str]) -> None:
        """Send the INVITE."""
        self._to = to
        invite = self.dialog.request("INVITE", self.ua.next_cseq(), self.ua.via(), self.ua.contact)
        invite.headers += [("Allow", ALLOW), ("Content-Type", "application/sdp"), *headers.items()]
        invite.body = sdp.offer_or_answer(self._mine, self._version)
        self.exchange = self.ua.send(invite, to, self._receive_response)

    def _receive_response(self, response: Message) -> None:
        if self._vanished:
            return
        if response.status >= 300:
            ours = self._cancel_wanted and response.status in (487, 408)
            self._finish(CallEnd(by="us" if ours else "them", status=response.status, reason=response.reason,
                                 cause=cause_of(response)))  # fmt: skip
        elif response.status >= 200:
            self._accepted(response)
        else:
            self._progress(response)

    def _progress(self, response: Message) -> None:
        self._mark("trying")
        if self._cancel_wanted:
            self._cancel()
        if response.status > 100 and self.state is CallState.CALLING:
            self.state = CallState.RINGING
            self._mark("ringing")
        theirs = sdp.read(response.body)
        if theirs is not None and self.end is None:
            self._talk_to(theirs)

    def _accepted(self, response: Message) -> None:
        if "answered" in self.moments:  # the 200 came again: our ACK was lost
            self._acknowledge(response)
            return
        self.dialog.established_by(response)
        self._acknowledge(response)
        theirs = sdp.read(response.body)
        if self.end is not None or theirs is None or self._cancel_wanted:
            self._send("BYE", lambda _: None)
            self._finish(CallEnd(by="us", reason="" if theirs else "answer without audio"))
            return
        self.state = CallState.ANSWERED
        self._mark("answered")
        self._talk_to(theirs)

    def give_up(self) -> None:
        """BYE after the answer, CANCEL before it (as soon as the other side has said anything, RFC 3261 §9.1)."""
        if self.state in (CallState.CALLING, CallState.RINGING):
            self._cancel_wanted = True
            if self.exchange is not None and self.exchange.transaction.provisional:
                self._cancel()
        else:
            self.bye()

    def _cancel(self) -> None:
        if self._cancel_sent or self.exchange is None:
            return
        self._cancel_sent = True
        invite = self.exchange.request
        kept = [(n, v) for n, v in invite.headers if n in ("Via", "Max-Forwards", "From", "To", "Call-ID", "Route")]
        cancel = Message(method="CANCEL", uri=invite.uri, headers=[*kept, ("CSeq", f"{invite.cseq[0]} CANCEL")])
        self._tell("cancel")
        self.ua.send(cancel, self._to, lambda _: None)
