"""What the service wrote down, read straight from Postgres, and what Asterisk wrote down by itself."""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime
from pathlib import Path
from typing import Any
from uuid import UUID

import asyncpg

from m3voip.stack.stack import Stack


@dataclass(frozen=True, slots=True, kw_only=True)
class Event:
    """A row of call_event."""

    seq: int
    at: datetime
    kind: str
    payload: Mapping[str, Any]


@dataclass(slots=True, kw_only=True)
class Record:
    """One call as it was written down."""

    id: UUID
    caller: str
    leg: str
    state: str
    started_at: datetime
    ended_at: datetime | None
    talk_s: float
    end_reason: str | None
    last_seq: int
    events: list[Event] = field(default_factory=list)
    recordings: list[float] = field(default_factory=list)
    """Durations in seconds."""
    announced: list[datetime] = field(default_factory=list)
    """When ``call.ended`` was put into the outbox; once is right."""

    @property
    def kinds(self) -> list[str]:
        """What happened, in order."""
        return [event.kind for event in self.events]

    def all(self, kind: str) -> list[Event]:
        """The events of this kind."""
        return [event for event in self.events if event.kind == kind]


async def read(stack: Stack) -> dict[str, list[Record]]:
    """Every call there is, by the caller's number."""
    db = await asyncpg.connect(stack.settings.engine_dsn.get_secret_value())
    try:
        async with db.transaction(isolation="repeatable_read"):
            calls = await db.fetch(
                "select id, caller, leg, state, started_at, ended_at, talk_s, end_reason, last_seq from call order by id"
            )
            records = {row["id"]: Record(**row) for row in calls}
            for row in await db.fetch("select call_id, seq, at, kind, payload from call_event order by call_id, seq"):
                event = Event(seq=row["seq"], at=row["at"], kind=row["kind"], payload=json.loads(row["payload"]))
                records[row["call_id"]].events.append(event)
            for row in await db.fetch("select call_id, duration_s from recording"):
                records[row["call_id"]].recordings.append(row["duration_s"])
            for row in await db.fetch("select call_id, created_at from outbox where kind = 'call.ended'"):
                records[row["call_id"]].announced.append(row["created_at"])
    finally:
        await db.close()
    found: dict[str, list[Record]] = {}
    for record in records.values():
        found.setdefault(record.caller.lstrip("+"), []).append(record)
    return found


async def open_legs(stack: Stack) -> set[str]:
    """The caller's legs of calls without an end."""
    db = await asyncpg.connect(stack.settings.engine_dsn.get_secret_value())
    try:
        return {row["leg"] for row in await db.fetch("select leg from call where ended_at is null")}
    finally:
        await db.close()


async def unfinished(stack: Stack) -> str:
    """What the service still has to do after the last caller has gone: calls to end, recordings and messages to move."""
    legs = await open_legs(stack)
    spool = stack.settings.asterisk_spool
    recordings = [path.name for path in (spool / "monitor").glob("*-rx.wav")]
    messages = [path.name for path in (spool / "message").glob("*.wav")]
    found = {"open calls": sorted(legs), "recordings": recordings, "messages": messages}
    return ", ".join(f"{what}: {which}" for what, which in found.items() if which)


def last_contexts(stack: Stack) -> dict[str, str]:
    """Where in the dialplan each channel was when it ended, as Asterisk's own ledger has it: unique id → context."""
    contexts: dict[str, str] = {}
    path: Path = stack.settings.asterisk_log / "cel-custom" / "hangups.jsonl"
    for line in path.read_text().splitlines():
        try:
            entry = {key.lower().replace("_", ""): value for key, value in json.loads(line).items()}
        except json.JSONDecodeError:
            continue  # torn by a kill of Asterisk
        contexts[str(entry["uniqueid"])] = str(entry["context"])
    return contexts


def complaints(stack: Stack) -> list[str]:
    """Lines of the service's log that must never be there."""
    words = (
        "Traceback",
        "step_failed",
        "out_of_step",
        "put_aside",
        "journal.torn",
        "consumer_failed",
        "recovery.orphan",
    )
    lines = (stack.folders.log / "service.log").read_text().splitlines()
    return [line for line in lines if any(word in line for word in words)]
