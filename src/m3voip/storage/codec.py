"""Facts as JSON: the one spelling that the journal, Postgres and the stream share, so a fact is encoded once.

A row is ``{"call_id":…,"tenant_id":…,"seq":…,"at":…,"fact":{"kind":…,…}}``; a body is rows joined by commas, without the
brackets around them, so bodies can be joined again. In call_event the kind has a column of its own and ``payload`` holds the
other fields.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from datetime import datetime
from uuid import UUID

import msgspec
from msgspec import Raw, Struct

from m3voip.core.facts import AnyFact, Recorded, decode_fact, encode_fact

_encode = msgspec.json.Encoder().encode
_decode = msgspec.json.Decoder(list[Recorded]).decode
_NUL, _REPLACED = rb"\u0000", rb"\ufffd"


class StoredEvent(Struct, frozen=True, kw_only=True):
    """A committed row of call_event. ``id`` orders all events; ``payload`` is the fact's JSON without its kind."""

    id: int
    tenant_id: UUID
    call_id: UUID
    seq: int
    at: datetime
    kind: str
    payload: Raw


def encode_rows(rows: Sequence[Recorded]) -> bytes:
    """A body. Postgres cannot store NUL in text, so it becomes U+FFFD here, where every fact passes."""
    return encode_json(rows)[1:-1]


def encode_json(value: object) -> bytes:
    """JSON that Postgres takes."""
    body = _encode(value)
    return body.replace(_NUL, _REPLACED) if _NUL in body else body


def decode_rows(body: bytes) -> list[Recorded]:
    """The rows of a body. Raises msgspec.DecodeError when it is not one (written by another version)."""
    return _decode(b"[" + body + b"]")


def stored_fact(kind: str, payload: str) -> AnyFact:
    """The fact in a row of call_event."""
    rest = payload.lstrip()[1:].lstrip()
    fact: AnyFact = decode_fact(f'{{"kind":"{kind}"{"" if rest.startswith("}") else ","}{rest}')
    return fact


def stored_events(first_id: int, rows: Iterable[Recorded]) -> Iterator[StoredEvent]:
    """Rows as they stand in call_event, ids counting from ``first_id``. Lazy: costs nothing where nobody listens."""
    for place, row in enumerate(rows):
        kind = str(type(row.fact).__struct_config__.tag)
        fields = encode_fact(row.fact)[len(kind) + len('{"kind":""') :]
        yield StoredEvent(
            id=first_id + place,
            tenant_id=row.tenant_id,
            call_id=row.call_id,
            seq=row.seq,
            at=row.at,
            kind=kind,
            payload=Raw(b"{" + fields.removeprefix(b",")),
        )
