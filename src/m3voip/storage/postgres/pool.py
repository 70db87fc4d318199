"""Connections to Postgres, one kind a purpose, and what "away" means.

Law: who waits for Postgres waits two seconds at most and is then told StorageUnavailable; only the writer waits longer, and
nobody waits for the writer. The API's connections see nothing until a tenant is named (``tenant``).
"""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager
from uuid import UUID

import asyncpg
from asyncpg.pool import PoolConnectionProxy

from m3voip.storage.errors import StorageUnavailable

CONNECT_SECONDS = 1.5
WORK_SECONDS = 2.0
WRITER_SECONDS = 10.0

AWAY = (
    OSError,
    TimeoutError,
    asyncpg.PostgresConnectionError,
    asyncpg.CannotConnectNowError,
    asyncpg.AdminShutdownError,
    asyncpg.CrashShutdownError,
    asyncpg.DatabaseDroppedError,
    asyncpg.InsufficientResourcesError,
    asyncpg.QueryCanceledError,
    asyncpg.ReadOnlySQLTransactionError,
    asyncpg.InternalClientError,
)
"""What is raised when Postgres is not there, starts, stops, is full, or does not answer in time."""

ANY_FAILURE = (OSError, TimeoutError, asyncpg.PostgresError, asyncpg.InterfaceError, asyncpg.InternalClientError)
"""Everything that asyncpg raises."""


class Pool:
    """Connections of one role. Opened lazily: making it does not need Postgres to be there."""

    def __init__(self, dsn: str, *, name: str, most: int = 10) -> None:
        """``name`` is shown in pg_stat_activity."""
        self._pool = asyncpg.create_pool(
            dsn,
            min_size=0,
            max_size=most,
            timeout=CONNECT_SECONDS,
            command_timeout=WORK_SECONDS,
            server_settings={"application_name": name},
        )
        self._open = False
        self._giving_back: set[asyncio.Task[None]] = set()

    @property
    def raw(self) -> asyncpg.Pool:
        """The asyncpg pool, for those with time limits of their own."""
        return self._pool

    async def open(self) -> None:
        """Before the first use; does not connect yet."""
        if not self._open:
            await self._pool
            self._open = True

    async def close(self) -> None:
        """Ends all connections, politely for two seconds."""
        try:
            async with asyncio.timeout(WORK_SECONDS):
                await self._pool.close()
        except TimeoutError:
            self._pool.terminate()

    @asynccontextmanager
    async def connection(self, within: float = WORK_SECONDS) -> AsyncIterator[PoolConnectionProxy]:
        """A connection for work that takes ``within`` seconds at most. Raises StorageUnavailable."""
        deadline = asyncio.get_running_loop().time() + within
        try:
            connection = await self._pool.acquire(timeout=min(CONNECT_SECONDS, within))
            # Cancelling alone would wait for a server that does not answer: for the rollback, then for the reset.
            give_up = asyncio.get_running_loop().call_at(deadline, connection.terminate)
            try:
                async with asyncio.timeout_at(deadline):
                    yield connection
            finally:
                await self._give_back(connection, give_up)
        except AWAY as error:
            raise StorageUnavailable(f"Postgres is away: {type(error).__name__}") from error
        except asyncpg.InterfaceError as error:
            if "clos" not in str(error):  # the connection is closed or closing; anything else is a bug of ours
                raise
            raise StorageUnavailable("Postgres closed the connection") from error

    async def _give_back(self, connection: PoolConnectionProxy, give_up: asyncio.TimerHandle) -> None:
        """The pool resets the connection by a shielded task of its own; whoever is cancelled meanwhile would leave that task's
        error for nobody to read. What was asked is done by now, so a failed reset costs the connection and nothing else."""
        giving_back = asyncio.create_task(self._pool.release(connection), name="postgres-release")
        self._giving_back.add(giving_back)

        def given_back(task: asyncio.Task[None]) -> None:
            give_up.cancel()
            self._giving_back.discard(task)
            if not task.cancelled():
                task.exception()

        giving_back.add_done_callback(given_back)
        await asyncio.wait([giving_back])

    @asynccontextmanager
    async def transaction(self, within: float = WORK_SECONDS) -> AsyncIterator[PoolConnectionProxy]:
        """The same in a transaction."""
        async with self.connection(within) as connection, connection.transaction():
            yield connection

    @asynccontextmanager
    async def tenant(self, tenant_id: UUID, within: float = WORK_SECONDS) -> AsyncIterator[PoolConnectionProxy]:
        """A transaction that sees this tenant's rows and no others (role m3voip_api)."""
        async with self.transaction(within) as connection:
            await connection.execute("select set_config('m3voip.tenant_id', $1, true)", str(tenant_id))
            yield connection


def engine_pool(dsn: str, most: int = 5) -> Pool:
    """Connections of the engine: every tenant."""
    return Pool(dsn, name="m3voip engine", most=most)


def api_pool(dsn: str, most: int = 10) -> Pool:
    """Connections of the API: use ``tenant``."""
    return Pool(dsn, name="m3voip api", most=most)


def writer_connection(dsn: str) -> Callable[[], Awaitable[asyncpg.Connection]]:
    """How the writer gets its own connection. A commit that takes ten seconds counts as failed, its outcome unknown."""

    async def connect() -> asyncpg.Connection:
        return await asyncpg.connect(
            dsn,
            timeout=CONNECT_SECONDS,
            command_timeout=WRITER_SECONDS,
            server_settings={
                "application_name": "m3voip writer",
                "statement_timeout": str(int(WRITER_SECONDS * 1000)),
                "synchronous_commit": "on",
            },
        )

    return connect
