"""Phone tests on the wire."""

from __future__ import annotations

from enum import StrEnum
from uuid import UUID

from pydantic import Field, JsonValue

from m3voip.api.fields import Sent, Time, Wire, examples
from m3voip.core import phone_check

ID = "019ab0c4-2222-7a31-9f00-3b1c2d4e5f60"
AGENT_ID = "019ab0c4-1111-7a31-9f00-3b1c2d4e5f60"


class PhoneTestWanted(Sent):
    """How long to listen."""

    seconds: int = Field(
        default=6, ge=2, le=20, description="a phone's own reports of loss and round trip take some 11 seconds"
    )
    model_config = examples({"seconds": 6})


class PhoneTestState(StrEnum):
    """Where the test is."""

    CALLING = "calling"
    LISTENING = "listening"
    ENDED = "ended"


class Verdict(StrEnum):
    """How bad it is."""

    OK = "ok"
    WARNING = "warning"
    FAILED = "failed"


class PhoneFinding(Wire):
    """One thing that was found."""

    level: Verdict
    text: str = Field(description="what it is and what to do, for people")
    model_config = examples({"level": "ok", "text": "The phone played our tone back, so audio goes both ways."})


_FIGURES: dict[str, JsonValue] = {
    "seconds": 6, "codec": "g722", "encrypted": True, "packetsTo": 300, "packetsFrom": 299, "lostTo": 0, "lostFrom": 1,
    "jitterToMs": 0.4, "jitterFromMs": 1.1, "roundTripMs": 3.2, "levelDb": -18.5, "echo": True,
}  # fmt: skip


class PhoneFigures(Wire):
    """What was measured. To: from us to the phone. From: from the phone to us."""

    seconds: float
    codec: str
    encrypted: bool = Field(description="whether the audio was SRTP")
    packets_to: int
    packets_from: int
    lost_to: int | None = Field(description="by the phone's own report; null: it made none in this time")
    lost_from: int
    jitter_to_ms: float | None
    jitter_from_ms: float | None
    round_trip_ms: float | None = Field(description="null: the phone made no report in this time")
    level_db: float = Field(description="of what came from the phone, in dB below full scale; -90 is nothing")
    echo: bool = Field(description="whether our own tone came back")
    model_config = examples(_FIGURES)


class PhoneTest(Wire):
    """A test call to an agent's phone."""

    id: UUID
    agent_id: UUID
    started_at: Time
    state: PhoneTestState
    verdict: Verdict | None = Field(description="the worst finding; null while it goes on")
    findings: list[PhoneFinding]
    figures: PhoneFigures | None = Field(description="null while it goes on and when the phone did not answer")
    model_config = examples(
        {
            "id": ID, "agentId": AGENT_ID, "startedAt": "2026-11-23T09:41:00Z", "state": "ended", "verdict": "ok",
            "findings": [{"level": "ok", "text": "The phone played our tone back, so audio goes both ways."}],
            "figures": _FIGURES,
        }
    )  # fmt: skip


def shown_test(test: phone_check.PhoneTest) -> PhoneTest:
    """A test as it is answered."""
    m = test.measured
    return PhoneTest(
        id=test.id,
        agent_id=test.agent_id,
        started_at=test.started_at,
        state=PhoneTestState(test.state),
        verdict=None if test.verdict is None else Verdict(test.verdict),
        findings=[PhoneFinding(level=Verdict(one.level), text=one.text) for one in test.findings],
        figures=None
        if m is None
        else PhoneFigures(
            seconds=m.seconds,
            codec=m.codec,
            encrypted=m.encrypted,
            packets_to=m.sent,
            packets_from=m.received,
            lost_to=m.lost_to,
            lost_from=m.lost_from,
            jitter_to_ms=m.jitter_to_ms,
            jitter_from_ms=m.jitter_from_ms,
            round_trip_ms=m.round_trip_ms,
            level_db=m.level_db,
            echo=m.echoes,
        ),
    )
