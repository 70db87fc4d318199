"""The one base of our exceptions. Expected outcomes are values; exceptions are for bugs and broken pipes."""

from __future__ import annotations


class M3voipError(Exception):
    """Base of every error that this program raises on purpose."""


class ProviderError(M3voipError):
    """A part outside did not do as asked. ``retryable`` is decided where it is raised."""

    def __init__(self, message: str, *, retryable: bool) -> None:
        super().__init__(message)
        self.retryable = retryable
