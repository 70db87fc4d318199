"""Queues and their members on the wire."""

from __future__ import annotations

from enum import StrEnum
from typing import Annotated, Literal
from uuid import UUID

from pydantic import AfterValidator, Field, JsonValue

from m3voip.api.fields import Name, Sent, Time, Wire, examples, page_of, unset
from m3voip.api.schemas.agent import ID as AGENT_ID
from m3voip.api.schemas.page import Page

ID = "019ab0c4-2222-7a31-9f00-3b1c2d4e5f60"

Strategy = Literal["ringall", "leastrecent", "fewestcalls", "random", "rrmemory", "rrordered", "linear", "wrandom"]
Unavailable = Literal["paused", "penalty", "inuse", "ringing", "unavailable", "invalid", "unknown", "wrapup"]


def _reserved(name: str) -> str:
    if name == "general":
        raise ValueError("must not be general, which Asterisk keeps for itself; choose another name.")
    return name


QueueName = Annotated[Name, AfterValidator(_reserved)]
AskedStrategy = Annotated[
    Literal[Strategy, "round-robin"],
    AfterValidator(lambda name: "rrmemory" if name == "round-robin" else name),
    Field(description="app_queue's own names; `round-robin` is another name of `rrmemory`"),
]
NoMember = Annotated[
    list[Unavailable],
    Field(
        max_length=8,
        description="what makes a member not count when asked whether the queue is empty; [] = always wait",
    ),
]
RingTimeout = Annotated[int, Field(ge=1, le=300, description="how long one agent's phone rings")]
Retry = Annotated[int, Field(ge=1, le=60, description="pause before the next agent is rung")]
WrapUp = Annotated[int, Field(ge=0, le=3600, description="pause of an agent after a call")]
MaxWait = Annotated[int, Field(ge=0, le=86400, description="after this the call goes on (overflow); 0 = never")]
MaxWaiting = Annotated[int, Field(ge=0, le=100000, description="callers at most; 0 = any number")]
Weight = Annotated[int, Field(ge=0, le=1000, description="a heavier queue gets a shared agent first")]
Interval = Annotated[int, Field(ge=0, le=3600, description="between announcements; 0 = none")]
Holdtime = Annotated[Literal["no", "once", "yes"], Field(description="whether the estimated wait is announced")]
NoAnswerPause = Annotated[
    bool, Field(description="an agent who does not take a call is paused until they say they are there")
]
Music = Annotated[str, Field(pattern=r"^[a-z0-9_-]{1,32}$", description="music on hold class")]
ServiceLevel = Annotated[int, Field(ge=1, le=3600, description="answered within this counts for the service level")]


class NewQueue(Sent):
    """A queue to be made."""

    name: QueueName
    strategy: AskedStrategy = "rrmemory"
    ring_timeout_sec: RingTimeout = 15
    retry_sec: Retry = 1
    wrapup_sec: WrapUp = 0
    max_wait_sec: MaxWait = 300
    max_waiting: MaxWaiting = 0
    weight: Weight = 0
    announce_interval_sec: Interval = 30
    announce_position: bool = True
    announce_holdtime: Holdtime = "yes"
    music: Music = "default"
    join_empty: NoMember = Field(default_factory=list)
    leave_empty: NoMember = Field(default_factory=list)
    overflow_queue_id: UUID | None = Field(default=None, description="where callers go who were not answered")
    mailbox_id: UUID | None = Field(default=None, description="where they leave a message after that")
    record: bool = True
    pause_on_no_answer: NoAnswerPause = True
    service_level_sec: ServiceLevel = 20
    active: bool = True
    model_config = examples({"name": "sales", "strategy": "round-robin", "maxWaitSec": 30, "wrapupSec": 5})


class QueueChange(Sent):
    """What to change; what is left out stays."""

    name: QueueName = unset()
    strategy: AskedStrategy = unset()
    ring_timeout_sec: RingTimeout = unset()
    retry_sec: Retry = unset()
    wrapup_sec: WrapUp = unset()
    max_wait_sec: MaxWait = unset()
    max_waiting: MaxWaiting = unset()
    weight: Weight = unset()
    announce_interval_sec: Interval = unset()
    announce_position: bool = unset()
    announce_holdtime: Holdtime = unset()
    music: Music = unset()
    join_empty: NoMember = unset()
    leave_empty: NoMember = unset()
    overflow_queue_id: UUID | None = Field(default=None)
    mailbox_id: UUID | None = Field(default=None)
    record: bool = unset()
    pause_on_no_answer: NoAnswerPause = unset()
    service_level_sec: ServiceLevel = unset()
    active: bool = unset()
    model_config = examples({"maxWaitSec": 60})


class MemberState(StrEnum):
    """A member of a queue as the queue sees it."""

    AVAILABLE = "available"
    RINGING = "ringing"
    ON_CALL = "on_call"
    WRAP_UP = "wrap_up"
    PAUSED = "paused"
    UNAVAILABLE = "unavailable"


Penalty = Annotated[int, Field(ge=0, le=100, description="members with a lower penalty are rung first")]


class NewMember(Sent):
    """An agent to be put into a queue."""

    agent_id: UUID
    penalty: Penalty = 0
    paused: bool = Field(default=False, description="how the member is when Asterisk starts")
    model_config = examples({"agentId": AGENT_ID, "penalty": 0})


class MemberChange(Sent):
    """What to change; what is left out stays."""

    penalty: Penalty = unset()
    paused: bool = unset()
    model_config = examples({"penalty": 10})


_MEMBER: dict[str, JsonValue] = {
    "agentId": AGENT_ID, "extension": "101", "displayName": "Layla Haddad", "penalty": 0, "paused": False, "reason": "",
    "state": "available", "callsTaken": 7, "createdAt": "2026-11-23T09:00:00Z", "updatedAt": "2026-11-23T09:00:00Z",
}  # fmt: skip


class Member(Wire):
    """An agent in a queue."""

    agent_id: UUID
    extension: str
    display_name: str
    penalty: int
    paused: bool = Field(description="how the member is when Asterisk starts")
    reason: str
    state: MemberState | None = Field(description="at this moment; null while it is not known")
    calls_taken: int | None = Field(description="since Asterisk started; null while it is not known")
    created_at: Time
    updated_at: Time
    model_config = examples(_MEMBER)


class MemberList(Wire):
    """All members of a queue, by penalty and extension."""

    items: list[Member]
    model_config = examples({"items": [_MEMBER]})


_WAITING: dict[str, JsonValue] = {
    "callId": "019ab0c4-5d3e-7a31-9f00-3b1c2d4e5f60", "position": 1, "since": "2026-11-23T10:00:04Z", "waitedSec": 12.4,
}  # fmt: skip


class WaitingCaller(Wire):
    """A caller in the queue."""

    call_id: UUID | None = Field(description="null for a caller whom plain Asterisk serves while the service was away")
    position: int = Field(description="1 is next")
    since: Time
    waited_sec: float
    model_config = examples(_WAITING)


class QueueLive(Wire):
    """The queue at this moment."""

    waiting: list[WaitingCaller]
    waiting_count: int
    longest_wait_sec: float = Field(description="of those who wait now; 0 when nobody does")
    available: int = Field(description="members who can be rung now")


_QUEUE: dict[str, JsonValue] = {
    "id": ID, "name": "sales", "strategy": "rrmemory", "ringTimeoutSec": 15, "retrySec": 1, "wrapupSec": 5,
    "maxWaitSec": 30, "maxWaiting": 0, "weight": 0, "announceIntervalSec": 30, "announcePosition": True,
    "announceHoldtime": "yes", "music": "default", "joinEmpty": [], "leaveEmpty": [], "overflowQueueId": None,
    "mailboxId": None, "record": True, "pauseOnNoAnswer": True, "serviceLevelSec": 20, "active": True,
    "createdAt": "2026-11-23T09:00:00Z", "updatedAt": "2026-11-23T09:00:00Z", "members": [_MEMBER],
    "live": {"waiting": [_WAITING], "waitingCount": 1, "longestWaitSec": 12.4, "available": 1},
}  # fmt: skip


class Queue(Wire):
    """A queue, its members, and what happens in it at this moment. Durations are seconds."""

    id: UUID
    name: str
    strategy: Strategy
    ring_timeout_sec: int
    retry_sec: int
    wrapup_sec: int
    max_wait_sec: int
    max_waiting: int
    weight: int
    announce_interval_sec: int
    announce_position: bool
    announce_holdtime: Holdtime
    music: str
    join_empty: list[Unavailable]
    leave_empty: list[Unavailable]
    overflow_queue_id: UUID | None
    mailbox_id: UUID | None
    record: bool
    pause_on_no_answer: bool
    service_level_sec: int
    active: bool
    created_at: Time
    updated_at: Time
    members: list[Member]
    live: QueueLive | None = Field(description="null while it is not known, for example while Asterisk is away")
    model_config = examples(_QUEUE)


class QueuePage(Page[Queue]):
    """Queues in the order they were made."""

    model_config = page_of(_QUEUE)
