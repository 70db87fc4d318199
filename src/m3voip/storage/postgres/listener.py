"""Hears Postgres' notices (LISTEN). Law: a notice is only a hint that there is something to read, so after every connection,
the first too, each handler is called once: whatever was said while nobody listened is found by reading.

Channels: ``m3voip_config`` (payload: the table that changed), ``m3voip_event`` (payload: id of the last event committed),
``m3voip_voicemail`` (payload: the table in which messages came or changed).
"""

from __future__ import annotations

import asyncio
import random
from collections.abc import Awaitable, Callable, Mapping

import asyncpg
import structlog

from m3voip.storage.postgres.pool import ANY_FAILURE, WORK_SECONDS

log = structlog.get_logger()

RETRY_S = (0.1, 2.0)
HEARTBEAT_S = 5.0
"""A connection that answers nothing for this long and then not within two seconds is given up."""

Handler = Callable[[str], None]
"""Gets the payload, "" after a connection. Called in the event loop; must not block or raise."""


class Listener:
    """``run`` is its task: one connection, opened again whenever it breaks."""

    def __init__(
        self, connect: Callable[[], Awaitable[asyncpg.Connection]], handlers: Mapping[str, Handler],
        jitter: Callable[[], float] = random.random,
    ) -> None:  # fmt: skip
        """``handlers`` by channel; the names are ours, never a user's."""
        self._connect = connect
        self._handlers = handlers
        self._jitter = jitter

    async def run(self) -> None:
        """Until cancelled."""
        pause = RETRY_S[0]
        while True:
            connection: asyncpg.Connection | None = None
            try:
                connection = await self._connect()
                await self._listen(connection)
                pause = RETRY_S[0]
                await self._watch(connection)
            except ANY_FAILURE as error:
                log.warning("listener.lost", why=type(error).__name__)
            finally:
                if connection is not None:
                    connection.terminate()
            await asyncio.sleep(pause * (0.5 + self._jitter() / 2))
            pause = min(pause * 2, RETRY_S[1])

    async def _listen(self, connection: asyncpg.Connection) -> None:
        for channel in self._handlers:
            await connection.add_listener(channel, self._heard)
        for handle in self._handlers.values():
            handle("")

    async def _watch(self, connection: asyncpg.Connection) -> None:
        broken = asyncio.Event()
        connection.add_termination_listener(lambda _: broken.set())
        while not broken.is_set():
            try:
                async with asyncio.timeout(HEARTBEAT_S):
                    await broken.wait()
            except TimeoutError:
                await connection.execute("select 1", timeout=WORK_SECONDS)

    def _heard(self, _: object, __: int, channel: str, payload: object) -> None:
        self._handlers[channel](str(payload))
