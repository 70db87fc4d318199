"""We mint every id. Ids are UUIDs in version-7 layout (RFC 9562 §5.7): they sort by time, so keyset paging is free.

Pure: time and randomness are arguments.
"""

from __future__ import annotations

from datetime import datetime
from hashlib import sha256
from uuid import UUID

_VERSION_7 = 0x7 << 76
_VARIANT = 0b10 << 62


def _layout(milliseconds: int, tail: int) -> UUID:
    """48 bits of time, version, 12 bits, variant, 62 bits; ``tail`` supplies the 74 free bits."""
    rand_a = (tail >> 62) & 0xFFF
    rand_b = tail & ((1 << 62) - 1)
    return UUID(int=(milliseconds & ((1 << 48) - 1)) << 80 | _VERSION_7 | rand_a << 64 | _VARIANT | rand_b)


def uuid7(now: datetime, randomness: bytes) -> UUID:
    """A fresh id; ``randomness`` is at least 10 bytes from the operating system."""
    return _layout(int(now.timestamp() * 1000), int.from_bytes(randomness[:10], "big"))


def derived_id(created: datetime, *names: str) -> UUID:
    """The same id for the same names: how a crash between hearing of a thing and writing it down cannot make two.

    Used for inbound calls: the names are the telephony node's identity and its own name for the caller's leg.
    """
    digest = sha256("\x00".join(names).encode()).digest()
    return _layout(int(created.timestamp() * 1000), int.from_bytes(digest[:10], "big"))


def step_id(call_id: UUID, seq: int, what: str) -> str:
    """The id of something a call makes at one point of its life (a playback, a request): repeatable, so idempotent."""
    return f"{call_id}-{seq}-{what}"
