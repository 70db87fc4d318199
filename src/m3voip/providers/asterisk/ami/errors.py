"""What can go wrong between us and AMI; the same three questions as for ARI: what was said, may it have happened all the
same, does asking again help."""

from __future__ import annotations

from m3voip.core.errors import M3voipError


class AmiError(M3voipError):
    """Asterisk answered `Response: Error`, or could not be asked. `message` is Asterisk's own text."""

    outcome_unknown = False

    def __init__(self, message: str, *, retryable: bool = False) -> None:
        super().__init__(message)
        self.message = message
        self.retryable = retryable


class AmiTimeout(AmiError):  # noqa: N818  # the family is AmiError; the rest of the name says which
    """No answer in time."""

    outcome_unknown = True


class AmiDisconnected(AmiError):  # noqa: N818  # as above
    """The connection ended before the answer came."""

    outcome_unknown = True


class AmiNotSent(AmiError):  # noqa: N818  # as above
    """There is no connection; nothing was sent."""

    def __init__(self) -> None:
        super().__init__("AMI is not connected", retryable=True)


class AmiLoginRefused(AmiError):  # noqa: N818  # as above
    """Wrong user or secret. panoramisk itself says nothing about it."""


class UnsafeValue(AmiError):  # noqa: N818  # as above
    """A value is outside its whitelist, so nothing was sent. AMI ends a line with CR LF: one in a value would be another
    action (invariant 4, bar S-01)."""

    def __init__(self, what: str) -> None:
        super().__init__(f"{what} holds characters that are not allowed there")
