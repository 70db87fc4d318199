"""What is known of a call afterwards: states, times, and how it ended. Values only."""

from __future__ import annotations

import re
from dataclasses import dataclass
from enum import StrEnum
from typing import Literal

from m3voip.phones.sip.message import Message


class CallState(StrEnum):
    """CALLING (we sent or got the INVITE) → RINGING → ANSWERED → ENDED; any may go straight to ENDED."""

    CALLING = "calling"
    RINGING = "ringing"
    ANSWERED = "answered"
    ENDED = "ended"


@dataclass(frozen=True, slots=True)
class Moment:
    """A time on both clocks: ``mono`` to measure with, ``wall`` (seconds since 1970) to compare with records."""

    mono: float
    wall: float


@dataclass(frozen=True, slots=True, kw_only=True)
class CallEnd:
    """How it ended: who ended it, the SIP status of a call never answered (0 = BYE), the Q.850 cause if told."""

    by: Literal["us", "them"]
    status: int = 0
    reason: str = ""
    cause: int | None = None


def cause_of(message: Message) -> int | None:
    """The Q.850 cause of a Reason header (RFC 3326)."""
    found = re.search(r"Q\.850\s*;\s*cause\s*=\s*(\d+)", ",".join(message.get_all("Reason")), re.IGNORECASE)
    return int(found[1]) if found else None
