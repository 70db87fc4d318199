"""What callers answered in surveys, on the wire."""

from __future__ import annotations

from enum import StrEnum
from uuid import UUID

from pydantic import Field, JsonValue

from m3voip.api.fields import Time, Wire, examples, page_of
from m3voip.api.schemas.page import Page


class Part(StrEnum):
    """What the figures of a survey are split by."""

    AGENT = "agent"
    QUEUE = "queue"


ANSWER: dict[str, JsonValue] = {
    "callId": "019ab0c4-5d3e-7a31-9f00-3b1c2d4e5f60", "seq": 19, "node": "friendly", "name": "friendly", "value": "5",
    "extension": "101", "queue": "sales", "byQueue": True, "at": "2026-11-23T10:03:10Z",
}  # fmt: skip


class SurveyAnswer(Wire):
    """One answer of one caller."""

    call_id: UUID
    seq: int = Field(description="of the event `survey.answered`")
    node: str
    name: str = Field(description="the node of a menu, the variable of a collect")
    value: str = Field(description="the keys")
    extension: str = Field(description="the agent of the talk before")
    queue: str = Field(description="the queue of that talk")
    by_queue: bool = Field(description="the queue sent the caller to the survey; false: an agent did")
    at: Time
    model_config = examples(ANSWER)


class SurveyAnswerPage(Page[SurveyAnswer]):
    """Answers, those of the newest call first."""

    model_config = page_of(ANSWER)


class QuestionFigures(Wire):
    """A question's answers. Of two answers in one visit the later counts."""

    name: str
    answers: int
    values: dict[str, int] = Field(description="value → how often it was given")
    answer_share: float | None = Field(description="visits in which the question was answered / visits")
    mean_score: float | None = Field(description="answers that are numbers, added up / how many these are")


_QUESTION: dict[str, JsonValue] = {
    "name": "friendly", "answers": 4, "values": {"4": 1, "5": 3}, "answerShare": 0.8, "meanScore": 4.75,
}  # fmt: skip


class SurveyFigures(Wire):
    """How callers answered, of one agent, one queue, or all."""

    part: str = Field(description="the agent's extension or the queue; empty for all together")
    visits: int = Field(description="callers who got to the survey")
    questions: list[QuestionFigures]


class SurveyReport(Wire):
    """How callers answered in this time."""

    items: list[SurveyFigures] = Field(description="by agent or queue; empty when it is not split")
    total: SurveyFigures
    model_config = examples({"items": [], "total": {"part": "", "visits": 5, "questions": [_QUESTION]}})
