"""panoramisk's AMI protocol, with what we had to change in it.

Law: bytes become messages here and nothing else happens. Differences from panoramisk 1.4, each a fault we met:
- it decodes every chunk by itself, so a character that spans two chunks is lost: messages are cut first, then decoded;
- it parses every event: those nobody reads are dropped by their name (they are most of the stream);
- actions that ask for a list never get a refusal: `ListAction` ends on any error;
- actions without an answer are repeated after a reconnect, when they are wrong: they fail instead (`on_lost`).
"""

from __future__ import annotations

from collections.abc import Callable, Container, Sequence

from panoramisk.actions import Action
from panoramisk.ami_protocol import AMIProtocol
from panoramisk.manager import Manager
from panoramisk.message import Message

_END = b"\r\n\r\n"
_EVENT = b"Event: "
LARGEST_MESSAGE = 1 << 20
"""A message of more bytes is no AMI; it would grow for ever."""


class Peer(Manager):
    """What panoramisk's protocol reports to. Its own connection keeping is not used; see `supervised`."""

    def __init__(self, *, on_event: Callable[[Message], None], on_lost: Callable[[str], None]) -> None:
        super().__init__()
        self._on_event = on_event
        self._on_lost = on_lost

    def dispatch(self, event: Message) -> None:
        """An event that is no part of an answer."""
        self._on_event(event)

    def connection_lost(self, exc: object) -> None:
        """The socket is gone, or Asterisk said Shutdown."""
        self._on_lost("shutdown" if isinstance(exc, Message) else "lost")


class ListAction(Action):
    """An action whose answer is the list of all its messages, the response first."""

    def add_message(self, message: Message) -> bool:
        """Take a message in; returns whether the answer is complete."""
        self.responses.append(message)
        failed = message.get("Response", "Success") != "Success"
        complete = failed or message.get("EventList", "") == "Complete" or message.get("Event", "").endswith("Complete")
        if complete and not self.future.done():
            self.future.set_result(self.responses)
        return complete


class AmiProtocol(AMIProtocol):
    """One connection. `wanted` are the names of events to parse, `stray` is told when bytes are no AMI."""

    def __init__(self, peer: Peer, wanted: Container[bytes], on_unknown: Callable[[], None]) -> None:
        self._peer = peer
        self._wanted = wanted
        self._on_unknown = on_unknown
        self._rest = b""

    def connection_made(self, transport: object) -> None:
        """The socket is open."""
        super().connection_made(transport)
        self.factory = self._peer
        self.encoding = "utf8"

    def data_received(self, data: bytes) -> None:
        """Cut the stream into messages, drop those nobody reads, hand over the rest."""
        *blocks, self._rest = (self._rest + data).split(_END)
        if len(self._rest) > LARGEST_MESSAGE:
            self.transport.abort()
        for block in blocks:
            if block.startswith(_EVENT) and b"\r\nActionID: " not in block:
                name = block[len(_EVENT) : block.find(b"\r\n")]
                if name not in self._wanted:
                    self._on_unknown()
                    continue
            message = Message.from_line(block.decode(errors="replace"))
            if message is not None:
                self.handle_message(message)

    def close(self) -> None:
        """Let go of the socket; nothing is kept for a later connection."""
        self.closed = True
        self.responses.clear()
        self.transport.abort()


def as_dicts(messages: Message | Sequence[Message]) -> list[dict[str, str]]:
    """Plain dictionaries with AMI's own spelling of names."""
    return [dict(message.items()) for message in ([messages] if isinstance(messages, Message) else messages)]
