"""One unit of work in the database, for one tenant. Law: every statement of a request runs in a transaction that has named
its tenant, so row-level security holds; all units of one request together get less than two seconds, so a client hears
within that time that Postgres is away."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from uuid import UUID

from asyncpg.pool import PoolConnectionProxy

from m3voip.storage.postgres.pool import Pool

Db = PoolConnectionProxy

REQUEST_SECONDS = 1.8
_LEAST_SECONDS = 0.2


class Deadline:
    """How much of its time a request has left. Made when the request comes in."""

    __slots__ = ("_until",)

    def __init__(self, seconds: float = REQUEST_SECONDS) -> None:
        self._until = asyncio.get_running_loop().time() + seconds

    def left(self) -> float:
        """Seconds, at least a fifth, so that a late unit of work can say itself that it failed."""
        return max(_LEAST_SECONDS, self._until - asyncio.get_running_loop().time())


@asynccontextmanager
async def tenant_work(pool: Pool, tenant_id: UUID, deadline: Deadline) -> AsyncIterator[Db]:
    """A connection in a transaction of this tenant; committed at the end, rolled back by any exception. Raises
    StorageUnavailable."""
    async with pool.tenant(tenant_id, deadline.left()) as db:
        yield db


@asynccontextmanager
async def key_work(pool: Pool, prefix: str, deadline: Deadline) -> AsyncIterator[Db]:
    """The same before the tenant is known: only the row of one API key can be seen."""
    async with pool.transaction(deadline.left()) as db:
        await db.execute("SELECT set_config('m3voip.key_prefix', $1, true)", prefix)
        yield db
