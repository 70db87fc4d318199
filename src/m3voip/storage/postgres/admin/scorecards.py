"""Forms of scorecards, their versions, and the scorecards that trainers filled in. Versions and scorecards are only added."""

from __future__ import annotations

from datetime import datetime
from typing import Any
from uuid import UUID

import asyncpg
import msgspec
from msgspec import Struct

from m3voip.core.scorecard import Answer, Form, Result
from m3voip.storage.postgres.admin.refusals import Impossible, Missing
from m3voip.storage.postgres.admin.table import Db, Table


class FormRow(Struct, frozen=True, kw_only=True):
    """A form; ``version`` is the one that new scorecards are filled in by."""

    id: UUID
    name: str
    version: int
    active: bool
    created_at: datetime
    updated_at: datetime


class ScorecardRow(Struct, frozen=True, kw_only=True):
    """A form filled in. ``answers`` is JSON; ``replaced_by`` None: it counts."""

    id: UUID
    call_id: UUID
    recording_id: UUID | None
    agent_id: UUID
    form_id: UUID
    version: int
    answers: str
    comment: str
    points: float
    possible: float
    failed: list[str]
    reviewer: UUID
    at: datetime
    replaces: UUID | None
    replaced_by: UUID | None


class Filled(Struct, frozen=True, kw_only=True):
    """A scorecard as a trainer fills it in."""

    id: UUID
    call_id: UUID
    recording_id: UUID | None
    agent_id: UUID
    form_id: UUID
    version: int
    answers: dict[str, Answer]
    comment: str
    result: Result
    reviewer: UUID
    at: datetime
    replaces: UUID | None


class Figures(Struct, frozen=True, kw_only=True):
    """Scorecards that count, added up."""

    scorecards: int
    failed: int
    points: float
    possible: float


class Wanted(Struct, frozen=True, kw_only=True):
    """Which scorecards; None = any."""

    agent_id: UUID | None = None
    call_id: UUID | None = None
    form_id: UUID | None = None
    since: datetime | None = None
    until: datetime | None = None


FORMS = Table(name="scorecard_form", what="scorecard form", row=FormRow)
_decode = msgspec.json.Decoder(Form).decode
_ROW = ", ".join(f"s.{name}" for name in ScorecardRow.__struct_fields__ if name != "replaced_by")
_FROM = "FROM scorecard s LEFT JOIN scorecard r ON r.tenant_id = s.tenant_id AND r.replaces = s.id"


async def add_version(db: Db, tenant_id: UUID, form_id: UUID, version: int, form: Form) -> None:
    """Store a text of a form."""
    await db.execute(
        "INSERT INTO scorecard_form_version (form_id, tenant_id, version, document) VALUES ($1, $2, $3, $4::text::jsonb)",
        form_id,
        tenant_id,
        version,
        msgspec.json.encode(form).decode(),
    )


async def version(db: Db, tenant_id: UUID, form_id: UUID, number: int) -> Form:
    """A text of a form. Raises Missing."""
    text = await db.fetchval(
        "SELECT document::text FROM scorecard_form_version WHERE tenant_id = $1 AND form_id = $2 AND version = $3",
        tenant_id,
        form_id,
        number,
    )
    if text is None:
        raise Missing("version of the scorecard form")
    return _decode(text)


async def add(db: Db, tenant_id: UUID, filled: Filled) -> ScorecardRow:
    """Store a scorecard. Raises Impossible, naming the field."""
    if filled.replaces is not None:
        before = await _of(db, tenant_id, filled.replaces)
        if before is None or (before.call_id, before.agent_id) != (filled.call_id, filled.agent_id):
            raise Impossible("replaces", "must be a scorecard of this call and agent.")
    try:
        await db.execute(
            "INSERT INTO scorecard (id, tenant_id, call_id, recording_id, agent_id, form_id, version, answers, comment, points,"
            " possible, failed, reviewer, at, replaces)"
            " VALUES ($1, $2, $3, $4, $5, $6, $7, $8::text::jsonb, $9, $10, $11, $12, $13, $14, $15)",
            filled.id,
            tenant_id,
            filled.call_id,
            filled.recording_id,
            filled.agent_id,
            filled.form_id,
            filled.version,
            msgspec.json.encode(filled.answers).decode(),
            filled.comment,
            filled.result.points,
            filled.result.possible,
            list(filled.result.failed),
            filled.reviewer,
            filled.at,
            filled.replaces,
        )
    except asyncpg.UniqueViolationError as error:
        raise Impossible("replaces", "has been replaced already; replace the one that counts.") from error
    row = await _of(db, tenant_id, filled.id)
    assert row is not None
    return row


async def page(db: Db, tenant_id: UUID, wanted: Wanted, before: UUID | None, limit: int) -> list[ScorecardRow]:
    """Up to ``limit + 1`` scorecards, newest first, older than ``before``; replaced ones too."""
    where, values = _narrowed(tenant_id, wanted)
    if before is not None:
        values.append(before)
        where += f" AND s.id < ${len(values)}"
    rows = await db.fetch(
        f"SELECT {_ROW}, r.id AS replaced_by {_FROM} WHERE {where} ORDER BY s.id DESC LIMIT {limit + 1:d}",
        *values,
    )
    return [ScorecardRow(**row) for row in rows]


async def figures(db: Db, tenant_id: UUID, wanted: Wanted) -> Figures:
    """Those that count, added up."""
    where, values = _narrowed(tenant_id, wanted)
    row = await db.fetchrow(
        "SELECT count(*) AS scorecards, count(*) FILTER (WHERE s.failed <> '{}') AS failed, coalesce(sum(s.points), 0) AS points,"
        f" coalesce(sum(s.possible), 0) AS possible {_FROM} WHERE {where} AND r.id IS NULL",
        *values,
    )
    assert row is not None
    return Figures(**row)


async def _of(db: Db, tenant_id: UUID, scorecard_id: UUID) -> ScorecardRow | None:
    row = await db.fetchrow(
        f"SELECT {_ROW}, r.id AS replaced_by {_FROM} WHERE s.tenant_id = $1 AND s.id = $2",
        tenant_id,
        scorecard_id,
    )
    return ScorecardRow(**row) if row else None


def _narrowed(tenant_id: UUID, wanted: Wanted) -> tuple[str, list[Any]]:
    values: list[Any] = [tenant_id]
    where = "s.tenant_id = $1"
    for text, value in (
        ("s.agent_id = ", wanted.agent_id),
        ("s.call_id = ", wanted.call_id),
        ("s.form_id = ", wanted.form_id),
        ("s.at >= ", wanted.since),
        ("s.at < ", wanted.until),
    ):
        if value is not None:
            values.append(value)
            where += f" AND {text}${len(values)}"
    return where, values
