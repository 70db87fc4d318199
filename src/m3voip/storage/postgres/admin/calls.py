"""Calls as they are read: lists, one call with its parts, its events, and the stream of all events of a tenant."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime, timedelta
from typing import Any
from uuid import UUID

from msgspec import Struct

from m3voip.core.phone import digits
from m3voip.storage.postgres.admin.refusals import Missing
from m3voip.storage.postgres.admin.table import Db


class CallRow(Struct, frozen=True, kw_only=True):
    """A call as it is now."""

    id: UUID
    direction: str
    state: str
    did: str
    caller: str
    caller_name: str
    leg: str
    tree: str
    tree_version: int
    node: str
    queue: str
    extension: str
    agent_id: UUID | None
    recorded: bool
    recording_id: UUID | None
    started_at: datetime
    queued_at: datetime | None
    connected_at: datetime | None
    ended_at: datetime | None
    duration_s: float | None
    wait_s: float
    talk_s: float
    end_reason: str | None
    hangup_cause: int | None
    last_seq: int


class LegRow(Struct, frozen=True, kw_only=True):
    """One party's connection."""

    seq: int
    role: str
    leg: str
    number: str
    extension: str
    agent_id: UUID | None
    started_at: datetime
    ended_at: datetime | None
    hangup_cause: int | None


class QueueVisitRow(Struct, frozen=True, kw_only=True):
    """A stay in a queue."""

    visit: int
    queue: str
    queue_id: UUID | None
    entered_at: datetime
    joined_at: datetime | None
    position: int | None
    offers: int
    missed: int
    outcome: str | None
    outcome_at: datetime | None
    waited_s: float | None
    extension: str
    agent_id: UUID | None
    talk_s: float
    short_abandoned: bool


class EventRow(Struct, frozen=True, kw_only=True):
    """A stored fact. ``payload`` is JSON text."""

    id: int
    call_id: UUID
    seq: int
    at: datetime
    kind: str
    payload: str


class Filter(Struct, frozen=True, kw_only=True):
    """What a list of calls is narrowed to; None = any. ``agent`` is an agent's id, ``extension`` a phone's number, ``outcome``
    a disposition's code or what it means."""

    live: bool | None = None
    agent: UUID | None = None
    extension: str | None = None
    queue: str | None = None
    did: str | None = None
    caller: str | None = None
    outcome: str | None = None
    since: datetime | None = None
    until: datetime | None = None


_CALL = ", ".join(CallRow.__struct_fields__)
_EVENT = "id, call_id, seq, at, kind, payload::text AS payload"
_CAME_OUT = (
    "id IN (SELECT d.call_id FROM call_disposition d WHERE d.tenant_id = $1 AND d.replaced_at IS NULL"
    " AND (d.code = {0} OR d.maps_to = {0}))"
)
_SLACK = timedelta(hours=1)
"""A call's id holds when its leg came up; it may have been written down as started somewhat later."""


async def page(db: Db, tenant_id: UUID, wanted: Filter, before: UUID | None, limit: int) -> list[CallRow]:
    """Up to ``limit + 1`` calls, newest first, older than the call ``before``."""
    where: list[str] = ["tenant_id = $1"]
    values: list[Any] = [tenant_id]
    _narrow(where, values, wanted)
    if before is not None:
        _and(where, values, "id < {}", before)
    values.append(limit + 1)
    rows = await db.fetch(
        f"SELECT {_CALL} FROM call WHERE {' AND '.join(where)} ORDER BY id DESC LIMIT ${len(values)}",  # noqa: S608
        *values,
    )
    return [CallRow(**row) for row in rows]


def _narrow(where: list[str], values: list[Any], wanted: Filter) -> None:
    if wanted.live is not None:
        where.append("ended_at IS NULL" if wanted.live else "ended_at IS NOT NULL")
    for text, value in (
        ("agent_id = {}", wanted.agent),
        ("extension = {}", wanted.extension),
        ("queue = {}", wanted.queue),
    ):
        if value is not None:
            _and(where, values, text, value)
    if wanted.outcome is not None:
        _and(where, values, _CAME_OUT, wanted.outcome)
    for column, number in (("did", wanted.did), ("caller", wanted.caller)):
        if number is not None:  # stored as it was heard, with or without the plus sign
            _and(where, values, f"{column} = ANY ({{}}::text[])", [digits(number), f"+{digits(number)}"])
    # The bounds on the id let the index skip what is too old or too new; started_at says it exactly.
    if wanted.since is not None:
        _and(where, values, "started_at >= {}", wanted.since)
        _and(where, values, "id >= {}", _first_id(wanted.since, -_SLACK))
    if wanted.until is not None:
        _and(where, values, "started_at < {}", wanted.until)
        _and(where, values, "id < {}", _first_id(wanted.until, _SLACK))


def _and(where: list[str], values: list[Any], text: str, value: object) -> None:
    values.append(value)
    where.append(text.format(f"${len(values)}"))


def _first_id(at: datetime, slack: timedelta) -> UUID:
    """The smallest id that can have been minted at this time; see core.ids."""
    milliseconds = int((at.timestamp() + slack.total_seconds()) * 1000)
    return UUID(int=max(0, min(milliseconds, (1 << 48) - 1)) << 80)


async def get(db: Db, tenant_id: UUID, call_id: UUID) -> CallRow:
    """One call. Raises Missing."""
    row = await db.fetchrow(f"SELECT {_CALL} FROM call WHERE tenant_id = $1 AND id = $2", tenant_id, call_id)  # noqa: S608
    if row is None:
        raise Missing("call")
    return CallRow(**row)


async def legs(db: Db, tenant_id: UUID, call_id: UUID) -> list[LegRow]:
    """A call's legs, in the order they began."""
    rows = await db.fetch(
        f"SELECT {', '.join(LegRow.__struct_fields__)} FROM leg WHERE tenant_id = $1 AND call_id = $2 ORDER BY seq",  # noqa: S608
        tenant_id,
        call_id,
    )
    return [LegRow(**row) for row in rows]


async def queue_visits(db: Db, tenant_id: UUID, call_id: UUID) -> list[QueueVisitRow]:
    """A call's stays in queues, in order."""
    rows = await db.fetch(
        f"SELECT {', '.join(QueueVisitRow.__struct_fields__)} FROM queue_visit"  # noqa: S608
        " WHERE tenant_id = $1 AND call_id = $2 ORDER BY visit",
        tenant_id,
        call_id,
    )
    return [QueueVisitRow(**row) for row in rows]


async def events(db: Db, tenant_id: UUID, call_id: UUID, after_seq: int, limit: int) -> list[EventRow]:
    """Up to ``limit + 1`` events of a call after this seq, in order."""
    rows = await db.fetch(
        f"SELECT {_EVENT} FROM call_event WHERE tenant_id = $1 AND call_id = $2 AND seq > $3 ORDER BY seq LIMIT $4",  # noqa: S608
        tenant_id,
        call_id,
        after_seq,
        limit + 1,
    )
    return [EventRow(**row) for row in rows]


async def events_after(db: Db, tenant_id: UUID, after: int, kinds: Sequence[str], limit: int) -> list[EventRow]:
    """Up to ``limit`` events of a tenant after this id, in order. ``kinds`` empty = all."""
    rows = await db.fetch(
        f"SELECT {_EVENT} FROM call_event WHERE tenant_id = $1 AND id > $2"  # noqa: S608
        " AND (cardinality($3::text[]) = 0 OR kind = ANY ($3)) ORDER BY id LIMIT $4",
        tenant_id,
        after,
        list(kinds),
        limit,
    )
    return [EventRow(**row) for row in rows]


async def last_event_id(db: Db, tenant_id: UUID) -> int:
    """The id of a tenant's newest event, 0 if it has none."""
    newest: int | None = await db.fetchval(
        "SELECT id FROM call_event WHERE tenant_id = $1 ORDER BY id DESC LIMIT 1", tenant_id
    )
    return newest or 0
