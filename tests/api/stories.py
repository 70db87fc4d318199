"""Calls as the engine would have written them: facts through the one door into Postgres."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import UTC, datetime, timedelta
from os import urandom
from uuid import UUID

import asyncpg

from m3voip.core import facts as f
from m3voip.core.causes import EndReason
from m3voip.core.ids import uuid7
from m3voip.storage.postgres.commit import Commits


class Writer:
    """Commits facts as the engine's writer does."""

    def __init__(self, connection: asyncpg.Connection, commits: Commits) -> None:
        self.connection = connection
        self._commits = commits

    async def write(self, *rows: f.Recorded, told: bool = True) -> None:
        """``told`` False: a commit whose outcome the writer did not hear of, so nobody is told."""
        commits = self._commits if told else Commits()
        async with commits.turn():
            await commits.commit(self.connection, rows)


def new_id(at: datetime | None = None) -> UUID:
    return uuid7(at or datetime.now(UTC), urandom(10))


def story(tenant: UUID, call: UUID, began: datetime, *facts: f.AnyFact, after_seq: int = 0) -> Sequence[f.Recorded]:
    """Facts a second apart."""
    return [
        f.Recorded(call, tenant, after_seq + n, began + timedelta(seconds=after_seq + n - 1), fact)
        for n, fact in enumerate(facts, 1)
    ]


def started(caller: str = "15557654321", did: str = "15550100100", name: str = "") -> f.CallStarted:
    return f.CallStarted(
        leg=f"leg-{urandom(4).hex()}", did=did, caller=caller, caller_name=name, tree="main", tree_version=1
    )


def to_agent(extension: str = "101", queue: str = "sales") -> tuple[f.AnyFact, ...]:
    return (
        f.NodeEntered(node="welcome", verb="menu"),
        f.QueueEntered(queue=queue, visit=1, record=True, timeout_s=30),
        f.QueuePositionKnown(queue=queue, position=1),
        f.OfferMade(extension=extension),
        f.CallConnected(extension=extension, queue=queue, waited_s=3.0),
    )


def ended(talk_s: float = 12.0) -> tuple[f.AnyFact, ...]:
    return (
        f.TalkEnded(extension="101", talked_s=talk_s, by_caller=True),
        f.CallEnded(reason=EndReason.CALLER_HUNG_UP, cause=16, duration_s=20.0, talk_s=talk_s),
    )
