"""Brings the schema to what migrations/*.sql say. Law: one transaction a file, under a lock that lets one migrator work at a
time; a file that has been applied is never changed, which its stored checksum proves.

``python -m m3voip.storage.postgres.migrate DSN [up|pending|down N]`` is the same from the command line.
"""

from __future__ import annotations

import asyncio
import re
import sys
from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass
from hashlib import sha256
from pathlib import Path

import asyncpg

from m3voip.storage.errors import MigrationError, StorageUnavailable

OWNER = "m3voip_owner"
_NAME = re.compile(r"(?P<name>\d{4}_[a-z0-9_]+)\.sql")
_LOCK = 0x6D33_6D69  # "m3mi"
_LEDGER = """
create table if not exists migration (
  name text primary key, sha256 text not null, applied_at timestamptz not null default now());
grant select on migration to public
"""


@dataclass(frozen=True, slots=True, kw_only=True)
class Migration:
    """One file, and the one that undoes it."""

    name: str
    up: str
    down: str
    checksum: str


def folder() -> Path:
    """Where the files are: beside the package when installed, else in the checkout."""
    installed = Path(__file__).parent / "migrations"
    return installed if installed.is_dir() else Path(__file__).parents[4] / "migrations"


def read(where: Path | None = None) -> list[Migration]:
    """All migrations in order. Raises MigrationError when one has no way back."""
    found = []
    for path in sorted((where or folder()).glob("*.sql")):
        match = _NAME.fullmatch(path.name)
        if match is None:
            continue
        back = path.with_name(f"{match['name']}.down.sql")
        if not back.exists():
            raise MigrationError(f"{path.name} has no {back.name}")
        text = path.read_text()
        found.append(
            Migration(name=match["name"], up=text, down=back.read_text(), checksum=sha256(text.encode()).hexdigest())
        )
    if not found:
        raise MigrationError(f"no migrations in {where or folder()}")
    return found


async def migrate(dsn: str, *, where: Path | None = None) -> list[str]:
    """Apply what is missing; answers the names applied. ``dsn`` is the owner's, or of a role that may become the owner."""
    files = await asyncio.to_thread(read, where)
    async with _locked(dsn) as connection:
        missing = _missing(files, await _applied(connection))
        for migration in missing:
            async with connection.transaction():
                await _run(connection, migration.name, migration.up)
                await connection.execute(
                    "insert into migration (name, sha256) values ($1, $2)", migration.name, migration.checksum
                )
    return [migration.name for migration in missing]


async def pending(dsn: str, *, where: Path | None = None) -> list[str]:
    """What ``migrate`` would apply. Any role may ask. Raises MigrationError when an applied file has changed since."""
    files = await asyncio.to_thread(read, where)
    async with _connected(dsn) as connection:
        return [migration.name for migration in _missing(files, await _applied(connection))]


async def down(dsn: str, steps: int, *, where: Path | None = None) -> list[str]:
    """Undo the newest ``steps`` migrations, newest first; answers their names. Data in their tables is lost."""
    files = {migration.name: migration for migration in await asyncio.to_thread(read, where)}
    undone: list[str] = []
    async with _locked(dsn) as connection:
        for name in sorted(await _applied(connection), reverse=True)[:steps]:
            if name not in files:
                raise MigrationError(f"{name} was applied by a newer version; undo it with that version")
            async with connection.transaction():
                await _run(connection, name, files[name].down)
                await connection.execute("delete from migration where name = $1", name)
            undone.append(name)
    return undone


def _missing(files: Sequence[Migration], applied: dict[str, str]) -> list[Migration]:
    for migration in files:
        if applied.get(migration.name, migration.checksum) != migration.checksum:
            raise MigrationError(
                f"{migration.name} was changed after it had been applied; write a new migration instead"
            )
    missing = [migration for migration in files if migration.name not in applied]
    if missing and applied and missing[0].name < max(applied):
        raise MigrationError(f"{missing[0].name} comes before {max(applied)}, which is applied already; renumber it")
    return missing


async def _applied(connection: asyncpg.Connection) -> dict[str, str]:
    if await connection.fetchval("select to_regclass('public.migration')") is None:
        return {}
    return {row["name"]: row["sha256"] for row in await connection.fetch("select name, sha256 from migration")}


async def _run(connection: asyncpg.Connection, name: str, text: str) -> None:
    try:
        await connection.execute(text)
    except asyncpg.PostgresError as error:
        hint = f" ({error.hint})" if getattr(error, "hint", None) else ""
        raise MigrationError(f"{name}: {error}{hint}") from error


@asynccontextmanager
async def _connected(dsn: str) -> AsyncIterator[asyncpg.Connection]:
    try:
        connection = await asyncpg.connect(dsn, timeout=10)
    except (OSError, TimeoutError, asyncpg.PostgresError) as error:
        raise StorageUnavailable(f"cannot connect to Postgres: {error}") from error
    try:
        yield connection
    finally:
        await connection.close(timeout=5)


@asynccontextmanager
async def _locked(dsn: str) -> AsyncIterator[asyncpg.Connection]:
    async with _connected(dsn) as connection:
        await _become_owner(connection)
        # A session lock: it goes with the connection, however that ends.
        await connection.execute(f"select pg_advisory_lock({_LOCK})")
        # Rather fail than stand in front of everybody's writes (bar E-10).
        await connection.execute("set lock_timeout = '3s'")
        await connection.execute(_LEDGER)
        yield connection


async def _become_owner(connection: asyncpg.Connection) -> None:
    if await connection.fetchval("select current_user") == OWNER:
        return
    try:
        await connection.execute(f"set role {OWNER}")
    except asyncpg.PostgresError as error:
        raise MigrationError(
            f"migrations run as {OWNER}: {error}; create the roles first (`m3voip stack up` does)"
        ) from error


def main(arguments: Sequence[str]) -> int:
    """The command line: DSN and what to do."""
    dsn, what = arguments[0], arguments[1] if len(arguments) > 1 else "up"
    if what == "down":
        names = asyncio.run(down(dsn, int(arguments[2])))
    else:
        names = asyncio.run(migrate(dsn) if what == "up" else pending(dsn))
    sys.stdout.write("".join(f"{name}\n" for name in names))
    return 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
