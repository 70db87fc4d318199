"""Scorecards and their forms on the wire."""

from __future__ import annotations

from typing import Annotated
from uuid import UUID

from pydantic import Field, JsonValue, StrictBool, StrictInt, StringConstraints

from m3voip.api.fields import LongText, Prose, Sent, Text, Time, Wire, examples, page_of, unset
from m3voip.api.schemas.page import Page
from m3voip.core.scorecard import Kind

QuestionName = Annotated[
    str,
    StringConstraints(pattern=r"^[a-z][a-z0-9_]{0,31}$"),
    Field(description="1 to 32 of a-z, 0-9 and _, unique in the form"),
]
Weight = Annotated[int, Field(ge=1, le=100)]
Answers = Annotated[
    dict[QuestionName, StrictBool | StrictInt | None],
    Field(
        description="question → true or false, 1 to the top of its scale, or null where it does not apply",
        max_length=100,
    ),
]


class Question(Sent):
    """What is asked."""

    name: QuestionName
    text: LongText = Field(min_length=1)
    kind: Kind
    most: int = Field(default=5, ge=2, le=10, description="top of a scale, which begins at 1")
    weight: Weight = 1
    can_skip: bool = Field(default=False, description="the answer may be null: it does not apply to every call")
    critical: bool = Field(
        default=False, description="with no, or the lowest of the scale, the whole scorecard comes to 0"
    )


class Section(Sent):
    """Questions that belong together."""

    title: Text
    weight: Weight = Field(default=1, description="times that of each of its questions")
    questions: list[Question] = Field(min_length=1, max_length=100)


_SECTIONS: list[JsonValue] = [
    {
        "title": "Greeting", "weight": 1,
        "questions": [
            {"name": "greeted", "text": "Said the company's name?", "kind": "yes_no", "most": 5, "weight": 1, "canSkip": False,
             "critical": False},
            {"name": "friendly", "text": "How friendly?", "kind": "scale", "most": 5, "weight": 2, "canSkip": False,
             "critical": False},
        ],
    }
]  # fmt: skip


Sections = Annotated[list[Section], Field(min_length=1, max_length=50)]


class NewScorecardForm(Sent):
    """A form to be made."""

    name: Text
    sections: Sections
    model_config = examples({"name": "Sales calls", "sections": _SECTIONS})


class ScorecardFormChange(Sent):
    """What to change; what is left out stays. New sections are a new version; scorecards keep the one they were filled in by."""

    name: Text = unset()
    sections: Sections = unset()
    active: bool = unset()
    model_config = examples({"active": False})


_FORM: dict[str, JsonValue] = {
    "id": "019ab0c4-aaaa-7a31-9f00-3b1c2d4e5f60", "name": "Sales calls", "version": 1, "active": True, "sections": _SECTIONS,
    "createdAt": "2026-11-23T09:00:00Z", "updatedAt": "2026-11-23T09:00:00Z",
}  # fmt: skip


class ScorecardForm(Wire):
    """What trainers fill in."""

    id: UUID
    name: str
    version: int
    active: bool = Field(description="false: no new scorecards by it")
    sections: list[Section]
    created_at: Time
    updated_at: Time
    model_config = examples(_FORM)


class ScorecardFormPage(Page[ScorecardForm]):
    """Forms in the order they were made."""

    model_config = page_of(_FORM)


class NewScorecard(Sent):
    """A form filled in. Every question of its present version must be answered."""

    form_id: UUID
    agent_id: UUID | None = Field(default=None, description="whose work it is; by default who talked last in the call")
    recording_id: UUID | None = Field(default=None, description="what was listened to: one of the call's recordings")
    answers: Answers
    comment: Prose = ""
    replaces: UUID | None = Field(
        default=None, description="an earlier scorecard of this call and agent that was wrong"
    )
    model_config = examples(
        {
            "formId": "019ab0c4-aaaa-7a31-9f00-3b1c2d4e5f60",
            "answers": {"greeted": True, "friendly": 4},
            "comment": "Well done.",
        }
    )


_SCORECARD: dict[str, JsonValue] = {
    "id": "019ab0d1-bbbb-7a31-9f00-3b1c2d4e5f60", "callId": "019ab0c4-5d3e-7a31-9f00-3b1c2d4e5f60", "recordingId": None,
    "agentId": "019ab0c4-1111-7a31-9f00-3b1c2d4e5f60", "formId": "019ab0c4-aaaa-7a31-9f00-3b1c2d4e5f60", "version": 1,
    "answers": {"greeted": True, "friendly": 4}, "comment": "Well done.", "points": 2.5, "possible": 3.0, "score": 0.8333,
    "failed": [], "reviewer": "019ab0c4-7777-7a31-9f00-3b1c2d4e5f60", "at": "2026-11-23T11:00:00Z", "replaces": None,
    "replacedBy": None,
}  # fmt: skip


class Scorecard(Wire):
    """What a trainer made of a call. It is never changed."""

    id: UUID
    call_id: UUID
    recording_id: UUID | None
    agent_id: UUID
    form_id: UUID
    version: int = Field(description="of the form")
    answers: dict[str, bool | int | None]
    comment: str
    points: float
    possible: float = Field(description="points of the questions that apply")
    score: float | None = Field(description="points / possible; null when no question applies")
    failed: list[str] = Field(description="critical questions that were not met: points are 0 then")
    reviewer: UUID = Field(description="the key")
    at: Time
    replaces: UUID | None
    replaced_by: UUID | None = Field(description="null: this one counts")
    model_config = examples(_SCORECARD)


class ScorecardPage(Page[Scorecard]):
    """Scorecards, newest first, replaced ones too."""

    model_config = page_of(_SCORECARD)


class ScorecardFigures(Wire):
    """An agent's scorecards that count, added up."""

    scorecards: int
    failed: int = Field(description="with a critical question that was not met")
    points: float
    possible: float
    score: float | None = Field(description="points added up / possible added up")
    model_config = examples({"scorecards": 2, "failed": 0, "points": 5.0, "possible": 6.0, "score": 0.8333})
