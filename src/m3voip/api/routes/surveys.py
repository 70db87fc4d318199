"""What callers answered in a survey, and how they answered on the whole."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Annotated
from uuid import UUID

from fastapi import APIRouter, Query

from m3voip.api.auth import Guarded, allowed
from m3voip.api.context import Ctx
from m3voip.api.errors import Code
from m3voip.api.fields import Extension, Name, Time, fields
from m3voip.api.ids import TreeId
from m3voip.api.paging import Pages, cut
from m3voip.api.permissions import Permission
from m3voip.api.schemas.error import guarded
from m3voip.api.schemas.survey import Part, QuestionFigures, SurveyAnswer, SurveyAnswerPage, SurveyFigures, SurveyReport
from m3voip.reporting import measures
from m3voip.storage.postgres.admin import surveys
from m3voip.storage.postgres.admin.surveys import ValueCount, Wanted
from m3voip.storage.postgres.admin.trees import TABLE

router = APIRouter(prefix="/v1/tm/ivr-trees/{treeId}", tags=["Surveys"], route_class=Guarded)

_REPORTS = allowed(Permission.SUPERVISE, Permission.VIEW_REPORTS)
_From = Annotated[Time | None, Query(alias="from", description="came to the survey then or later")]
_To = Annotated[Time | None, Query(description="came to it before")]
_Agent = Annotated[Extension | None, Query(description="extension of the agent of the talk", examples=["101"])]
_Queue = Annotated[Name | None, Query(description="queue of the talk", examples=["sales"])]


@router.get("/survey-answers", **_REPORTS, responses=guarded(Code.NOT_FOUND))
async def get_survey_answers(
    ctx: Ctx,
    tree_id: TreeId,
    paging: Pages,
    *,
    from_: _From = None,
    to: _To = None,
    agent: _Agent = None,
    queue: _Queue = None,
) -> SurveyAnswerPage:
    """Every answer that callers gave to this tree as a survey."""
    of = f"survey-answers/{tree_id}"
    after = ctx.after(of, paging)
    async with ctx.work() as db:
        tree = (await TABLE.get(db, ctx.tenant_id, tree_id)).name
        wanted = Wanted(tree=tree, since=from_, until=to, extension=agent, queue=queue)
        rows = await surveys.page(db, ctx.tenant_id, wanted, _key(after) if after else None, paging.limit)
    page, last = cut(rows, paging.limit, lambda row: f"{row.call_id}/{row.seq}")
    return SurveyAnswerPage(items=[SurveyAnswer(**fields(row)) for row in page], next_cursor=ctx.next_cursor(of, last))


@router.get("/survey-figures", **_REPORTS, responses=guarded(Code.NOT_FOUND))
async def get_survey_figures(
    ctx: Ctx,
    tree_id: TreeId,
    *,
    by: Annotated[Part | None, Query(description="split by agent or queue")] = None,
    from_: _From = None,
    to: _To = None,
    agent: _Agent = None,
    queue: _Queue = None,
) -> SurveyReport:
    """How callers answered: counts of every value, and what is made from those."""
    async with ctx.work() as db:
        tree = (await TABLE.get(db, ctx.tenant_id, tree_id)).name
        wanted = Wanted(tree=tree, since=from_, until=to, extension=agent, queue=queue)
        part = by.value if by else None
        visits = await surveys.visits(db, ctx.tenant_id, wanted, part)
        counts = await surveys.counts(db, ctx.tenant_id, wanted, part)
    total = _figures("", sum(visits.values()), counts)
    items = [_figures(one, n, (row for row in counts if row.part == one)) for one, n in sorted(visits.items()) if by]
    return SurveyReport(items=items, total=total)


def _key(cursor: str) -> tuple[UUID, int]:
    call, _, seq = cursor.partition("/")
    return UUID(call), int(seq)


def _figures(part: str, visits: int, counts: Iterable[ValueCount]) -> SurveyFigures:
    questions: dict[str, dict[str, int]] = {}
    for one in counts:
        values = questions.setdefault(one.name, {})
        values[one.value] = values.get(one.value, 0) + one.count
    return SurveyFigures(
        part=part,
        visits=visits,
        questions=[_question(name, values, visits) for name, values in sorted(questions.items())],
    )


def _question(name: str, values: dict[str, int], visits: int) -> QuestionFigures:
    scored = {int(value): n for value, n in values.items() if value.isdecimal()}
    counts = measures.AnswerCounts(
        answers=sum(values.values()),
        scored=sum(scored.values()),
        score=sum(value * n for value, n in scored.items()),
    )
    return QuestionFigures(
        name=name,
        answers=counts.answers,
        values=values,
        answer_share=measures.rounded(measures.answer_share(counts.answers, visits)),
        mean_score=measures.rounded(measures.mean_score(counts)),
    )
