"""Routes on the wire. What is answered is what was sent, so the parts of a route have one shape for both."""

from __future__ import annotations

from datetime import date
from typing import Annotated, Literal
from uuid import UUID

from pydantic import Field, JsonValue, StringConstraints

from m3voip.api.fields import Sent, Time, TreeName, Wire, examples, page_of
from m3voip.api.schemas.page import Page
from m3voip.api.schemas.queue import ID as QUEUE_ID

ID = "019ab0c4-8888-7a31-9f00-3b1c2d4e5f60"
_TREE_ID = "019ab0c4-4444-7a31-9f00-3b1c2d4e5f60"

Prefix = Annotated[str, StringConstraints(pattern=r"^\+[1-9][0-9]{0,11}$")]
Country = Annotated[str, StringConstraints(pattern=r"^[A-Z]{2}$")]
Language = Annotated[str, StringConstraints(pattern=r"^[a-z]{2}$")]
ListName = Annotated[str, StringConstraints(pattern=r"^[a-z0-9][a-z0-9_-]{0,31}$")]
Word = Annotated[str, StringConstraints(pattern=r"^[^\x00-\x1f\x7f]*$", max_length=200)]
Zone = Annotated[str, StringConstraints(pattern=r"^[A-Za-z0-9_+/-]{0,64}$")]


class RouteTarget(Sent):
    """Where calls go: exactly one of these."""

    tree_id: UUID | None = None
    queue_id: UUID | None = None
    mailbox_id: UUID | None = None
    agent_id: UUID | None = Field(default=None, description="their phone, then their mailbox")
    reject: bool = Field(default=False, description="true: the caller is turned away")


class RouteBranch(Sent):
    """A part of the callers."""

    percent: int = Field(ge=1, le=100)
    to: RouteTarget


class RouteWhen(Sent):
    """Conditions. All that are given must hold; none at all always hold."""

    week: dict[Word, Word | Annotated[list[Word], Field(min_length=1, max_length=8)]] = Field(
        default={}, max_length=14, description="days → hours in the route's time zone, e.g. `mon-fri`: `09:00-17:30`"
    )
    holiday: bool | None = Field(default=None, description="whether today is a holiday or a closed date")
    withheld: bool | None = Field(default=None, description="whether the caller withholds the number")
    prefixes: list[Prefix] = Field(default=[], max_length=100, description="the number begins with one of these")
    countries: list[Country] = Field(default=[], max_length=100, description="the number is from one of these")
    lists: list[ListName] = Field(default=[], max_length=20, description="the caller is on one of these lists")
    languages: list[Language] = Field(
        default=[], max_length=20, description="the language known by now: an earlier rule's, the list's or the CRM's"
    )
    crm: dict[Word, Word] = Field(
        default={},
        max_length=8,
        description="variable → what the CRM must have answered; `*` is anything but none, 0, false",
    )


class RouteSettings(Sent):
    """What a rule that holds says of the call."""

    priority: int | None = Field(default=None, ge=0, le=10, description="in queues; the higher is served first")
    language: Language | Literal[""] = ""


class RoutePreferred(Sent):
    """Who is rung first, if free: exactly one of `agentId`, `lastAgentDays` and `crm`."""

    agent_id: UUID | None = None
    last_agent_days: int = Field(
        default=0, ge=0, le=365, description="whoever last talked with the caller, so many days back"
    )
    crm: Word = Field(default="", description="the variable in which the CRM names an extension")
    ring_sec: int = Field(default=15, ge=5, le=60, description="before the call goes on to its target")


class RouteRule(Sent):
    """One rule. Without `to` and `split` it only sets, and the rules behind it are looked at."""

    name: TreeName
    when: RouteWhen = Field(default_factory=RouteWhen)
    set: RouteSettings = Field(default_factory=RouteSettings)
    preferred: RoutePreferred | None = None
    to: RouteTarget | None = None
    split: list[RouteBranch] = Field(default=[], max_length=20, description="the percentages add up to 100")


class RouteQuestion(Sent):
    """What the CRM is asked when a call arrives and a rule needs it: POST {caller, did, route}."""

    path: Word = Field(description="under the CRM's address, e.g. /v1/callers/lookup")
    extract: dict[Word, Word] = Field(
        min_length=1, max_length=16, description="variable → dotted path in the reply, e.g. data.vip"
    )
    timeout_ms: int = Field(default=300, ge=50, le=300, description="then the rule does not hold and the call goes on")


class RouteDocument(Sent):
    """A route. The first rule that holds leads on; `otherwise` is for everybody else."""

    otherwise: RouteTarget
    rules: list[RouteRule] = Field(default=[], max_length=100)
    timezone: Zone = Field(default="", description="of every hour and holiday in the route, e.g. America/New_York")
    holidays: list[Word] = Field(
        default=[], max_length=10, description="regions whose public holidays count: US-MA, DE-BY"
    )
    closed_dates: list[date] = Field(default=[], max_length=366, description="further days that count as holidays")
    crm: RouteQuestion | None = None


_BLANK_TARGET: dict[str, JsonValue] = {
    "treeId": None, "queueId": None, "mailboxId": None, "agentId": None, "reject": False,
}  # fmt: skip
_SENT: dict[str, JsonValue] = {
    "timezone": "America/New_York",
    "holidays": ["US-MA"],
    "crm": {"path": "/v1/callers/lookup", "extract": {"vip": "data.vip"}},
    "rules": [
        {"name": "holiday", "when": {"holiday": True}, "to": {"treeId": _TREE_ID}},
        {
            "name": "vip", "when": {"crm": {"vip": "true"}}, "set": {"priority": 9}, "preferred": {"lastAgentDays": 30},
            "to": {"queueId": QUEUE_ID},
        },
        {"name": "trial", "split": [{"percent": 20, "to": {"treeId": _TREE_ID}}, {"percent": 80, "to": {"queueId": QUEUE_ID}}]},
    ],
    "otherwise": {"queueId": QUEUE_ID},
}  # fmt: skip


class NewRoute(RouteDocument):
    """A route and its name."""

    name: TreeName
    model_config = examples({"name": "main-line", **_SENT})


class RouteChange(RouteDocument):
    """The whole route anew: a new version."""

    model_config = examples(_SENT)


_ROUTE: dict[str, JsonValue] = {
    "id": ID, "name": "main-line", "version": 1, "createdAt": "2026-11-23T09:00:00Z", "updatedAt": "2026-11-23T09:00:00Z",
    "timezone": "America/New_York", "holidays": ["US-MA"], "closedDates": [],
    "crm": None, "otherwise": {**_BLANK_TARGET, "queueId": QUEUE_ID}, "rules": [],
}  # fmt: skip


class Route(Wire):
    """A route as it is in force."""

    id: UUID
    name: str
    version: int = Field(description="counts the changes from 1")
    created_at: Time
    updated_at: Time
    timezone: str
    holidays: list[str]
    closed_dates: list[date]
    crm: RouteQuestion | None
    rules: list[RouteRule]
    otherwise: RouteTarget
    model_config = examples(_ROUTE)


class RoutePage(Page[Route]):
    """Routes in the order they were made."""

    model_config = page_of(_ROUTE)


_VERSION: dict[str, JsonValue] = {
    name: value for name, value in _ROUTE.items() if name not in ("id", "name", "updatedAt")
}


class RouteVersion(Wire):
    """A version of a route, never changed."""

    version: int
    created_at: Time
    timezone: str
    holidays: list[str]
    closed_dates: list[date]
    crm: RouteQuestion | None
    rules: list[RouteRule]
    otherwise: RouteTarget
    model_config = examples(_VERSION)


class RouteVersionPage(Page[RouteVersion]):
    """Versions, newest first."""

    model_config = page_of(_VERSION)


class Explain(Sent):
    """A call that somebody might make."""

    caller: Annotated[str, StringConstraints(pattern=r"^(\+[1-9][0-9]{2,14})?$")] = Field(
        default="", description="E.164; empty for a withheld number"
    )
    at: Time | None = Field(default=None, description="when; null = now")
    crm: dict[Word, Word] | None = Field(default=None, description="what the CRM would answer; null = nothing in time")
    model_config = examples({"caller": "+15557654321", "at": "2026-11-26T15:00:00Z", "crm": {"vip": "true"}})


class RuleLook(Wire):
    """A rule that was looked at."""

    rule: str
    holds: bool
    why: str


class Explanation(Wire):
    """Where that call would go, and why. Nothing is asked and nothing is changed."""

    rule: str = Field(description="the rule that leads on; empty for `otherwise`")
    why: str
    target: RouteTarget
    preferred: RoutePreferred | None = Field(description="who would be rung first")
    priority: int | None
    language: str
    version: int = Field(description="of the route")
    looks: list[RuleLook] = Field(description="every rule that was looked at, in order")
    model_config = examples(
        {
            "rule": "vip", "why": "the CRM answered so for vip", "target": {**_BLANK_TARGET, "queueId": QUEUE_ID},
            "preferred": {"agentId": None, "lastAgentDays": 30, "crm": "", "ringSec": 15}, "priority": 9, "language": "",
            "version": 1,
            "looks": [
                {"rule": "holiday", "holds": False, "why": "it is no holiday"},
                {"rule": "vip", "holds": True, "why": "the CRM answered so for vip"},
            ],
        }
    )  # fmt: skip
