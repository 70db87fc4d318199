"""Remarks about calls become facts once each: of live calls by their owner, of ended ones behind their end."""

from __future__ import annotations

import os
from datetime import UTC, datetime, timedelta
from uuid import UUID

import pytest

from m3voip.config import DEFAULT_TENANT
from m3voip.core import facts as f
from m3voip.core.causes import EndReason
from m3voip.core.events import Remarked
from m3voip.core.ids import uuid7
from m3voip.jobs.remarks import Remarks
from m3voip.ports import WaitingRemark
from m3voip.storage.postgres.admin import notes
from m3voip.storage.postgres.admin.notes import NoteRow
from m3voip.storage.postgres.calls import PostgresCalls
from m3voip.storage.postgres.commit import Commits
from m3voip.storage.postgres.pool import Pool, api_pool
from m3voip.storage.postgres.remarks import PostgresRemarks
from tests.storage.support import new_call_id, rows_of, started

pytestmark = pytest.mark.postgres


class Forgetful(PostgresRemarks):
    """Dies before it can say that a remark was told."""

    async def told(self, remark: UUID) -> None:
        raise RuntimeError(remark)


async def a_call(engine: Pool, *, ended: bool = True) -> UUID:
    call, commits = new_call_id(), Commits()
    over = [f.CallEnded(reason=EndReason.COMPLETED, cause=16, duration_s=3.0)] if ended else []
    async with commits.turn(), engine.connection() as db:
        await commits.commit(db, rows_of([started(), *over], call_id=call))
    return call


async def noted(api: Pool, call: UUID) -> UUID:
    at = datetime.now(UTC)
    row = NoteRow(id=uuid7(at, os.urandom(10)), call_id=call, text="n", made_by=call, agent_id=None, at=at)
    async with api.tenant(DEFAULT_TENANT) as db:
        await notes.add(db, DEFAULT_TENANT, row)
    return row.id


async def kinds(engine: Pool, call: UUID) -> list[str]:
    async with engine.connection() as db:
        return [
            row["kind"] for row in await db.fetch("select kind from call_event where call_id = $1 order by seq", call)
        ]


async def test_one_fact_for_each_remark_whatever_dies_in_between(engine: Pool, api_dsn: str) -> None:
    api = api_pool(api_dsn)
    await api.open()
    store, calls, heard = PostgresRemarks(engine), PostgresCalls(engine, Commits()), list[tuple[UUID, Remarked]]()

    def nobody(_call: UUID, _told: Remarked) -> bool:
        return False

    def owner(call: UUID, told: Remarked) -> bool:
        heard.append((call, told))
        return call == live

    over, closing, live = await a_call(engine), await a_call(engine, ended=False), await a_call(engine, ended=False)
    first = await noted(api, over)
    with pytest.raises(RuntimeError):
        await Remarks(store=Forgetful(engine), calls=calls, live=nobody).run_once()
    await noted(api, closing)
    spoken = await noted(api, live)
    second = await noted(api, over)
    assert await Remarks(store=store, calls=calls, live=owner).run_once() == 3
    assert [(call, told.remark) for call, told in heard if call == live] == [(live, f.CallNoted(note=spoken, by=live))]
    assert await kinds(engine, over) == ["call.started", "call.ended", "call.noted", "call.noted"]
    async with engine.connection() as db:
        told = await db.fetch(
            "select payload ->> 'note' as note from call_event where call_id = $1 and kind = 'call.noted' order by seq",
            over,
        )
        outside = await db.fetchval("select count(*) from outbox where call_id = $1 and kind = 'call.noted'", over)
    assert ([UUID(row["note"]) for row in told], outside) == ([first, second], 2)
    left: list[WaitingRemark] = list(await store.waiting(9))
    assert [one.call_id for one in left] == [closing]
    commits = Commits()
    async with commits.turn(), engine.connection() as db:
        await commits.commit(
            db, rows_of([f.CallEnded(reason=EndReason.COMPLETED, cause=16, duration_s=3.0)], call_id=closing, first=2)
        )
    assert await Remarks(store=store, calls=calls, live=nobody).run_once() == 1
    assert (await kinds(engine, closing))[-1] == "call.noted"
    assert left[0].at > datetime.now(UTC) - timedelta(minutes=1)
    await api.close()
