"""Takes a Postgres that just started to where the service can use it: roles, schema, and once the sample office."""

from __future__ import annotations

from m3voip.stack import roles
from m3voip.stack.errors import StackError
from m3voip.stack.paths import Folders
from m3voip.stack.preparation import Prepared
from m3voip.stack.seed import seed
from m3voip.storage.errors import MigrationError, StorageUnavailable
from m3voip.storage.postgres.migrate import migrate


async def fill(folders: Folders, prepared: Prepared, *, seeded: bool) -> None:
    """Idempotent. Raises StackError where the schema cannot be brought up to date."""
    assert prepared.settings.owner_dsn is not None  # preparation wrote it
    await roles.provide(folders, prepared.ports, prepared.secrets)
    try:
        await migrate(prepared.settings.owner_dsn.get_secret_value())
    except (MigrationError, StorageUnavailable) as error:
        raise StackError(f"the database cannot be used as it is: {error}") from error
    if seeded:
        await seed(prepared.settings, prepared.secrets)
