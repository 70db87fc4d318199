"""PINs as they are stored: scrypt over a keyed hash, so that neither the database alone nor the pepper alone tells a PIN of
four digits. Law: a PIN is never logged, stored or shown; what is compared is compared in constant time."""

from __future__ import annotations

import re
from base64 import b64decode, b64encode
from hashlib import scrypt, sha256
from hmac import compare_digest
from hmac import new as hmac

PIN = r"^[0-9]{4,10}$"
_IS_PIN = re.compile(PIN)
_COST = 2**13
_MEMORY = 32 * 1024 * 1024


def hash_pin(pin: str, pepper: bytes, salt: bytes) -> str:
    """``scrypt$<salt>$<digest>``; ``salt`` is 16 random bytes."""
    return f"scrypt${_text(salt)}${_text(_digest(pin, pepper, salt))}"


def is_pin(pin: str, pepper: bytes, stored: str) -> bool:
    """Whether this is the stored PIN. Takes as long when nothing is stored ("")."""
    _, salt, digest = stored.split("$") if stored else ("", _text(bytes(16)), "")
    same = compare_digest(_digest(pin, pepper, b64decode(salt)), b64decode(digest))
    return same and _IS_PIN.fullmatch(pin) is not None


def _digest(pin: str, pepper: bytes, salt: bytes) -> bytes:
    keyed = hmac(pepper, b"pin\x00" + pin.encode(), sha256).digest()
    return scrypt(keyed, salt=salt, n=_COST, r=8, p=1, maxmem=_MEMORY, dklen=32)


def _text(raw: bytes) -> str:
    return b64encode(raw).decode()
