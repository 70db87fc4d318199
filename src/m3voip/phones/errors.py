"""What can go wrong on a phone. Every error carries the SIP status where there is one, and the call's story."""

from __future__ import annotations


class PhoneError(Exception):
    """Base of everything a phone raises."""


class PhoneTimeoutError(PhoneError, TimeoutError):
    """Something expected did not happen in time; the text says what, and what happened instead."""


class SipError(PhoneError):
    """The other side answered with a final SIP status of 300 or more (408 also when it did not answer at all)."""

    def __init__(self, status: int, reason: str, about: str) -> None:
        super().__init__(f"{about}: {status} {reason}")
        self.status = status
        self.reason = reason


class RegistrationRefusedError(SipError):
    """The registrar did not accept us: 401/403 wrong credentials, 404 unknown, 408 no answer."""


class CallRefusedError(SipError):
    """The call was not answered: 486 busy, 603 declined, 487 cancelled, 408 no answer ..."""
