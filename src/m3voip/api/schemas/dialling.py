"""Calls out on the wire: who may be called and how, and why a number was dialled or not."""

from __future__ import annotations

from typing import Annotated
from uuid import UUID

from pydantic import Field, JsonValue, StringConstraints

from m3voip.api.fields import DIALLED, LongText, Number, Sent, Time, Wire, examples, page_of
from m3voip.api.schemas.call import ID
from m3voip.api.schemas.page import Page

_TEXT = r"^[^\x00-\x1f\x7f]*$"
Region = Annotated[
    str,
    StringConstraints(pattern=r"^[A-Z]{2}$"),
    Field(description="country, two letters of ISO 3166", examples=["US"]),
]
Most = Annotated[int, Field(ge=0, le=100000)]
Proof = Annotated[
    str,
    StringConstraints(pattern=_TEXT, min_length=1, max_length=500),
    Field(description="how it is known that the number is yours: the carrier's contract, a letter of authorization"),
]


class NewDialSettings(Sent):
    """How a tenant's people may dial. What is left out has its default, which allows little."""

    region: Region = Field(description="your country: its numbers may be called, and are read without a country code")
    countries: Annotated[list[Region], Field(max_length=250, description="other countries that may be called")] = Field(
        default_factory=list
    )
    premium: bool = Field(default=False, description="whether premium and shared-cost numbers may be called")
    satellite: bool = Field(default=False, description="whether satellite and international networks may be called")
    max_calls: Most = Field(default=10, description="calls out at once")
    max_calls_per_min: Most = Field(default=30, description="calls out that begin within any minute")
    caller_id: Number | None = Field(default=None, description="number shown to those who are called; a verified one")
    model_config = examples({"region": "US", "countries": ["CA"], "maxCalls": 10, "callerId": "+12025550100"})


class DialSettings(Wire):
    """How a tenant's people may dial."""

    region: str = Field(description="empty: nobody has set anything, so nothing but emergency numbers is dialled")
    countries: list[str]
    premium: bool
    satellite: bool
    max_calls: int
    max_calls_per_min: int
    caller_id: str | None
    model_config = examples(
        {
            "region": "US", "countries": ["CA"], "premium": False, "satellite": False, "maxCalls": 10,
            "maxCallsPerMin": 30, "callerId": "+12025550100",
        }
    )  # fmt: skip


class NewCallerId(Sent):
    """A number to show."""

    number: Number
    proof: Proof
    model_config = examples({"number": "+12025550100", "proof": "contract 4711 with carrier-a, 2026-11-02"})


_CALLER_ID: dict[str, JsonValue] = {
    "id": "019ab0c4-9999-7a31-9f00-3b1c2d4e5f60", "number": "+12025550100",
    "proof": "contract 4711 with carrier-a, 2026-11-02", "createdAt": "2026-11-23T09:00:00Z",
}  # fmt: skip


class CallerId(Wire):
    """A number that may be shown to those who are called."""

    id: UUID
    number: str
    proof: str
    created_at: Time
    model_config = examples(_CALLER_ID)


class CallerIdPage(Page[CallerId]):
    """Verified caller ids in the order they were verified."""

    model_config = page_of(_CALLER_ID)


class NewDoNotCall(Sent):
    """A number that must not be called from now on."""

    phone: Annotated[
        str, StringConstraints(pattern=DIALLED), Field(description="with its country code, or as in your own country")
    ]
    reason: LongText = ""
    model_config = examples({"phone": "+12025550143", "reason": "asked not to be called"})


class DoNotCall(Wire):
    """An entry of the do-not-call register."""

    id: UUID
    phone: str
    reason: str
    created_at: Time
    model_config = examples(
        {
            "id": "019ab0c4-9999-7a31-9f00-3b1c2d4e5f61", "phone": "+12025550143", "reason": "asked not to be called",
            "createdAt": "2026-11-23T09:00:00Z",
        }
    )  # fmt: skip


class IsDoNotCall(Wire):
    """Whether a number is in the register."""

    dnc: bool
    id: UUID | None = Field(description="the entry, if there is one")
    model_config = examples({"dnc": False, "id": None})


_VERDICT: dict[str, JsonValue] = {
    "rule": "country", "passed": False, "why": "calls to GB are not allowed",
    "do": "add it to countries in PUT /v1/tm/dial-settings",
    "inputs": {"country": "GB", "service": "ordinary", "allowed": ["US"], "premium": False, "satellite": False},
}  # fmt: skip


class Verdict(Wire):
    """What one rule says."""

    rule: str
    passed: bool
    why: str = Field(description="empty when it has passed")
    do: str = Field(description="what to do about it")
    inputs: dict[str, JsonValue] = Field(description="all that the rule looked at")
    model_config = examples(_VERDICT)


class Explanation(Wire):
    """What the gate would say of a number now. Nothing is dialled or recorded."""

    number: str
    kind: str = Field(description="hand_dialled or emergency")
    caller_id: str = Field(description="what would be shown")
    cleared: bool
    verdicts: list[Verdict]
    trunks: list[str] = Field(description="through which trunks it would be tried, in this order")
    model_config = examples(
        {
            "number": "+442079460123", "kind": "hand_dialled", "callerId": "+12025550100", "cleared": False,
            "verdicts": [_VERDICT], "trunks": ["carrier-a"],
        }
    )  # fmt: skip


_ATTEMPT: dict[str, JsonValue] = {
    "id": "019ab0c4-9999-7a31-9f00-3b1c2d4e5f62", "callId": ID, "kind": "hand_dialled", "number": "+442079460123",
    "callerId": "+12025550100", "cleared": False, "refusals": ["country"], "verdicts": [_VERDICT],
    "at": "2026-11-23T09:00:00Z", "result": None, "cause": None, "trunk": None, "answeredAt": None, "endedAt": None,
}  # fmt: skip


class Attempt(Wire):
    """One try to reach one number, with the reasons for which it was dialled or not."""

    id: UUID
    call_id: UUID
    kind: str
    number: str
    caller_id: str
    cleared: bool
    refusals: list[str] = Field(description="the rules that refused it")
    verdicts: list[Verdict]
    at: Time
    result: str | None = Field(
        description="answered, busy, no_answer, rejected, unallocated, trunk_failed, cancelled, not_dialled or unknown; null: "
        "it goes on, or was refused"
    )
    cause: int | None = Field(description="Q.850; 0 = unknown")
    trunk: str | None = Field(description="the last one that was tried")
    answered_at: Time | None
    ended_at: Time | None
    model_config = examples(_ATTEMPT)


class AttemptPage(Page[Attempt]):
    """Attempts, newest first."""

    model_config = page_of(_ATTEMPT)
