"""Queues and their members on the wire."""

from __future__ import annotations

from enum import StrEnum
from typing import Annotated
from uuid import UUID

from pydantic import Field, JsonValue

from m3voip.api.fields import Sent, Time, Wire, examples, page_of, unset
from m3voip.api.schemas.agent import ID as AGENT_ID
from m3voip.api.schemas.announcement import AgentAnnouncement, Announcement, JoinAnnouncement, PeriodicAnnouncements
from m3voip.api.schemas.page import Page
from m3voip.api.schemas.queue_settings import (
    AskedStrategy,
    Holdtime,
    Interval,
    MaxWait,
    MaxWaiting,
    Music,
    NoAnswerPause,
    NoMember,
    PeriodicInterval,
    QueueName,
    Retry,
    RingTimeout,
    ServiceLevel,
    ShortAbandon,
    Strategy,
    Unavailable,
    Weight,
    WrapUp,
)
from m3voip.api.schemas.skill import SkillRule, SkillStep

ID = "019ab0c4-2222-7a31-9f00-3b1c2d4e5f60"

_RULE: list[JsonValue] = [{"afterSec": 0, "require": "english >= 50"}, {"afterSec": 30, "require": ""}]


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
    short_abandon_sec: ShortAbandon = 5
    skill_rule: SkillRule = Field(default_factory=list)
    join_announcement: JoinAnnouncement = None
    agent_announcement: AgentAnnouncement = None
    periodic_announcements: PeriodicAnnouncements = Field(default_factory=list)
    periodic_interval_sec: PeriodicInterval = 60
    survey_tree_id: UUID | None = Field(
        default=None, description="the IVR tree by which callers are asked about the talk when the agent hangs up first"
    )
    active: bool = True
    model_config = examples(
        {"name": "sales", "strategy": "round-robin", "maxWaitSec": 30, "wrapupSec": 5, "skillRule": _RULE}
    )


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
    short_abandon_sec: ShortAbandon = unset()
    skill_rule: SkillRule = unset()
    join_announcement: JoinAnnouncement = None
    agent_announcement: AgentAnnouncement = None
    periodic_announcements: PeriodicAnnouncements = unset()
    periodic_interval_sec: PeriodicInterval = unset()
    survey_tree_id: UUID | None = Field(default=None)
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
    "state": "available", "callsTaken": 7, "skills": {"english": 80},
    "offeredAfterSec": 0, "createdAt": "2026-11-23T09:00:00Z", "updatedAt": "2026-11-23T09:00:00Z",
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
    skills: dict[str, int] = Field(description="of the agent: skill → level")
    offered_after_sec: int | None = Field(
        description="how long a caller must have waited before this agent is rung, by the queue's skill rule; null: never"
    )
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
    "mailboxId": None, "record": True, "pauseOnNoAnswer": True, "serviceLevelSec": 20, "shortAbandonSec": 5, "skillRule": _RULE,
    "joinAnnouncement": None, "agentAnnouncement": {"text": "Sales call."}, "periodicAnnouncements": [],
    "periodicIntervalSec": 60, "surveyTreeId": None, "active": True,
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
    short_abandon_sec: int
    skill_rule: list[SkillStep]
    join_announcement: Announcement | None
    agent_announcement: Announcement | None
    periodic_announcements: list[Announcement]
    periodic_interval_sec: int
    survey_tree_id: UUID | None
    active: bool
    created_at: Time
    updated_at: Time
    members: list[Member]
    live: QueueLive | None = Field(description="null while it is not known, for example while Asterisk is away")
    model_config = examples(_QUEUE)


class QueuePage(Page[Queue]):
    """Queues in the order they were made."""

    model_config = page_of(_QUEUE)
