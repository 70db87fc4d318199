"""What callers answered in surveys: the answers themselves, and how often each was given."""

from __future__ import annotations

from datetime import datetime
from typing import Any
from uuid import UUID

from msgspec import Struct

from m3voip.storage.postgres.admin.table import Db


class AnswerRow(Struct, frozen=True, kw_only=True):
    """An answer; ``extension`` and ``queue`` are those of the talk before it."""

    call_id: UUID
    seq: int
    node: str
    name: str
    value: str
    extension: str
    queue: str
    by_queue: bool
    at: datetime


class Wanted(Struct, frozen=True, kw_only=True):
    """Which visits to a survey; None = any."""

    tree: str
    since: datetime | None = None
    until: datetime | None = None
    extension: str | None = None
    queue: str | None = None


class ValueCount(Struct, frozen=True):
    """How often a value was the last answer to a question, by ``part`` (an agent, a queue, or "" for all)."""

    part: str
    name: str
    value: str
    count: int


_VISITS = "FROM survey_visit v WHERE v.tenant_id = $1 AND v.tree = $2"
_PARTS = {"agent": "v.extension", "queue": "v.queue", None: "''"}
_ANSWER = "a.call_id, a.seq, a.node, a.name, a.value, v.extension, v.queue, v.by_queue, a.at"


async def page(db: Db, tenant_id: UUID, wanted: Wanted, before: tuple[UUID, int] | None, limit: int) -> list[AnswerRow]:
    """Up to ``limit + 1`` answers, those of the newest call first, before that answer."""
    where, values = _narrowed(tenant_id, wanted)
    if before is not None:
        values += before
        where += f" AND (a.call_id, a.seq) < (${len(values) - 1}, ${len(values)})"
    rows = await db.fetch(
        f"SELECT {_ANSWER} FROM survey_answer a JOIN survey_visit v ON v.call_id = a.call_id AND v.seq = a.visit"  # noqa: S608
        f" WHERE a.tenant_id = $1 AND a.tree = $2 AND v.tenant_id = $1{where}"
        f" ORDER BY a.call_id DESC, a.seq DESC LIMIT {limit + 1:d}",
        *values,
    )
    return [AnswerRow(**row) for row in rows]


async def of_call(db: Db, tenant_id: UUID, call_id: UUID) -> list[AnswerRow]:
    """What the caller answered, in order."""
    rows = await db.fetch(
        f"SELECT {_ANSWER} FROM survey_answer a JOIN survey_visit v ON v.call_id = a.call_id AND v.seq = a.visit"  # noqa: S608
        " WHERE a.tenant_id = $1 AND a.call_id = $2 ORDER BY a.seq",
        tenant_id,
        call_id,
    )
    return [AnswerRow(**row) for row in rows]


async def visits(db: Db, tenant_id: UUID, wanted: Wanted, by: str | None) -> dict[str, int]:
    """How many callers got to the survey, by part."""
    where, values = _narrowed(tenant_id, wanted)
    part = _PARTS[by]
    rows = await db.fetch(f"SELECT {part} AS part, count(*) {_VISITS}{where} GROUP BY 1", *values)
    return {row["part"]: row["count"] for row in rows}


async def counts(db: Db, tenant_id: UUID, wanted: Wanted, by: str | None) -> list[ValueCount]:
    """How often each value was given. Who answers a question twice in one visit has changed their mind."""
    where, values = _narrowed(tenant_id, wanted)
    part = _PARTS[by]
    rows = await db.fetch(
        "WITH last AS (SELECT DISTINCT ON (v.call_id, v.seq, a.name)"  # noqa: S608
        f" {part} AS part, a.name, a.value FROM survey_visit v"
        " JOIN survey_answer a ON a.call_id = v.call_id AND a.visit = v.seq AND a.tenant_id = $1"
        f" WHERE v.tenant_id = $1 AND v.tree = $2{where} ORDER BY v.call_id, v.seq, a.name, a.seq DESC)"
        " SELECT part, name, value, count(*) FROM last GROUP BY 1, 2, 3 ORDER BY 1, 2, 3",
        *values,
    )
    return [ValueCount(**row) for row in rows]


def _narrowed(tenant_id: UUID, wanted: Wanted) -> tuple[str, list[Any]]:
    values: list[Any] = [tenant_id, wanted.tree]
    where = ""
    for text, value in (
        ("v.at >= ", wanted.since),
        ("v.at < ", wanted.until),
        ("v.extension = ", wanted.extension),
        ("v.queue = ", wanted.queue),
    ):
        if value is not None:
            values.append(value)
            where += f" AND {text}${len(values)}"
    return where, values
