"""Dispositions: the codes of a tenant, and how its calls came out.

Law: used by the API (its role sees one tenant) and by agents' phones (the engine's role), hence the tenant in every condition.
``give`` is the one way a disposition comes about. What must hold together with it is done there, in its transaction, by what
the code means: DO_NOT_CALL writes the do-not-call register, CALLBACK the next attempt, once there are such.
"""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime
from uuid import UUID

from msgspec import Struct

from m3voip.core.disposition import fault
from m3voip.core.facts import DispositionSet, Remark, encode_fact
from m3voip.storage.postgres.admin.refusals import Impossible, Unknown
from m3voip.storage.postgres.admin.table import Db, Table


class DispositionCodeRow(Struct, frozen=True, kw_only=True):
    """A code. ``number``: in two digits it follows ``*55``; None = it cannot be set by phone."""

    id: UUID
    code: str
    maps_to: str
    standard: bool
    label: str
    required: list[str]
    number: int | None
    active: bool
    created_at: datetime
    updated_at: datetime


class DispositionRow(Struct, frozen=True, kw_only=True):
    """What was said of a call; ``replaced_at`` None is what counts."""

    id: UUID
    call_id: UUID
    code: str
    maps_to: str
    notes: str
    next_attempt_at: datetime | None
    set_by: UUID | None
    agent_id: UUID | None
    via: str
    at: datetime
    replaced_at: datetime | None


class Given(Struct, frozen=True, kw_only=True):
    """A disposition as somebody gives it. ``agent_id`` and ``extension``: whose it is."""

    id: UUID
    call_id: UUID
    at: datetime
    via: str
    notes: str = ""
    next_attempt_at: datetime | None = None
    set_by: UUID | None = None
    agent_id: UUID | None = None
    extension: str = ""


CODES = Table(name="disposition_code", what="disposition", row=DispositionCodeRow)
WHAT = "disposition"
_CODE = ", ".join(DispositionCodeRow.__struct_fields__)
_ROW = ", ".join(DispositionRow.__struct_fields__)
_GIVE = f"""
INSERT INTO call_disposition (id, tenant_id, call_id, code, maps_to, notes, next_attempt_at, set_by, agent_id, via, at)
VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10, $11) RETURNING {_ROW}"""  # noqa: S608


async def by_code(db: Db, tenant_id: UUID, code: str) -> DispositionCodeRow:
    """The tenant's code. Raises Unknown."""
    return await _one(db, "code = $2", tenant_id, code)


async def by_number(db: Db, tenant_id: UUID, number: int) -> DispositionCodeRow:
    """The tenant's code behind a number dialled. Raises Unknown."""
    return await _one(db, "number = $2", tenant_id, number)


async def _one(db: Db, which: str, tenant_id: UUID, value: object) -> DispositionCodeRow:
    row = await db.fetchrow(f"SELECT {_CODE} FROM disposition_code WHERE tenant_id = $1 AND {which}", tenant_id, value)  # noqa: S608
    if row is None:
        raise Unknown(WHAT, "outcomeCode")
    return DispositionCodeRow(**row)


async def give(db: Db, tenant_id: UUID, code: DispositionCodeRow, given: Given) -> DispositionRow:
    """Say how a call came out; what was said before is kept as history. Raises Impossible, naming the field."""
    wrong = fault(
        active=code.active,
        required=code.required,
        notes=given.notes,
        next_attempt_at=given.next_attempt_at,
        now=given.at,
    )
    if wrong is not None:
        raise Impossible(wrong.field, wrong.message)
    # Two at once: the second replaces the first.
    await db.execute("SELECT pg_advisory_xact_lock(hashtext('m3voip.disposition'), hashtext($1))", str(given.call_id))
    await db.execute(
        "UPDATE call_disposition SET replaced_at = $3 WHERE tenant_id = $1 AND call_id = $2 AND replaced_at IS NULL",
        tenant_id,
        given.call_id,
        given.at,
    )
    row = await db.fetchrow(
        _GIVE,
        given.id,
        tenant_id,
        given.call_id,
        code.code,
        code.maps_to,
        given.notes,
        given.next_attempt_at,
        given.set_by,
        given.agent_id,
        given.via,
        given.at,
    )
    assert row is not None
    fact = DispositionSet(
        disposition=given.id,
        code=code.code,
        maps_to=code.maps_to,
        via=given.via,
        by=given.set_by,
        extension=given.extension,
        next_attempt_at=given.next_attempt_at,
    )
    await remark(db, tenant_id, given.id, call_id=given.call_id, at=given.at, fact=fact)
    return DispositionRow(**row)


async def remark(db: Db, tenant_id: UUID, remark_id: UUID, *, call_id: UUID, at: datetime, fact: Remark) -> None:
    """Leave a fact for the service to write down; see jobs/remarks.py."""
    await db.execute(
        "INSERT INTO call_remark (id, tenant_id, call_id, at, fact) VALUES ($1, $2, $3, $4, $5::text::jsonb)",
        remark_id,
        tenant_id,
        call_id,
        at,
        encode_fact(fact).decode(),
    )


async def of_call(db: Db, tenant_id: UUID, call_id: UUID) -> list[DispositionRow]:
    """What was said of a call, the latest first."""
    rows = await db.fetch(
        f"SELECT {_ROW} FROM call_disposition WHERE tenant_id = $1 AND call_id = $2"  # noqa: S608
        " ORDER BY replaced_at DESC NULLS FIRST, at DESC",
        tenant_id,
        call_id,
    )
    return [DispositionRow(**row) for row in rows]


async def of_calls(db: Db, tenant_id: UUID, calls: Sequence[UUID]) -> dict[UUID, DispositionRow]:
    """What counts of each of these calls."""
    rows = await db.fetch(
        f"SELECT {_ROW} FROM call_disposition WHERE tenant_id = $1 AND call_id = ANY ($2) AND replaced_at IS NULL",  # noqa: S608
        tenant_id,
        list(calls),
    )
    return {row["call_id"]: DispositionRow(**row) for row in rows}
