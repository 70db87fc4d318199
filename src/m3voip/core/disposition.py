"""How a call came out, as its agent says. Pure.

The contract's ten outcomes are what everything else goes by; a tenant's own code means one of them. Codes are never changed
and never deleted, because calls name them; one that is not ``active`` can be given no longer.
"""

from __future__ import annotations

from collections.abc import Collection
from datetime import datetime
from enum import StrEnum

from msgspec import Struct


class Outcome(StrEnum):
    """The contract's outcomes (crm-contract, "Disposition codes")."""

    ANSWERED = "ANSWERED"
    NO_ANSWER = "NO_ANSWER"
    BUSY = "BUSY"
    VOICEMAIL = "VOICEMAIL"
    CALLBACK = "CALLBACK"
    INTERESTED = "INTERESTED"
    NOT_INTERESTED = "NOT_INTERESTED"
    DO_NOT_CALL = "DO_NOT_CALL"
    WRONG_NUMBER = "WRONG_NUMBER"
    DISCONNECTED = "DISCONNECTED"


class Required(StrEnum):
    """What a code can demand beside itself."""

    NOTES = "notes"
    NEXT_ATTEMPT_AT = "next_attempt_at"


class Fault(Struct, frozen=True):
    """What is wrong with a disposition: ``field`` must be as ``message`` says."""

    field: str
    message: str


def fault(
    *, active: bool, required: Collection[str], notes: str, next_attempt_at: datetime | None, now: datetime
) -> Fault | None:
    """Why a code cannot be given with these fields; None when it can."""
    if not active:
        return Fault("outcomeCode", "is out of use; choose one whose active is true.")
    if Required.NOTES in required and not notes.strip():
        return Fault("notes", "must be said with this outcomeCode.")
    if Required.NEXT_ATTEMPT_AT in required and next_attempt_at is None:
        return Fault("nextAttemptAt", "must be said with this outcomeCode.")
    if next_attempt_at is not None and next_attempt_at <= now:
        return Fault("nextAttemptAt", "must be in the future.")
    return None
