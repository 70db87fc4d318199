"""What people say about a call, during it and after it: notes, and how it came out."""

from __future__ import annotations

from typing import Any

from fastapi import APIRouter, Request, Response

from m3voip.api.auth import Guarded, allowed
from m3voip.api.context import Context, Ctx
from m3voip.api.crud import note
from m3voip.api.errors import Code
from m3voip.api.fields import fields
from m3voip.api.idempotency import KeyHeader, create_once
from m3voip.api.ids import CallId
from m3voip.api.permissions import Permission
from m3voip.api.schemas.agent import AgentState
from m3voip.api.schemas.disposition import CallNote, Disposition, NewDisposition, NewNote
from m3voip.api.schemas.error import guarded
from m3voip.api.work import Db
from m3voip.core import agent_state as a
from m3voip.storage.postgres.admin import calls, dispositions, notes
from m3voip.storage.postgres.admin.agents import TABLE as AGENTS
from m3voip.storage.postgres.admin.calls import CallRow
from m3voip.storage.postgres.admin.dispositions import DispositionRow, Given
from m3voip.storage.postgres.admin.notes import NoteRow

router = APIRouter(prefix="/v1/tm/calls/{callId}", tags=["After the call"], route_class=Guarded)

_SAY: dict[str, Any] = {
    **allowed(Permission.MAKE_CALLS, Permission.SUPERVISE),
    "status_code": 201,
    "responses": guarded(Code.NOT_FOUND, Code.CONFLICT),
}


@router.post("/notes", response_model=CallNote, **_SAY)
async def add_note(
    ctx: Ctx, request: Request, call_id: CallId, body: NewNote, idempotency_key: KeyHeader = None
) -> Response:
    """Write something down about a call, while it goes on or later. Told by the event `call.noted`."""

    async def make(db: Db) -> CallNote:
        await calls.get(db, ctx.tenant_id, call_id)
        row = NoteRow(
            id=ctx.new_id(), call_id=call_id, text=body.text, made_by=ctx.principal.subject,
            agent_id=ctx.principal.agent_id, at=ctx.deps.clock.now(),
        )  # fmt: skip
        await notes.add(db, ctx.tenant_id, row)
        await note(ctx, db, "call.note", call_id)
        return shown_note(row)

    return await create_once(request, ctx, idempotency_key, make)


@router.post("/disposition", response_model=Disposition, **_SAY)
async def set_disposition(
    ctx: Ctx, request: Request, call_id: CallId, body: NewDisposition, idempotency_key: KeyHeader = None
) -> Response:
    """Say how the call came out, while it goes on or later. Said again, the latest counts and the others are kept. Told by
    the event `call.disposition_set`."""

    async def make(db: Db) -> Disposition:
        call = await calls.get(db, ctx.tenant_id, call_id)
        code = await dispositions.by_code(db, ctx.tenant_id, body.outcome_code)
        given = Given(
            id=ctx.new_id(), call_id=call_id, at=ctx.deps.clock.now(), via="api", notes=body.notes,
            next_attempt_at=body.next_attempt_at, set_by=ctx.principal.subject,
            agent_id=ctx.principal.agent_id or call.agent_id,
        )  # fmt: skip
        row = await dispositions.give(db, ctx.tenant_id, code, given)
        await note(ctx, db, "call.disposition", call_id, details={"code": code.code})
        return shown_disposition(row)

    answer = await create_once(request, ctx, idempotency_key, make)
    if body.end_wrap_up:
        async with ctx.work() as db:
            call = await calls.get(db, ctx.tenant_id, call_id)
            extension = await _extension(ctx, db, call)
        _end_wrap_up(ctx, call, extension)
    return answer


async def _extension(ctx: Context, db: Db, call: CallRow) -> str:
    """Where the agent sits whose wrap-up is meant: of the key's agent, else of who talked last."""
    mine = ctx.principal.agent_id
    return call.extension if mine is None else (await AGENTS.get(db, ctx.tenant_id, mine)).extension


def _end_wrap_up(ctx: Context, call: CallRow, extension: str) -> None:
    now = ctx.deps.live.agent(ctx.tenant_id, extension)
    agent_id = ctx.principal.agent_id or call.agent_id
    if now is not None and agent_id and now.call_id == call.id and now.state == AgentState.WRAP_UP:
        asked = a.WrapUpEndAsked(at=ctx.deps.clock.now(), by=ctx.principal.subject)
        ctx.deps.agents.ask(agent_id, asked)


def shown_note(row: NoteRow) -> CallNote:
    """A note as the API shows it."""
    return CallNote(**fields(row))


def shown_disposition(row: DispositionRow) -> Disposition:
    """A disposition as the API shows it."""
    shown = fields(row)
    return Disposition(outcome_code=shown.pop("code"), **shown)
