"""Why the database said no, in words that know neither SQL nor HTTP."""

from __future__ import annotations


class Refusal(Exception):  # noqa: N818 (an expected outcome, not a bug)
    """Base: an expected no."""


class Missing(Refusal):
    """There is no such thing in this tenant (a foreign one is the same)."""

    def __init__(self, what: str) -> None:
        super().__init__(f"no such {what}")
        self.what = what


class Duplicate(Refusal):
    """Another ``what`` already has this value of ``field``."""

    def __init__(self, what: str, field: str) -> None:
        super().__init__(f"another {what} has this {field}")
        self.what = what
        self.field = field


class Unknown(Refusal):
    """``field`` names a ``what`` that does not exist."""

    def __init__(self, what: str, field: str) -> None:
        super().__init__(f"{field} names no {what}")
        self.what = what
        self.field = field


class Impossible(Refusal):
    """The values do not go together: ``message`` says what ``field`` must be."""

    def __init__(self, field: str, message: str) -> None:
        super().__init__(message)
        self.field = field
        self.message = message


class InUse(Refusal):
    """``what`` cannot go because ``by`` uses it."""

    def __init__(self, what: str, by: str, field: str = "id") -> None:
        super().__init__(f"{what} is used by {by}")
        self.what = what
        self.by = by
        self.field = field
