"""A request to ARI as a value: built pure, sent by whoever holds the connection.

Law: building checks every text against `safe`; sending never looks at it again. A `Route` is a template without ids, so
that metrics have a bounded number of series.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Generic, TypeVar

import msgspec

T = TypeVar("T")
_encode = msgspec.json.Encoder().encode


class Route:
    """Method and path template; compared by identity."""

    __slots__ = ("method", "template")

    def __init__(self, method: str, template: str) -> None:
        self.method = method
        self.template = template

    def __repr__(self) -> str:
        return f"{self.method} {self.template}"


class Request(msgspec.Struct, Generic[T], frozen=True, gc=False):
    """One request. `uri` is relative to `/ari/`, ASCII and already quoted; `body` is JSON or empty; `decode` turns the
    answer's JSON into `T` (None: the answer is not read)."""

    route: Route
    uri: str
    body: bytes = b""
    decode: Callable[[str], T] | None = None


def json_body(value: object) -> bytes:
    """JSON for a request's body."""
    return _encode(value)


def variables_body(values: Mapping[str, str]) -> bytes:
    """The body that carries channel variables, or nothing when there are none; the names must be checked already."""
    return _encode({"variables": values}) if values else b""


def reader(kind: type[T]) -> Callable[[str], T]:
    """A function that reads a JSON text as `kind`; raises msgspec.ValidationError on what does not fit."""
    return msgspec.json.Decoder(kind).decode
