"""Agents' events into Postgres, and what a new process finds there of every agent.

The writer is the one that facts of calls have (``EventWriter``): journal first, then Postgres in batches, in order, whatever
happens there. This is its door and its spelling for agents; it has a journal of its own.
"""

from __future__ import annotations

from collections.abc import AsyncIterator, Mapping, Sequence
from contextlib import asynccontextmanager
from uuid import UUID

import msgspec

from m3voip.core.agent_state import Agent, AgentFact
from m3voip.storage.codec import encode_json
from m3voip.storage.postgres.commit import Db
from m3voip.storage.postgres.pool import Pool
from m3voip.storage.postgres.queries import load

_SQL = load("agents")
_READ_SECONDS = 30.0

_facts = msgspec.json.Decoder(list[AgentFact])
_agent = msgspec.json.Decoder(Agent)


class AgentCommits:
    """The one door for agents' events. Only the writer uses it, so it is always its turn."""

    @asynccontextmanager
    async def turn(self) -> AsyncIterator[None]:
        """At once."""
        yield

    async def commit(
        self, db: Db, rows: Sequence[AgentFact], *, body: bytes | None = None, strict: bool = True
    ) -> None:
        """Write rows and the states that they come to, in one statement."""
        text = (body if body is not None else self.encode(rows)).decode()
        await db.execute(_SQL["record"], strict, f"[{text}]")

    async def catch_up(self, db: Db) -> None:
        """Nobody is told of these."""

    async def not_yet_stored(self, db: Db, rows: Sequence[AgentFact]) -> list[AgentFact]:
        """Those rows that Postgres does not have."""
        agents = list({row.agent_id for row in rows})
        last = {record["agent_id"]: record["last_seq"] for record in await db.fetch(_SQL["last_seq"], agents)}
        return [row for row in rows if row.seq > last.get(row.agent_id, 0)]

    def encode(self, rows: Sequence[AgentFact]) -> bytes:
        """Rows joined by commas, as ``storage.codec`` does."""
        return encode_json(rows)[1:-1]

    def decode(self, body: bytes) -> list[AgentFact]:
        """The rows of a body. Raises msgspec.DecodeError."""
        return _facts.decode(b"[" + body + b"]")


class PostgresAgents:
    """What was saved of agents, as the engine's role. Raises StorageUnavailable."""

    def __init__(self, pool: Pool) -> None:
        self._pool = pool

    async def saved(self) -> Mapping[UUID, Agent]:
        """Every agent as they were last written down; flush the writer before."""
        async with self._pool.connection(_READ_SECONDS) as db:
            rows = await db.fetch(_SQL["saved"], timeout=_READ_SECONDS)
        return {row["agent_id"]: _agent.decode(row["saved"]) for row in rows}
