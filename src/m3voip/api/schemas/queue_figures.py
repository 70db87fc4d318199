"""A queue's figures on the wire. Every ratio is made from the counts beside it."""

from __future__ import annotations

from pydantic import Field, JsonValue

from m3voip.api.fields import Time, Wire, examples
from m3voip.reporting import measures


def _formula(measure: object) -> str:
    return str(measure.__doc__).strip() + "; null when there is nothing to divide by"


FIGURES: dict[str, JsonValue] = {
    "from": "2026-11-23T00:00:00Z", "to": "2026-11-23T10:00:00Z", "serviceLevelSec": 20, "waiting": 1,
    "longestWaitNowSec": 12.4, "answered": 80, "answeredInTime": 66, "abandoned": 12, "shortAbandoned": 4, "left": 2,
    "undecided": 1, "offered": 90, "longestWaitSec": 141.0, "serviceLevel": 0.7333, "answerRate": 0.8889,
    "abandonRate": 0.0889, "asaSec": 11.5,
}  # fmt: skip


class QueueFigures(Wire):
    """What became of the callers who entered a queue in a time."""

    from_: Time = Field(alias="from")
    to: Time
    service_level_sec: int = Field(description="the T of the service level")
    waiting: int | None = Field(description="at this moment; null while it is not known")
    longest_wait_now_sec: float | None = Field(description="of those who wait at this moment")
    answered: int
    answered_in_time: int = Field(description="within T")
    abandoned: int = Field(description="hung up while waiting, the short ones included")
    short_abandoned: int = Field(description="within the queue's `shortAbandonSec`, as it was then")
    left: int = Field(description="without an agent by the queue's own rules: waited too long, full, nobody there")
    undecided: int = Field(description="entered and still waiting")
    offered: int = Field(description=str(measures.offered.__doc__))
    longest_wait_sec: float
    service_level: float | None = Field(description=_formula(measures.service_level))
    answer_rate: float | None = Field(description=_formula(measures.answer_rate))
    abandon_rate: float | None = Field(description=_formula(measures.abandon_rate))
    asa_sec: float | None = Field(description=_formula(measures.asa))
    model_config = examples(FIGURES)
