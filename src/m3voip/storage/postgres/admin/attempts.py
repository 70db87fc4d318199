"""Attempts: what the gate looks at is read, its decision is recorded, and what it clears is let out, in one transaction.

Law: this is the only caller of ``gate.clear`` (tests/architecture/test_clearance.py). A lock of the tenant is held to the end of
the transaction, so two attempts at once cannot both be the last that a cap allows.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from datetime import datetime, timedelta
from typing import Any
from uuid import UUID

import asyncpg
import msgspec
from msgspec import Struct

from m3voip.compliance import gate
from m3voip.compliance.evidence import Evidence
from m3voip.compliance.subject import Subject, read
from m3voip.core.clearance import Clearance, Decision, Verdict
from m3voip.core.trunks import Choice
from m3voip.storage.postgres.admin import dial_settings
from m3voip.storage.postgres.admin.refusals import Missing
from m3voip.storage.postgres.admin.table import Db

MINUTE = timedelta(minutes=1)
_LOCK = "SELECT pg_advisory_xact_lock(hashtextextended('attempt ' || $1::uuid::text, 0))"
_LISTED = "SELECT EXISTS (SELECT FROM do_not_call WHERE tenant_id = $1 AND digits = $2)"
_VERIFIED = "SELECT number FROM caller_id WHERE tenant_id = $1 AND number = ANY ($2::text[])"
_COUNTS = """
SELECT (SELECT count(*) FROM attempt_live WHERE tenant_id = $1) AS live,
       (SELECT count(*) FROM attempt WHERE tenant_id = $1 AND cleared AND at > $2) AS recent"""
_RECORD = """
INSERT INTO attempt (id, tenant_id, call_id, subject, kind, number, caller_id, cleared, refusals, verdicts, at)
VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10::jsonb, $11)"""
_LIVE = "INSERT INTO attempt_live (attempt_id, tenant_id, call_id, at) VALUES ($1, $2, $3, $4)"
_SHOWN = """
SELECT a.id, a.call_id, a.kind, a.number, a.caller_id, a.cleared, a.refusals, a.verdicts, a.at,
       e.result, e.cause, e.trunk, e.answered_at, e.ended_at
  FROM attempt a LEFT JOIN attempt_end e ON e.attempt_id = a.id
 WHERE a.tenant_id = $1"""


class Planned(Struct, frozen=True, kw_only=True):
    """Which trunks could carry the call, and the numbers that they show by themselves."""

    choice: Choice
    caller_ids: tuple[str, ...] = ()


Plan = Callable[[Subject], Planned]


class Wanted(Struct, frozen=True, kw_only=True):
    """What somebody wants to dial: ``typed`` as they typed it; ``caller_id`` is the one to show, "" = any that is verified;
    ``did`` is the number that the call came in on."""

    typed: str
    caller_id: str = ""
    did: str = ""


class AttemptRow(Struct, frozen=True, kw_only=True):
    """An attempt and its end. ``result`` None: it goes on, or was refused."""

    id: UUID
    call_id: UUID
    kind: str
    number: str
    caller_id: str
    cleared: bool
    refusals: tuple[str, ...]
    verdicts: tuple[Verdict, ...]
    at: datetime
    result: str | None
    cause: int | None
    trunk: str | None
    answered_at: datetime | None
    ended_at: datetime | None


async def explain(db: Db, tenant_id: UUID, wanted: Wanted, plan: Plan, now: datetime) -> Decision:
    """What the gate would say now. Nothing is recorded, and nothing can be dialled by it."""
    settings = await dial_settings.get(db, tenant_id)
    subject = read(wanted.typed, settings.region)
    planned = plan(subject)
    did = f"+{wanted.did.lstrip('+')}" if wanted.did else ""
    offers = tuple(dict.fromkeys(filter(None, (settings.caller_id, *planned.caller_ids, did))))
    asked = [*offers, *([wanted.caller_id] if wanted.caller_id else [])]
    counts = await db.fetchrow(_COUNTS, tenant_id, now - MINUTE)
    assert counts is not None
    evidence = Evidence(
        settings=settings,
        listed=bool(await db.fetchval(_LISTED, tenant_id, subject.digits)),
        shown=wanted.caller_id,
        offers=offers,
        verified=frozenset(row["number"] for row in await db.fetch(_VERIFIED, tenant_id, asked)),
        live=counts["live"],
        recent=counts["recent"],
        trunks=planned.choice.order,
        trunks_skipped=planned.choice.reasons,
    )
    return gate.decide(subject, evidence)


async def record(
    db: Db, tenant_id: UUID, attempt_id: UUID, wanted: Wanted, plan: Plan, *, now: datetime, call_id: UUID, by: UUID
) -> tuple[Decision, Clearance | None]:
    """Decide and write it down. The clearance, if there is one, may be used once the transaction has been committed."""
    await db.execute(_LOCK, tenant_id)
    decision = await explain(db, tenant_id, wanted, plan, now)
    await db.execute(
        _RECORD,
        attempt_id,
        tenant_id,
        call_id,
        by,
        decision.kind.value,
        decision.number,
        decision.caller_id,
        decision.cleared,
        [verdict.rule for verdict in decision.refused],
        msgspec.json.encode(decision.verdicts).decode(),
        now,
    )
    clearance = gate.clear(decision, attempt_id=attempt_id, tenant_id=tenant_id)
    if clearance is not None:
        await db.execute(_LIVE, attempt_id, tenant_id, call_id, now)
    return decision, clearance


async def page(
    db: Db, tenant_id: UUID, *, call_id: UUID | None, before: UUID | None, limit: int
) -> Sequence[AttemptRow]:
    """Up to ``limit + 1`` attempts, newest first."""
    rows = await db.fetch(
        f"{_SHOWN} AND ($2::uuid IS NULL OR a.call_id = $2) AND ($3::uuid IS NULL OR a.id < $3) ORDER BY a.id DESC LIMIT $4",
        tenant_id,
        call_id,
        before,
        limit + 1,
    )
    return [_attempt(row) for row in rows]


async def get(db: Db, tenant_id: UUID, attempt_id: UUID) -> AttemptRow:
    """One attempt. Raises Missing."""
    row = await db.fetchrow(f"{_SHOWN} AND a.id = $2", tenant_id, attempt_id)
    if row is None:
        raise Missing("attempt")
    return _attempt(row)


def _attempt(row: asyncpg.Record) -> AttemptRow:
    values: dict[str, Any] = dict(row)
    values["refusals"] = tuple(values["refusals"])
    values["verdicts"] = msgspec.json.decode(values["verdicts"], type=tuple[Verdict, ...])
    return AttemptRow(**values)
