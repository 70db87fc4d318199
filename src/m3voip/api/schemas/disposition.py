"""Dispositions and notes on the wire."""

from __future__ import annotations

from enum import StrEnum
from typing import Annotated
from uuid import UUID

from pydantic import AfterValidator, Field, JsonValue, StringConstraints

from m3voip.api.fields import Label, Prose, Sent, Time, Wire, examples, page_of, unset
from m3voip.api.schemas.page import Page
from m3voip.core.disposition import Outcome

CodePattern = Annotated[
    str,
    StringConstraints(pattern=r"^[A-Z][A-Z0-9_]{0,31}$"),
    Field(description="1 to 32 of A-Z, 0-9 and _, beginning with a letter"),
]
Number = Annotated[int, Field(ge=1, le=99)]


class RequiredField(StrEnum):
    """What a code can demand."""

    NOTES = "notes"
    NEXT_ATTEMPT_AT = "nextAttemptAt"


def _each_once(fields: list[RequiredField]) -> list[RequiredField]:
    if len(set(fields)) != len(fields):
        raise ValueError("must hold each field once.")
    return fields


RequiredFields = Annotated[
    list[RequiredField],
    AfterValidator(_each_once),
    Field(max_length=2, description="what has to be said with this code"),
]


class NewDispositionCode(Sent):
    """A code of the tenant's own."""

    code: CodePattern
    maps_to: Outcome = Field(description="which of the contract's outcomes it means: what else happens goes by that")
    label: Label = ""
    required: RequiredFields = Field(default_factory=list)
    number: Number | None = Field(
        default=None, description="set by phone with *55 and this in two digits; null: it cannot be"
    )
    active: bool = True
    model_config = examples({"code": "SENT_BROCHURE", "mapsTo": "INTERESTED", "label": "Brochure sent", "number": 20})


class DispositionCodeChange(Sent):
    """What to change; what is left out stays. A code and its meaning are never changed, because calls name them."""

    label: Label = unset()
    required: RequiredFields = unset()
    number: Number | None = unset()
    active: bool = unset()
    model_config = examples({"active": False})


_CODE: dict[str, JsonValue] = {
    "id": "00000000-0005-4a31-9f00-3b1c2d4e5f60", "code": "CALLBACK", "mapsTo": "CALLBACK", "standard": True, "label": "",
    "required": ["nextAttemptAt"], "number": 5, "active": True,
    "createdAt": "2026-11-23T09:00:00Z", "updatedAt": "2026-11-23T09:00:00Z",
}  # fmt: skip


class DispositionCode(Wire):
    """How a call can come out."""

    id: UUID
    code: str
    maps_to: Outcome
    standard: bool = Field(description="one of the contract's codes, which every tenant has")
    label: str
    required: list[RequiredField]
    number: int | None = Field(description="set by phone with *55 and this in two digits; null: it cannot be")
    active: bool = Field(description="false: it can be given no longer")
    created_at: Time
    updated_at: Time
    model_config = examples(_CODE)


class DispositionCodePage(Page[DispositionCode]):
    """Codes: the contract's, then the tenant's own in the order they were made."""

    model_config = page_of(_CODE)


class NewDisposition(Sent):
    """How a call came out."""

    outcome_code: CodePattern = Field(description="an active code of GET /v1/tm/dispositions")
    notes: Prose = ""
    next_attempt_at: Time | None = None
    end_wrap_up: bool = Field(default=False, description="also end the wrap-up of the agent, if it is this call's")
    model_config = examples(
        {
            "outcomeCode": "CALLBACK",
            "nextAttemptAt": "2036-11-24T10:00:00Z",
            "notes": "Ask for Ms. Doe",
            "endWrapUp": True,
        }
    )


DISPOSITION: dict[str, JsonValue] = {
    "id": "019ab0c8-3333-7a31-9f00-3b1c2d4e5f60", "callId": "019ab0c4-5d3e-7a31-9f00-3b1c2d4e5f60", "outcomeCode": "CALLBACK",
    "mapsTo": "CALLBACK", "notes": "Ask for Ms. Doe", "nextAttemptAt": "2036-11-24T10:00:00Z",
    "setBy": "019ab0c4-7777-7a31-9f00-3b1c2d4e5f60", "agentId": "019ab0c4-1111-7a31-9f00-3b1c2d4e5f60", "via": "api",
    "at": "2026-11-23T10:02:50Z", "replacedAt": None,
}  # fmt: skip


class Disposition(Wire):
    """What was said of a call."""

    id: UUID
    call_id: UUID
    outcome_code: str
    maps_to: Outcome = Field(description="the contract's outcome that the code means")
    notes: str
    next_attempt_at: Time | None
    set_by: UUID | None = Field(description="the key; null by phone")
    agent_id: UUID | None = Field(description="whose disposition it is")
    via: str = Field(description="api or phone")
    at: Time
    replaced_at: Time | None = Field(description="null: this one counts")
    model_config = examples(DISPOSITION)


class NewNote(Sent):
    """Something to be known about a call."""

    text: Annotated[Prose, Field(min_length=1)]
    model_config = examples({"text": "Wants the invoice on paper."})


NOTE: dict[str, JsonValue] = {
    "id": "019ab0c8-4444-7a31-9f00-3b1c2d4e5f60", "callId": "019ab0c4-5d3e-7a31-9f00-3b1c2d4e5f60",
    "text": "Wants the invoice on paper.", "madeBy": "019ab0c4-7777-7a31-9f00-3b1c2d4e5f60",
    "agentId": "019ab0c4-1111-7a31-9f00-3b1c2d4e5f60", "at": "2026-11-23T10:01:00Z",
}  # fmt: skip


class CallNote(Wire):
    """A note about a call. It is never changed."""

    id: UUID
    call_id: UUID
    text: str
    made_by: UUID = Field(description="the key")
    agent_id: UUID | None = Field(description="the agent that the key stands for")
    at: Time
    model_config = examples(NOTE)
