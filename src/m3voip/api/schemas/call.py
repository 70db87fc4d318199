"""Calls on the wire. Fields that later parts fill (campaign, outcome, cost) are there and null, as the contract has them."""

from __future__ import annotations

from enum import StrEnum
from uuid import UUID

from pydantic import Field, JsonValue

from m3voip.api.fields import Time, Wire, examples, page_of
from m3voip.api.schemas.disposition import DISPOSITION, NOTE, CallNote, Disposition
from m3voip.api.schemas.page import Page
from m3voip.api.schemas.recording import RECORDING, Recording
from m3voip.api.schemas.survey import ANSWER, SurveyAnswer
from m3voip.api.schemas.voicemail import VOICEMAIL, Voicemail
from m3voip.core.call import State
from m3voip.core.causes import EndReason
from m3voip.core.disposition import Outcome

ID = "019ab0c4-5d3e-7a31-9f00-3b1c2d4e5f60"


class Liveness(StrEnum):
    """Whether a call still goes on."""

    LIVE = "live"
    ENDED = "ended"


CALL: dict[str, JsonValue] = {
    "id": ID, "direction": "inbound", "state": "ended", "did": "+15550100100", "caller": "+15557654321",
    "callerName": "", "tree": "main", "treeVersion": 3, "node": "welcome", "queue": "sales", "agentExtension": "101",
    "agentId": "019ab0c4-1111-7a31-9f00-3b1c2d4e5f60", "agentUserId": None, "dialStartAt": "2026-11-23T10:00:00Z",
    "queuedAt": "2026-11-23T10:00:04Z", "connectedAt": "2026-11-23T10:00:16Z", "endedAt": "2026-11-23T10:02:41Z",
    "durationSec": 161.0, "waitSec": 12.0, "talkTimeSec": 145.0, "endReason": "caller_hung_up", "hangupCause": 16,
    "recorded": True, "recordingId": "019ab0c7-0000-7a31-9f00-3b1c2d4e5f60", "recordingUrl": None,
    "providerSessionId": "asterisk-1763892000.12", "lastSeq": 14, "campaignId": None, "enrollmentId": None,
    "outcomeCode": "CALLBACK", "outcomeMapsTo": "CALLBACK", "notes": "Ask for Ms. Doe", "costMinor": None, "currency": None,
}  # fmt: skip


class Call(Wire):
    """One customer's whole journey."""

    id: UUID
    direction: str
    state: State = Field(description="where the caller is; `ended` is final")
    did: str = Field(description="the number that was called")
    caller: str = Field(description="the caller's number, empty when withheld")
    caller_name: str
    tree: str
    tree_version: int
    node: str = Field(description="where in the tree")
    queue: str = Field(description="the last queue")
    agent_extension: str = Field(description="the agent who is offered the call, talks, or talked last")
    agent_id: UUID | None = Field(description="the agent who talked last")
    agent_user_id: UUID | None = Field(default=None, description="the CRM's user of that agent; not known yet")
    dial_start_at: Time = Field(description="when the call began")
    queued_at: Time | None
    connected_at: Time | None = Field(description="to the last agent")
    ended_at: Time | None
    duration_sec: float | None = Field(description="null while the call goes on")
    wait_sec: float = Field(description="in queues, all visits")
    talk_time_sec: float = Field(description="with agents, all of them")
    end_reason: EndReason | None
    hangup_cause: int | None = Field(description="Q.850; 0 when the network gave none")
    recorded: bool
    recording_id: UUID | None
    recording_url: str | None = Field(
        default=None, description="always null: POST /v1/tm/recordings/{id}/link makes one"
    )
    provider_session_id: str = Field(description="the telephony node's name of the caller's leg")
    last_seq: int = Field(description="how many events the call has")
    campaign_id: UUID | None = None
    enrollment_id: UUID | None = None
    outcome_code: str | None = Field(default=None, description="how the call came out, as was said last")
    outcome_maps_to: Outcome | None = Field(default=None, description="the contract's outcome that this code means")
    notes: str | None = Field(default=None, description="what was written with the outcome")
    cost_minor: int | None = None
    currency: str | None = None
    model_config = examples(CALL)


class Leg(Wire):
    """One party's connection to the call."""

    seq: int = Field(description="of the event that began it")
    role: str = Field(description="caller or agent")
    provider_session_id: str
    number: str
    extension: str
    agent_id: UUID | None
    started_at: Time
    ended_at: Time | None
    hangup_cause: int | None


class QueueVisit(Wire):
    """The call's stay in a queue."""

    visit: int = Field(description="counts from 1")
    queue: str
    queue_id: UUID | None
    entered_at: Time
    joined_at: Time | None = Field(description="when the queue took the caller in")
    position: int | None = Field(description="at that moment")
    offers: int = Field(description="to agents")
    missed: int = Field(description="offers that nobody took")
    outcome: str | None = Field(
        description="answered, abandoned, or why the caller left without an agent; null while waiting"
    )
    outcome_at: Time | None
    waited_sec: float | None
    extension: str = Field(description="who answered")
    agent_id: UUID | None
    talk_sec: float
    short_abandoned: bool = Field(description="abandoned within the queue's `shortAbandonSec`")


_LEG: dict[str, JsonValue] = {
    "seq": 1, "role": "caller", "providerSessionId": "asterisk-1763892000.12", "number": "+15557654321", "extension": "",
    "agentId": None, "startedAt": "2026-11-23T10:00:00Z", "endedAt": "2026-11-23T10:02:41Z", "hangupCause": 16,
}  # fmt: skip
_VISIT: dict[str, JsonValue] = {
    "visit": 1, "queue": "sales", "queueId": "019ab0c4-2222-7a31-9f00-3b1c2d4e5f60", "enteredAt": "2026-11-23T10:00:04Z",
    "joinedAt": "2026-11-23T10:00:04Z", "position": 1, "offers": 1, "missed": 0, "outcome": "answered",
    "outcomeAt": "2026-11-23T10:00:16Z", "waitedSec": 12.0, "extension": "101",
    "agentId": "019ab0c4-1111-7a31-9f00-3b1c2d4e5f60", "talkSec": 145.0,
    "shortAbandoned": False,
}  # fmt: skip


class CallWaiting(Wire):
    """Where a waiting caller stands at this moment."""

    queue: str
    position: int = Field(description="1 is next")
    waited_sec: float = Field(description="since the queue took the caller in")


class CallDetail(Call):
    """A call with its parts."""

    waiting: CallWaiting | None = Field(description="null unless the caller waits in a queue right now")

    legs: list[Leg]
    queue_visits: list[QueueVisit]
    recordings: list[Recording]
    voicemails: list[Voicemail]
    dispositions: list[Disposition] = Field(description="everything that was said of how it came out, the latest first")
    call_notes: list[CallNote] = Field(description="the oldest first")
    survey_answers: list[SurveyAnswer] = Field(description="what the caller said of the talk, in order")
    model_config = examples(
        {
            **CALL,
            "waiting": None,
            "legs": [_LEG],
            "queueVisits": [_VISIT],
            "recordings": [RECORDING],
            "voicemails": [VOICEMAIL],
            "dispositions": [DISPOSITION],
            "callNotes": [NOTE],
            "surveyAnswers": [ANSWER],
        }
    )


class CallPage(Page[Call]):
    """Calls, newest first."""

    model_config = page_of(CALL)


class Done(Wire):
    """It was done, or had been done already."""

    ok: bool
    model_config = examples({"ok": True})
