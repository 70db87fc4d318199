"""Where the answers come from: Postgres, asked from threads, never longer than a caller may wait.

Law: asking is synchronous and ends within `BUDGET_S`; when Postgres is away it raises AnswersAway at once or in time, and
the dialplan goes on by its own file.
"""

from __future__ import annotations

import asyncio
import threading
from collections.abc import Callable, Coroutine
from concurrent.futures import TimeoutError as FutureTimeout
from dataclasses import dataclass
from typing import Any, Protocol, TypeVar
from uuid import UUID

import asyncpg
from asyncpg.pool import PoolConnectionProxy

from m3voip.core.errors import ProviderError
from m3voip.core.office import node_box, node_name
from m3voip.providers.asterisk.agi.floor_rules import place_by_rules

T = TypeVar("T")

BUDGET_S = 0.7
"""For Postgres; the whole conversation has a second, and the dialplan gives up after three."""

CONNECT_S = 0.5

_FLOOR = """
select d.tenant_id, coalesce(fq.name, q.name, rq.name, '') as queue, coalesce(fm.box, fqm.box, rm.box, '') as box, 1 as rank
  from did d
  left join queue q on q.id = d.queue_id
  left join route_target rt on rt.route_id = d.route_id and rt.field = 'otherwise'
  left join queue rq on rq.id = rt.queue_id
  left join mailbox rm on rm.id = rt.mailbox_id
  left join queue fq on fq.id = d.floor_queue_id
  left join mailbox fm on fm.id = d.floor_mailbox_id
  left join mailbox fqm on fqm.id = coalesce(fq.mailbox_id, q.mailbox_id, rq.mailbox_id)
 where d.active and d.digits = $1
union all
select t.tenant_id, coalesce(q.name, ''), coalesce(m.box, ''), 2
  from tenant t
  left join queue q on q.id = t.floor_queue_id
  left join mailbox m on m.id = t.floor_mailbox_id
 where t.tenant_id = coalesce((select tenant_id from did where active and digits = $1), $2)
 order by rank"""
"""The number's own floor or what its route does otherwise, then that of its company (of the default one for a number nobody
knows)."""

_BLOCKED = """
select exists (
  select from blocked_caller
   where digits = $1 and (until is null or until > now())
     and tenant_id = coalesce((select tenant_id from did where active and digits = $2), $3))"""


class AnswersAway(ProviderError):  # noqa: N818  # an outcome the questions expect
    """Postgres did not answer in time."""

    def __init__(self, why: str) -> None:
        super().__init__(f"no answer from Postgres: {why}", retryable=True)


@dataclass(frozen=True, slots=True, kw_only=True)
class Floor:
    """Where plain Asterisk sends a caller, in Asterisk's names; either may be empty, not both."""

    queue: str
    box: str


class FloorAnswers(Protocol):
    """What the questions need to know. Called from any thread; raises AnswersAway."""

    def floor_for(self, digits: str, caller: str) -> Floor | None:
        """Where a number (digits of E.164) leads `caller`; None when nobody has said."""
        ...

    def is_blocked(self, caller: str, called: str) -> bool:
        """Whether the company that owns `called` turns `caller` away; both are digits of E.164."""
        ...


class PostgresAnswers:
    """FloorAnswers by the engine's role. Owns one thread with an event loop, because asyncpg needs one."""

    def __init__(self, dsn: str, default_tenant: UUID, *, most: int = 4) -> None:
        self._dsn = dsn
        self._default_tenant = default_tenant
        self._most = most
        self._pool: asyncpg.Pool | None = None
        self._loop = asyncio.new_event_loop()
        self._thread = threading.Thread(target=self._loop.run_forever, name="agi postgres", daemon=True)
        self._thread.start()

    def floor_for(self, digits: str, caller: str) -> Floor | None:
        """See FloorAnswers."""
        return self._ask(self._floor(digits, caller)) if digits else None

    def is_blocked(self, caller: str, called: str) -> bool:
        """See FloorAnswers."""
        return self._ask(self._blocked(caller, called))

    def run(self, work: Callable[[PoolConnectionProxy], Coroutine[Any, Any, T]]) -> T:
        """Do some work on a connection, in a transaction. Raises AnswersAway; what the work raises passes through."""

        async def on_a_connection() -> T:
            async with (await self._ready()).acquire() as connection, connection.transaction():
                return await work(connection)

        return self._ask(on_a_connection())

    def close(self) -> None:
        """End the connections and the thread."""

        async def end() -> None:
            if self._pool is not None:
                self._pool.terminate()

        asyncio.run_coroutine_threadsafe(end(), self._loop).result(BUDGET_S)
        self._loop.call_soon_threadsafe(self._loop.stop)
        self._thread.join(BUDGET_S)
        self._loop.close()

    def _ask(self, question: Coroutine[Any, Any, T]) -> T:
        answer = asyncio.run_coroutine_threadsafe(question, self._loop)
        try:
            return answer.result(BUDGET_S)
        except FutureTimeout as error:
            answer.cancel()
            raise AnswersAway("too slow") from error
        except (OSError, asyncpg.PostgresError, asyncpg.InterfaceError, asyncpg.InternalClientError) as error:
            raise AnswersAway(type(error).__name__) from error

    async def _ready(self) -> asyncpg.Pool:
        if self._pool is None:
            self._pool = await asyncpg.create_pool(
                self._dsn,
                min_size=0,  # so that making it does not need Postgres
                max_size=self._most,
                timeout=CONNECT_S,
                command_timeout=BUDGET_S,
                server_settings={"application_name": "m3voip agi"},
            )
        return self._pool

    async def _floor(self, digits: str, caller: str) -> Floor | None:
        pool = await self._ready()
        by_rules = await place_by_rules(pool, digits, caller)
        rows = await pool.fetch(_FLOOR, digits, self._default_tenant)
        places = [(row["tenant_id"], row["queue"], row["box"]) for row in rows]
        default = self._default_tenant
        for tenant, queue, box in [by_rules, *places] if by_rules else places:
            if queue or box:
                return Floor(
                    queue=node_name(tenant, default, queue) if queue else "",
                    box=node_box(tenant, default, box) if box else "",
                )
        return None

    async def _blocked(self, caller: str, called: str) -> bool:
        found = await (await self._ready()).fetchval(_BLOCKED, caller, called, self._default_tenant)
        return bool(found)
