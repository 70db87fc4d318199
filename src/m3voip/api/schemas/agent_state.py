"""What an agent does, asks for, and did, on the wire."""

from __future__ import annotations

from enum import StrEnum
from uuid import UUID

from pydantic import Field, JsonValue

from m3voip.api.fields import Sent, Time, Wire, examples, page_of
from m3voip.api.schemas.agent import ID, AgentState
from m3voip.api.schemas.page import Page
from m3voip.api.schemas.pause_reason import PauseCode


class Presence(StrEnum):
    """The CRM's four words for the six states."""

    AVAILABLE = "available"
    BUSY = "busy"
    AWAY = "away"
    OFFLINE = "offline"


class PhoneState(StrEnum):
    """Whether calls could reach the agent: by the line of a session, else by the phone."""

    REACHABLE = "reachable"
    UNREACHABLE = "unreachable"


class StateAsked(Sent):
    """What the agent is to be. `available` signs in, ends a pause and ends a wrap-up, whatever it takes. `away` (and `busy`)
    pauses, `offline` signs out; during a call both take effect after it."""

    state: Presence
    reason: PauseCode | None = Field(default=None, description="why away: the code of a pause reason")
    model_config = examples({"state": "away", "reason": "lunch"}, {"state": "available"})


class WrapUpExtension(Sent):
    """How much longer the wrap-up is to take."""

    extend_sec: int = Field(ge=1, le=3600)
    model_config = examples({"extendSec": 60})


class AgentAtWork(Wire):
    """What an agent does at this moment. `state` is the CRM's word for `agentState`."""

    state: Presence
    reason: str = Field(description="why paused, or about to be: a pause reason, ring_no_answer or phone_lost")
    agent_id: UUID
    extension: str
    agent_state: AgentState
    since: Time | None = Field(description="null: never seen at work")
    pending: AgentState | None = Field(description="what comes after the call, where that was asked for during it")
    phone: PhoneState
    session: bool | None = Field(
        description="whether the line is kept up; null: this agent's phone rings for each call"
    )
    call_id: UUID | None = Field(description="the call that rings, is talked in or is wrapped up")
    wrap_up_ends_at: Time | None
    limit_at: Time | None = Field(description="when the pause has lasted as long as its reason allows")
    over_limit: bool = Field(description="the pause has lasted longer than its reason allows")
    model_config = examples(
        {
            "state": "busy", "reason": "lunch", "agentId": ID, "extension": "101", "agentState": "on_call",
            "since": "2026-11-23T10:00:04Z", "pending": "paused", "phone": "reachable", "session": None,
            "callId": "019ab0c4-5d3e-7a31-9f00-3b1c2d4e5f60", "wrapUpEndsAt": None, "limitAt": None, "overLimit": False,
        }
    )  # fmt: skip


_EVENT: dict[str, JsonValue] = {
    "seq": 17, "at": "2026-11-23T10:02:00Z", "kind": "paused", "state": "on_call", "via": "api",
    "by": "019ab0c4-8888-7a31-9f00-3b1c2d4e5f60", "reason": "lunch", "callId": "019ab0c4-5d3e-7a31-9f00-3b1c2d4e5f60",
    "until": None,
}  # fmt: skip


class AgentEvent(Wire):
    """Something that happened to an agent. It is never changed."""

    seq: int = Field(description="counts the agent's events from 1 without gaps")
    at: Time
    kind: str = Field(description="what happened; see docs/reference/agents.md")
    state: AgentState = Field(description="after it")
    via: str = Field(description="api, phone_code, phone, call, time or service")
    by: UUID | None = Field(description="the key or user who asked")
    reason: str
    call_id: UUID | None
    until: Time | None = Field(description="of a wrap-up")
    model_config = examples(_EVENT)


class AgentEventPage(Page[AgentEvent]):
    """Events of one agent, newest first."""

    model_config = page_of(_EVENT)
