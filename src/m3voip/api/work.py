"""One unit of work in the database, for one tenant. Law: every statement of a request runs in a transaction that has named
its tenant, so row-level security holds; if Postgres does not answer in time the client hears so within two seconds."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from uuid import UUID

import asyncpg
import structlog
from asyncpg.pool import PoolConnectionProxy

from m3voip.api.errors import integration_down

log = structlog.get_logger()

Db = PoolConnectionProxy

_CONNECT_SECONDS = 1.2
_WORK_SECONDS = 1.8
_STATEMENT_MILLISECONDS = "1500"

_AWAY = (
    OSError,
    TimeoutError,
    asyncpg.PostgresConnectionError,
    asyncpg.CannotConnectNowError,
    asyncpg.AdminShutdownError,
    asyncpg.CrashShutdownError,
    asyncpg.TooManyConnectionsError,
    asyncpg.QueryCanceledError,
    asyncpg.ReadOnlySQLTransactionError,
)


@asynccontextmanager
async def tenant_work(pool: asyncpg.Pool, tenant_id: UUID) -> AsyncIterator[Db]:
    """A connection in a transaction of this tenant; committed at the end, rolled back by any exception.

    Raises ApiError INTEGRATION_DOWN when Postgres is away or takes longer than 1.8 s.
    """
    async with _work(pool) as db:
        await db.execute(
            "SELECT set_config('m3voip.tenant_id', $1, true), set_config('statement_timeout', $2, true)",
            str(tenant_id),
            _STATEMENT_MILLISECONDS,
        )
        yield db


@asynccontextmanager
async def key_work(pool: asyncpg.Pool, prefix: str) -> AsyncIterator[Db]:
    """The same before the tenant is known: only the row of one API key can be seen."""
    async with _work(pool) as db:
        await db.execute(
            "SELECT set_config('m3voip.key_prefix', $1, true), set_config('statement_timeout', $2, true)",
            prefix,
            _STATEMENT_MILLISECONDS,
        )
        yield db


@asynccontextmanager
async def _work(pool: asyncpg.Pool) -> AsyncIterator[Db]:
    try:
        async with asyncio.timeout(_WORK_SECONDS), pool.acquire(timeout=_CONNECT_SECONDS) as db, db.transaction():
            yield db
    except _AWAY as error:
        log.warning("api.postgres_away", why=type(error).__name__)
        raise integration_down("Postgres") from error
    except asyncpg.InterfaceError as error:
        if "clos" not in str(error):  # closed, closing; anything else is a bug of ours
            raise
        log.warning("api.postgres_away", why=type(error).__name__)
        raise integration_down("Postgres") from error
