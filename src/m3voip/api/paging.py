"""Lists by keyset: a page ends at a row, and the next begins after that row, whatever was inserted meanwhile.

Law: a cursor is opaque and signed for its tenant and list; a client can neither read a key out of order nor cross lists.
"""

from __future__ import annotations

from base64 import urlsafe_b64decode, urlsafe_b64encode
from binascii import Error as Base64Error
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from hashlib import sha256
from hmac import compare_digest
from hmac import new as hmac
from typing import Annotated, TypeVar
from uuid import UUID

from fastapi import Depends, Query

from m3voip.api.errors import invalid

Row = TypeVar("Row")

_SIGNATURE = 12


class Cursors:
    """Writes and reads cursors."""

    def __init__(self, secret: bytes) -> None:
        self._secret = secret

    def write(self, tenant_id: UUID, of: str, key: str) -> str:
        """The cursor after the row whose key is ``key`` in the list ``of``."""
        text = key.encode()
        return urlsafe_b64encode(self._sign(tenant_id, of, text) + text).decode().rstrip("=")

    def read(self, tenant_id: UUID, of: str, cursor: str) -> str:
        """The key in a cursor; raises ApiError VALIDATION_FAILED when it is not one of this list and tenant."""
        try:
            raw = urlsafe_b64decode(cursor + "=" * (-len(cursor) % 4)) if cursor.isascii() else b""
        except (Base64Error, ValueError):
            raw = b""
        text = raw[_SIGNATURE:]
        if not text or not compare_digest(raw[:_SIGNATURE], self._sign(tenant_id, of, text)):
            raise invalid("cursor", "is not a cursor of this list; start again without it.")
        return text.decode()

    def _sign(self, tenant_id: UUID, of: str, text: bytes) -> bytes:
        return hmac(self._secret, b"\x00".join((b"cursor", tenant_id.bytes, of.encode(), text)), sha256).digest()[
            :_SIGNATURE
        ]


@dataclass(frozen=True, slots=True)
class Paging:
    """Which page of a list."""

    limit: int
    cursor: str | None


async def _paging(
    limit: Annotated[int, Query(ge=1, le=200, description="rows a page, 1 to 200", examples=[50])] = 50,
    cursor: Annotated[str | None, Query(max_length=500, description="`nextCursor` of the page before")] = None,
) -> Paging:
    return Paging(limit, cursor)


Pages = Annotated[Paging, Depends(_paging)]


def cut(rows: Sequence[Row], limit: int, key: Callable[[Row], str]) -> tuple[Sequence[Row], str | None]:
    """Split ``limit + 1`` fetched rows into the page and the key after which the next one begins, None at the end."""
    return (rows[:limit], key(rows[limit - 1])) if len(rows) > limit else (rows, None)
