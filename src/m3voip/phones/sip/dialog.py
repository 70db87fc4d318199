"""A dialog: what both ends must remember to send each other requests (RFC 3261 §12)."""

from __future__ import annotations

import secrets
from dataclasses import dataclass, field

from m3voip.phones.sip.message import Address, Message, address_of, param, uri_of


def new_branch() -> str:
    """A transaction id (RFC 3261 §8.1.1.7)."""
    return "z9hG4bK" + secrets.token_hex(8)


@dataclass(slots=True, kw_only=True)
class Dialog:
    """``local`` and ``remote`` are From/To values as we would write them, tags included once known."""

    call_id: str
    local: str
    remote: str
    target: str
    """URI that requests are sent to: the other side's Contact."""
    routes: list[str] = field(default_factory=list)

    @property
    def local_tag(self) -> str:
        """Our tag: with the Call-ID it identifies the dialog on our side."""
        return param(self.local, "tag")

    def established_by(self, answer: Message) -> None:
        """We called: learn the other side's tag, contact and route from a response."""
        if param(answer.get("To"), "tag"):
            self.remote = answer.get("To")
        self._retarget(answer)
        self.routes = list(reversed(answer.get_all("Record-Route")))

    def _retarget(self, message: Message) -> None:
        if contact := message.get("Contact"):
            self.target = uri_of(contact)

    def refreshed_by(self, message: Message) -> None:
        """A re-INVITE or UPDATE may move the other side's contact."""
        self._retarget(message)

    def request(self, method: str, cseq: int, via: str, contact: str) -> Message:
        """A request inside the dialog."""
        return Message(method=method, uri=self.target, headers=[
            ("Via", via), ("Max-Forwards", "70"), *(("Route", r) for r in self.routes), ("From", self.local),
            ("To", self.remote), ("Call-ID", self.call_id), ("CSeq", f"{cseq} {method}"), ("Contact", contact),
        ])  # fmt: skip

    def next_hop(self) -> Address:
        """Where a request of this dialog goes: the first route, else the target."""
        return address_of(uri_of(self.routes[0]) if self.routes else self.target)


def answered_dialog(invite: Message, local_tag: str) -> Dialog:
    """We are called: the dialog seen from here."""
    return Dialog(
        call_id=invite.get("Call-ID"),
        local=f"{invite.get('To')};tag={local_tag}",
        remote=invite.get("From"),
        target=uri_of(invite.get("Contact")) if invite.get("Contact") else uri_of(invite.get("From")),
        routes=invite.get_all("Record-Route"),
    )
