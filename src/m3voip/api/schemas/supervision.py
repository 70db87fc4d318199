"""Supervisions on the wire."""

from __future__ import annotations

from typing import Annotated
from uuid import UUID

from pydantic import Field, JsonValue, StringConstraints

from m3voip.api.fields import Extension, Sent, Time, Wire, examples, page_of, unset
from m3voip.api.schemas.call import ID
from m3voip.api.schemas.page import Page
from m3voip.core.modes import Mode
from m3voip.core.supervision import Parting

Reason = Annotated[
    str,
    StringConstraints(pattern=r"^[^\x00-\x1f\x7f]*$", strip_whitespace=True, min_length=1, max_length=500),
    Field(description="why you listen; it is kept in the audit"),
]
_MODE = "`listen`: nobody hears you; `whisper`: the agent alone does; `barge`: everybody does"


class NewSupervision(Sent):
    """Whom to hear, and why. Either `callId` or `agentExtension`."""

    call_id: UUID | None = Field(default=None, description="the agent of this call")
    agent_extension: Extension | None = Field(default=None, description="this agent, in the call they are in now")
    extension: Extension = Field(description="your phone, which rings once")
    mode: Mode = Field(default=Mode.LISTEN, description=_MODE)
    reason: Reason
    model_config = examples(
        {"agentExtension": "101", "extension": "104", "mode": "listen", "reason": "second week, as agreed"},
        {"callId": ID, "extension": "104", "mode": "barge", "reason": "the agent asks for help"},
    )


class SupervisionChange(Sent):
    """Another mode, another agent, or both. Another agent without a mode is listened to."""

    mode: Mode = unset()
    call_id: UUID = unset()
    agent_extension: Extension = unset()
    model_config = examples({"mode": "whisper"}, {"agentExtension": "102"})


_SHOWN: dict[str, JsonValue] = {
    "id": ID, "subject": ID, "extension": "104", "callId": ID, "agentExtension": "101", "mode": "listen",
    "reason": "second week, as agreed", "startedAt": "2026-11-25T10:00:00Z", "answeredAt": "2026-11-25T10:00:04Z",
    "endedAt": None, "endReason": None,
}  # fmt: skip


class Supervision(Wire):
    """Somebody who hears an agent at work, or did."""

    id: UUID
    subject: UUID = Field(description="the key or user who supervises")
    extension: str = Field(description="the supervisor's phone")
    call_id: UUID
    agent_extension: str
    mode: Mode = Field(description=_MODE)
    reason: str
    started_at: Time
    answered_at: Time | None = Field(description="the supervisor's phone was picked up")
    ended_at: Time | None
    end_reason: Parting | None
    model_config = examples(_SHOWN)


class SupervisionPage(Page[Supervision]):
    """A page of supervisions."""

    model_config = page_of(_SHOWN)
