"""API keys: how one is made, written and recognised. Law: the plain text is shown once and never stored; what is stored is
an HMAC-SHA256 keyed with a pepper that the database does not hold."""

from __future__ import annotations

import re
from base64 import b32encode, urlsafe_b64encode
from collections.abc import Callable, Iterable
from dataclasses import dataclass
from datetime import UTC, datetime
from hashlib import sha256
from hmac import new as hmac
from os import urandom
from uuid import UUID

import asyncpg

from m3voip.core.ids import uuid7
from m3voip.storage.postgres.admin import api_keys

_FORM = re.compile(r"m3v_([a-z0-9]{8,16})_([A-Za-z0-9-]{32,64})")
"""Neither part holds an underscore, so the three parts are unambiguous."""


@dataclass(frozen=True, slots=True, kw_only=True)
class PlainKey:
    """A key as its owner holds it. ``prefix`` finds its row, ``secret`` proves it."""

    prefix: str
    secret: str

    def __str__(self) -> str:
        return f"m3v_{self.prefix}_{self.secret}"

    def __repr__(self) -> str:
        return f"PlainKey({self.prefix}, …)"

    def digest(self, pepper: bytes) -> bytes:
        """What is stored: 32 bytes."""
        return hmac(pepper, f"{self.prefix}.{self.secret}".encode(), sha256).digest()


def new_key(random_bytes: Callable[[int], bytes]) -> PlainKey:
    """A fresh key: 60 bits to find it by, 256 bits of secret."""
    prefix = b32encode(random_bytes(10)).decode().lower()[:12]
    secret = urlsafe_b64encode(random_bytes(32)).decode().rstrip("=").replace("_", "-")
    return PlainKey(prefix=prefix, secret=secret)


def parse_key(text: str) -> PlainKey | None:
    """The key in a bearer token, or None when it does not have a key's form."""
    found = _FORM.fullmatch(text)
    return PlainKey(prefix=found[1], secret=found[2]) if found else None


async def ensure_key(
    connection: asyncpg.Connection,
    plain_key: str,
    *,
    tenant_id: UUID,
    scopes: Iterable[str],
    name: str,
    pepper: str,
) -> UUID:
    """Make a key whose text somebody else generated (``m3voip stack``) usable, with these scopes; answers its id.

    ``pepper`` is ``settings.key_pepper``. Call it as often as you like, as the schema's owner, or as m3voip_api unless the
    pepper has changed. Raises ValueError when the text does not have a key's form (see ``new_key``).
    """
    key = parse_key(plain_key)
    if key is None:
        raise ValueError("an API key looks like m3v_<8 to 16 of a-z0-9>_<32 to 64 of A-Za-z0-9->")
    async with connection.transaction():
        await connection.execute(
            "SELECT set_config('m3voip.tenant_id', $1, true), set_config('m3voip.key_prefix', $2, true)",
            str(tenant_id),
            key.prefix,
        )
        return await api_keys.ensure(
            connection,
            tenant_id,
            uuid7(datetime.now(UTC), urandom(10)),
            name=name,
            prefix=key.prefix,
            digest=key.digest(pepper.encode()),
            scopes=sorted({str(scope) for scope in scopes}),
        )
