"""Scorecards: forms of the company's own, filled in by trainers for calls, listed by call and by agent."""

from __future__ import annotations

from typing import Annotated, Any
from uuid import UUID

import msgspec
import orjson
from fastapi import APIRouter, Query, Request, Response

from m3voip.api.auth import Guarded, allowed
from m3voip.api.context import Context, Ctx
from m3voip.api.crud import change_row, insert_row, note, page_of_rows
from m3voip.api.errors import ApiError, Code, invalid
from m3voip.api.fields import Time, fields
from m3voip.api.idempotency import KeyHeader, create_once
from m3voip.api.ids import AgentId, CallId, ScorecardFormId, Version
from m3voip.api.paging import Pages, Paging, cut
from m3voip.api.permissions import READ_SETUP, Permission
from m3voip.api.schemas.error import guarded
from m3voip.api.schemas.scorecard import (
    NewScorecard,
    NewScorecardForm,
    Scorecard,
    ScorecardFigures,
    ScorecardForm,
    ScorecardFormChange,
    ScorecardFormPage,
    ScorecardPage,
    Section,
)
from m3voip.api.work import Db
from m3voip.core import scorecard as core
from m3voip.reporting import measures
from m3voip.storage.postgres.admin import calls, media, scorecards
from m3voip.storage.postgres.admin.agents import TABLE as AGENTS
from m3voip.storage.postgres.admin.refusals import Missing
from m3voip.storage.postgres.admin.scorecards import FORMS, Filled, FormRow, ScorecardRow, Wanted

router = APIRouter(prefix="/v1/tm", tags=["Scorecards"], route_class=Guarded)

_MANAGE = allowed(Permission.MANAGE_AGENTS)
_REVIEW = allowed(Permission.SUPERVISE)
_READ = allowed(Permission.SUPERVISE, Permission.VIEW_REPORTS)
_OWN = allowed(Permission.MAKE_CALLS, Permission.SUPERVISE)
_From = Annotated[Time | None, Query(alias="from", description="filled in then or later")]
_To = Annotated[Time | None, Query(description="filled in before")]


@router.get("/scorecard-forms", **allowed(*READ_SETUP), responses=guarded())
async def list_scorecard_forms(ctx: Ctx, paging: Pages) -> ScorecardFormPage:
    """All forms, with the version that new scorecards are filled in by."""
    async with ctx.work() as db:
        rows, cursor = await page_of_rows(ctx, db, FORMS, paging)
        items = [await _form(ctx, db, row) for row in rows]
    return ScorecardFormPage(items=items, next_cursor=cursor)


@router.post(
    "/scorecard-forms", status_code=201, response_model=ScorecardForm, **_MANAGE, responses=guarded(Code.CONFLICT)
)
async def create_scorecard_form(
    ctx: Ctx, request: Request, body: NewScorecardForm, idempotency_key: KeyHeader = None
) -> Response:
    """Make a form."""
    form = _checked(body.sections)

    async def make(db: Db) -> ScorecardForm:
        row = await insert_row(ctx, db, FORMS, {"name": body.name})
        await scorecards.add_version(db, ctx.tenant_id, row.id, row.version, form)
        return await _form(ctx, db, row)

    return await create_once(request, ctx, idempotency_key, make)


@router.get("/scorecard-forms/{scorecardFormId}", **allowed(*READ_SETUP), responses=guarded(Code.NOT_FOUND))
async def get_scorecard_form(ctx: Ctx, form_id: ScorecardFormId) -> ScorecardForm:
    """One form."""
    async with ctx.work() as db:
        return await _form(ctx, db, await FORMS.get(db, ctx.tenant_id, form_id))


@router.get(
    "/scorecard-forms/{scorecardFormId}/versions/{version}", **allowed(*READ_SETUP), responses=guarded(Code.NOT_FOUND)
)
async def get_scorecard_form_version(ctx: Ctx, form_id: ScorecardFormId, version: Version) -> ScorecardForm:
    """The form as it was, for reading old scorecards."""
    async with ctx.work() as db:
        row = await FORMS.get(db, ctx.tenant_id, form_id)
        return await _form(ctx, db, msgspec.structs.replace(row, version=version))


@router.patch("/scorecard-forms/{scorecardFormId}", **_MANAGE, responses=guarded(Code.NOT_FOUND, Code.CONFLICT))
async def change_scorecard_form(ctx: Ctx, form_id: ScorecardFormId, body: ScorecardFormChange) -> ScorecardForm:
    """Change a form. It is never deleted: scorecards name it."""
    values: dict[str, Any] = body.model_dump(exclude_unset=True, exclude={"sections"})
    form = _checked(body.sections) if "sections" in body.model_fields_set else None
    async with ctx.work() as db:
        before = await FORMS.get(db, ctx.tenant_id, form_id, lock=True)
        if form is not None and form != await scorecards.version(db, ctx.tenant_id, form_id, before.version):
            values["version"] = before.version + 1
            await scorecards.add_version(db, ctx.tenant_id, form_id, before.version + 1, form)
        return await _form(ctx, db, await change_row(ctx, db, FORMS, form_id, values))


@router.post(
    "/calls/{callId}/scorecards",
    status_code=201,
    response_model=Scorecard,
    **_REVIEW,
    responses=guarded(Code.NOT_FOUND, Code.CONFLICT),
)
async def fill_in_scorecard(
    ctx: Ctx, request: Request, call_id: CallId, body: NewScorecard, idempotency_key: KeyHeader = None
) -> Response:
    """Say what you make of an agent's work in a call. It is kept for ever; what was wrong is filled in again (`replaces`)."""

    async def make(db: Db) -> Scorecard:
        call = await calls.get(db, ctx.tenant_id, call_id)
        agent_id = await _agent(ctx, db, body.agent_id or call.agent_id)
        if body.recording_id is not None:
            heard = await media.recordings(db, ctx.tenant_id, call_id)
            if body.recording_id not in [recording.id for recording in heard]:
                raise invalid("recordingId", "must be a recording of this call.")
        row = await _one(ctx, db, body.form_id)
        form = await scorecards.version(db, ctx.tenant_id, row.id, row.version)
        _refuse(core.faults(form, body.answers))
        filled = Filled(
            id=ctx.new_id(), call_id=call_id, recording_id=body.recording_id, agent_id=agent_id, form_id=row.id,
            version=row.version, answers=body.answers, comment=body.comment, result=core.result(form, body.answers),
            reviewer=ctx.principal.subject, at=ctx.deps.clock.now(), replaces=body.replaces,
        )  # fmt: skip
        made = _shown(await scorecards.add(db, ctx.tenant_id, filled))
        await note(ctx, db, "scorecard.create", made.id)
        return made

    return await create_once(request, ctx, idempotency_key, make)


@router.get("/calls/{callId}/scorecards", **_READ, responses=guarded(Code.NOT_FOUND))
async def get_scorecards_of_call(ctx: Ctx, call_id: CallId, paging: Pages) -> ScorecardPage:
    """What trainers made of a call."""
    async with ctx.work() as db:
        await calls.get(db, ctx.tenant_id, call_id)
        return await _page(ctx, db, Wanted(call_id=call_id), paging)


@router.get("/agents/me/scorecards", **_OWN, responses=guarded(Code.NOT_FOUND))
async def get_my_scorecards(ctx: Ctx, paging: Pages) -> ScorecardPage:
    """What trainers made of the calls of the agent of this key."""
    if ctx.principal.agent_id is None:
        raise ApiError(Code.NOT_FOUND, "This API key stands for no agent; make one with agentId.")
    async with ctx.work() as db:
        return await _page(ctx, db, Wanted(agent_id=ctx.principal.agent_id), paging)


@router.get("/agents/{agentId}/scorecards", **_READ, responses=guarded(Code.NOT_FOUND))
async def get_scorecards_of_agent(
    ctx: Ctx, agent_id: AgentId, paging: Pages, *, from_: _From = None, to: _To = None
) -> ScorecardPage:
    """What trainers made of an agent's calls."""
    async with ctx.work() as db:
        await AGENTS.get(db, ctx.tenant_id, agent_id)
        return await _page(ctx, db, Wanted(agent_id=agent_id, since=from_, until=to), paging)


@router.get("/agents/{agentId}/scorecard-figures", **_READ, responses=guarded(Code.NOT_FOUND))
async def get_scorecard_figures(
    ctx: Ctx,
    agent_id: AgentId,
    *,
    from_: _From = None,
    to: _To = None,
    form_id: Annotated[UUID | None, Query(alias="formId", description="only by this form")] = None,
) -> ScorecardFigures:
    """How an agent does, from all scorecards that count."""
    async with ctx.work() as db:
        await AGENTS.get(db, ctx.tenant_id, agent_id)
        wanted = Wanted(agent_id=agent_id, form_id=form_id, since=from_, until=to)
        sums = await scorecards.figures(db, ctx.tenant_id, wanted)
    return ScorecardFigures(**fields(sums), score=measures.rounded(measures.score(sums.points, sums.possible)))


async def _page(ctx: Context, db: Db, wanted: Wanted, paging: Paging) -> ScorecardPage:
    of = f"scorecards/{wanted.call_id or wanted.agent_id}"
    after = ctx.after(of, paging)
    rows = await scorecards.page(db, ctx.tenant_id, wanted, UUID(after) if after else None, paging.limit)
    page, last = cut(rows, paging.limit, lambda row: str(row.id))
    return ScorecardPage(items=[_shown(row) for row in page], next_cursor=ctx.next_cursor(of, last))


async def _one(ctx: Context, db: Db, form_id: UUID) -> FormRow:
    """The form, which is named by a field and not by the path."""
    try:
        form = await FORMS.get(db, ctx.tenant_id, form_id)
    except Missing:
        raise invalid("formId", "there is no such scorecard form.") from None
    if not form.active:
        raise invalid("formId", "is out of use; choose one whose active is true.")
    return form


async def _agent(ctx: Context, db: Db, agent_id: UUID | None) -> UUID:
    if agent_id is None:
        raise invalid("agentId", "must be said: nobody talked in this call.")
    try:
        await AGENTS.get(db, ctx.tenant_id, agent_id)
    except Missing:
        raise invalid("agentId", "there is no such agent.") from None
    return agent_id


def _checked(sections: list[Section]) -> core.Form:
    form = msgspec.convert({"sections": [section.model_dump() for section in sections]}, core.Form)
    _refuse(core.faults_of_form(form))
    return form


def _refuse(faults: Any) -> None:
    found = list(faults)
    if found:
        path, message = found[0]
        raise ApiError(Code.VALIDATION_FAILED, f"{path}: {message}", found)


async def _form(ctx: Context, db: Db, row: FormRow) -> ScorecardForm:
    form = await scorecards.version(db, ctx.tenant_id, row.id, row.version)
    sections = [Section.model_validate(section, by_name=True) for section in msgspec.to_builtins(form.sections)]
    return ScorecardForm(**fields(row), sections=sections)


def _shown(row: ScorecardRow) -> Scorecard:
    shown = {**fields(row), "answers": orjson.loads(row.answers)}
    return Scorecard(**shown, score=measures.rounded(measures.score(row.points, row.possible)))
