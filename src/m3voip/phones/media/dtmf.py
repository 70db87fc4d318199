"""Digits as RFC 4733 events: the packets of one key press, and reading them back without doubling."""

from __future__ import annotations

import struct

EVENTS = "0123456789*#ABCD"
_VOLUME = 10
_STEP = 160


def key_press(digit: str, milliseconds: int) -> list[tuple[bool, bytes]]:
    """(marker, payload) of each 20 ms packet; all carry the RTP timestamp of the first, the end is sent three times
    (RFC 4733 §2.5.1.4). Raises ValueError for a character that is no key."""
    if len(digit) != 1 or digit.upper() not in EVENTS:
        raise ValueError(f"{digit!r} is no key")
    event = EVENTS.index(digit.upper())
    steps = max(2, milliseconds // 20)
    presses = [(step == 1, struct.pack("!BBH", event, _VOLUME, step * _STEP)) for step in range(1, steps + 1)]
    end = struct.pack("!BBH", event, 0x80 | _VOLUME, steps * _STEP)
    return [*presses, *[(False, end)] * 3]


class KeyReader:
    """Turns event packets into digits: one per RTP timestamp, at its first packet."""

    def __init__(self) -> None:
        self.digits = ""
        self._last: int | None = None

    def read(self, timestamp: int, payload: bytes) -> str | None:
        """The digit, where this packet begins one."""
        if len(payload) < 4 or timestamp == self._last or payload[0] >= len(EVENTS):
            return None
        self._last = timestamp
        digit = EVENTS[payload[0]]
        self.digits += digit
        return digit
