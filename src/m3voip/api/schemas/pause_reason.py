"""Pause reasons on the wire."""

from __future__ import annotations

from typing import Annotated
from uuid import UUID

from pydantic import AfterValidator, Field, JsonValue, StringConstraints

from m3voip.api.fields import Label, Sent, Time, Wire, examples, page_of, unset
from m3voip.api.schemas.page import Page
from m3voip.core.agent import AgentState
from m3voip.core.agent_state import SYSTEM_REASONS

_TAKEN = frozenset({*SYSTEM_REASONS, *AgentState})


def _free(code: str) -> str:
    if code in _TAKEN:
        raise ValueError("is a word of the service's own; choose another.")
    return code


PauseCode = Annotated[
    str,
    StringConstraints(pattern=r"^[a-z][a-z0-9_]{0,31}$"),
    Field(description="1 to 32 of a-z, 0-9 and _, beginning with a letter"),
]
OwnCode = Annotated[PauseCode, AfterValidator(_free)]
Limit = Annotated[int, Field(ge=0, le=86400, description="seconds that such a pause may last; 0 = no limit")]


class NewPauseReason(Sent):
    """A reason for which agents may pause."""

    code: OwnCode
    label: Label = ""
    limit_sec: Limit = 0
    active: bool = True
    model_config = examples({"code": "lunch", "label": "Lunch", "limitSec": 1800})


class PauseReasonChange(Sent):
    """What to change; what is left out stays. A code is never changed, because events name it."""

    label: Label = unset()
    limit_sec: Limit = unset()
    active: bool = unset()
    model_config = examples({"limitSec": 2700})


_REASON: dict[str, JsonValue] = {
    "id": "019ab0c4-9999-7a31-9f00-3b1c2d4e5f60", "code": "lunch", "label": "Lunch", "limitSec": 1800, "active": True,
    "createdAt": "2026-11-23T09:00:00Z", "updatedAt": "2026-11-23T09:00:00Z",
}  # fmt: skip


class PauseReason(Wire):
    """A reason for which agents may pause."""

    id: UUID
    code: str
    label: str
    limit_sec: int = Field(description="0 = no limit")
    active: bool = Field(description="false: it can be chosen no longer")
    created_at: Time
    updated_at: Time
    model_config = examples(_REASON)


class PauseReasonPage(Page[PauseReason]):
    """Reasons in the order they were made."""

    model_config = page_of(_REASON)
