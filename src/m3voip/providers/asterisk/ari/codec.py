"""Bytes of the ARI socket ↔ our types.

Law: a message is parsed once, and only when somebody reads its type. Asterisk writes `"type"` first in nearly every
message, so the type is cut out of the first bytes and chooses the decoder; an unknown type costs no parsing and no
exception. Cost on the CI machine: 1.3 µs for a StasisStart, 0.3 µs for an unknown event.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import msgspec

from m3voip.providers.asterisk.ari.errors import AriError, is_retryable
from m3voip.providers.asterisk.ari.events import EVENTS, Event
from m3voip.providers.asterisk.ari.request import Request

_TYPE_FIRST = b'{"type":"'
ANSWER_PREFIX = b'{"type":"RESTResponse"'

LARGEST_FRAME = 65_000
"""Asterisk takes a frame of 65,000 bytes and closes the socket (1009) on one of 70,000; HTTP bodies fare no better."""


class Answer(msgspec.Struct, frozen=True, gc=False):
    """RESTResponse. `message_body` stays undecoded (a JSON string holding JSON) until somebody asks."""

    request_id: str
    status_code: int
    reason_phrase: str = ""
    message_body: msgspec.Raw = msgspec.Raw()

    def text(self) -> str:
        """The body's JSON, empty when there is none."""
        return _text(self.message_body) if bytes(self.message_body) else ""


class _Type(msgspec.Struct, gc=False):
    type: str


class _Refusal(msgspec.Struct, gc=False):
    message: str = ""
    error: str = ""


_text = msgspec.json.Decoder(str).decode
_type = msgspec.json.Decoder(_Type).decode
_refusal = msgspec.json.Decoder(_Refusal).decode
read_answer: Callable[[bytes], Answer] = msgspec.json.Decoder(Answer).decode
_quote_json = msgspec.json.Encoder().encode

DECODERS: dict[bytes, Callable[[bytes], Event]] = {
    name.encode(): msgspec.json.Decoder(kind).decode for name, kind in EVENTS.items()
}
"""Event type → its decoder; raises msgspec.ValidationError when a message does not fit."""


def message_type(message: bytes) -> bytes:
    """The message's `type`. Raises msgspec.DecodeError when it has none."""
    if message.startswith(_TYPE_FIRST):
        return message[9 : message.find(b'"', 9)]
    return _type(message).type.encode()  # ChannelHangupRequest has cause and soft before its type


def write_request(request_id: str, request: Request[Any]) -> bytes:
    """The frame of a request. `uri` needs no escaping: `safe` lets nothing through that JSON would have to escape."""
    head = f'{{"type":"RESTRequest","request_id":"{request_id}","method":"{request.route.method}","uri":"{request.uri}"'
    if not request.body:
        return f"{head}}}".encode()
    body = _quote_json(request.body.decode())
    return b'%b,"content_type":"application/json","message_body":%b}' % (head.encode(), body)


def refusal(answer: Answer) -> AriError:
    """The error that an answer of 400 or more stands for."""
    return refusal_of(answer.status_code, answer.reason_phrase, answer.text())


def refusal_of(status: int, reason: str, body: str) -> AriError:
    """The same from its parts."""
    try:
        said = _refusal(body) if body else _Refusal()
    except msgspec.DecodeError:
        said = _Refusal()
    return AriError(status, said.message or said.error or reason, retryable=is_retryable(status))
