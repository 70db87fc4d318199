"""What can go wrong between us and ARI.

Law: every failure says whether Asterisk may have acted (`outcome_unknown`) and whether asking again can help
(`retryable`). A command whose outcome is unknown is never repeated blindly: the ids are ours, so recovery can ask.
"""

from __future__ import annotations

from m3voip.core.errors import M3voipError


class AriError(M3voipError):
    """Asterisk answered no, or could not be asked.

    `status` is ARI's HTTP status, 0 where there was no answer. `message` is Asterisk's own text.
    """

    outcome_unknown = False

    def __init__(self, status: int, message: str, *, retryable: bool = False) -> None:
        super().__init__(f"{status} {message}" if status else message)
        self.status = status
        self.message = message
        self.retryable = retryable


class AriTimeout(AriError):  # noqa: N818  # the family is AriError; the rest of the name says which
    """No answer in time; Asterisk may or may not have acted."""

    outcome_unknown = True

    def __init__(self, message: str) -> None:
        super().__init__(0, message)


class AriDisconnected(AriError):  # noqa: N818  # the family is AriError; the rest of the name says which
    """The connection ended before the answer came; Asterisk may or may not have acted."""

    outcome_unknown = True

    def __init__(self, message: str) -> None:
        super().__init__(0, message)


class AriNotSent(AriError):  # noqa: N818  # the family is AriError; the rest of the name says which
    """Nothing was sent: there is no connection, or too many requests are waiting. Trying later can help."""

    def __init__(self, message: str) -> None:
        super().__init__(0, message, retryable=True)


class AriReplaced(AriError):  # noqa: N818  # the family is AriError; the rest of the name says which
    """Another client took our application name over (ApplicationReplaced). Terminal: this client commands nothing more,
    because two owners of one application would fight over the same calls (R-11)."""

    def __init__(self) -> None:
        super().__init__(0, "another client took the application over")


class UnsafeValue(AriError):  # noqa: N818  # the family is AriError; the rest of the name says which
    """A value is outside its whitelist, so nothing was sent (invariant 4)."""

    def __init__(self, what: str) -> None:
        super().__init__(0, f"{what} holds characters that are not allowed there")


def is_retryable(status: int) -> bool:
    """500 and 503 are Asterisk's passing troubles; everything else would be said again."""
    return status in (500, 502, 503)
