"""What storage raises when it cannot do its work."""

from __future__ import annotations

from m3voip.core.errors import M3voipError, ProviderError


class StorageUnavailable(ProviderError):  # noqa: N818 (the port's name for it)
    """Postgres is away or did not answer in time. Nothing is known of the statement's fate; ask again."""

    def __init__(self, message: str, *, retryable: bool = True) -> None:
        super().__init__(message, retryable=retryable)


class MigrationError(M3voipError):
    """The schema is not what the migration files say, or they cannot be applied."""


class VaultConflictError(M3voipError):
    """Other content is already stored under this key."""
