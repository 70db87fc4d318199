"""A call we receive: ring, answer, decline, be cancelled (RFC 3261 §13.3). What to do is a Behaviour's decision."""

from __future__ import annotations

import secrets

from m3voip.phones.call import Call, Line
from m3voip.phones.facts import CallEnd, CallState, cause_of
from m3voip.phones.media import sdp
from m3voip.phones.media.sounds import Sound, tone
from m3voip.phones.sip.dialog import answered_dialog
from m3voip.phones.sip.message import Message, user_of
from m3voip.phones.sip.transaction import ServerTransaction

_REASONS = {480: "Temporarily Unavailable", 486: "Busy Here", 488: "Not Acceptable Here", 503: "Service Unavailable",
            603: "Decline", 604: "Does Not Exist Anywhere"}  # fmt: skip


class IncomingCall(Call):
    """``invite`` is the request as it came."""

    def __init__(self, line: Line, server: ServerTransaction) -> None:
        self.invite: Message = server.request
        self._server = server
        self._offer = sdp.read(server.request.body)
        self._acked = False
        super().__init__(line, answered_dialog(server.request, secrets.token_hex(4)))

    @property
    def caller_id(self) -> str:
        """The user part of From: the number that calls."""
        return user_of(self.invite.get("From"))

    @property
    def offer(self) -> sdp.Session | None:
        """What the caller offered; None for an INVITE without a description."""
        return self._offer

    def ring(self) -> None:
        """Send 180."""
        if self.state is CallState.CALLING:
            self.state = CallState.RINGING
            self.reply(self._server, 180, "Ringing")
            self._mark("ringing")

    def answer(self, sound: int | Sound | None = None) -> None:
        """Send 200 and talk: a tone (Hz), a sound or silence. 488 where nothing is in common."""
        if self.state not in (CallState.CALLING, CallState.RINGING):
            return
        if sound is not None:
            self.stream.play(tone(sound) if isinstance(sound, int) else sound)
        chosen = sdp.answer(self._mine, self._offer) if self._offer else self._mine
        if chosen is None:
            self.decline(488)
            return
        self.state = CallState.ANSWERED
        self._mark("answered")
        self.reply(self._server, 200, "OK", sdp.offer_or_answer(chosen, self._version))
        if self._offer:
            self._talk_to(self._offer)

    def decline(self, status: int = 603) -> None:
        """Refuse with a final status of 300 or more."""
        if self.state in (CallState.CALLING, CallState.RINGING):
            self.reply(self._server, status, _REASONS.get(status, "Refused"))
            self._finish(CallEnd(by="us", status=status, reason=_REASONS.get(status, "Refused")))

    def give_up(self) -> None:
        """BYE after the answer, 603 before it."""
        self.decline(603)
        self.bye()

    def cancelled(self, server: ServerTransaction) -> None:
        """The caller gave up: 200 to the CANCEL, 487 to the INVITE."""
        if self._vanished:
            return
        self.reply(server, 200, "OK")
        if self.state in (CallState.CALLING, CallState.RINGING):
            self.reply(self._server, 487, "Request Terminated")
            self._finish(CallEnd(by="them", status=487, reason=server.request.get("Reason"),
                                 cause=cause_of(server.request)))  # fmt: skip

    def _acknowledged(self, ack: Message) -> None:
        self._server.acknowledged()
        if self._acked:
            return
        self._acked = True
        self._mark("acknowledged")
        if self._offer is None and (theirs := sdp.read(ack.body)):
            self._talk_to(theirs)
