"""API keys: how one is made, written and recognised. Law: the plain text is shown once and never stored; what is stored is
an HMAC-SHA256 keyed with a pepper that the database does not hold."""

from __future__ import annotations

import re
from base64 import b32encode, urlsafe_b64encode
from collections.abc import Callable, Iterable
from dataclasses import dataclass
from hashlib import sha256
from hmac import new as hmac

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


def is_key(text: str) -> bool:
    """Whether a bearer token means to be an API key (and not a user's token)."""
    return text.startswith("m3v_")


def sorted_scopes(scopes: Iterable[str]) -> list[str]:
    """Scopes as they are stored and shown."""
    return sorted({str(scope) for scope in scopes})
