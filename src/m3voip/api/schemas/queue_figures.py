"""Queues' figures on the wire. Every ratio is made from the counts beside it."""

from __future__ import annotations

from uuid import UUID

from pydantic import Field, JsonValue

from m3voip.api.fields import Time, Wire, examples
from m3voip.api.schemas.queue import ID
from m3voip.reporting import measures


def _formula(measure: object) -> str:
    return str(measure.__doc__).strip() + "; null when there is nothing to divide by"


_FIGURES: dict[str, JsonValue] = {
    "answered": 80, "answeredInTime": 66, "abandoned": 12, "shortAbandoned": 4, "left": 2, "undecided": 1, "offered": 90,
    "longestWaitSec": 141.0, "serviceLevel": 0.7333, "answerRate": 0.8889, "abandonRate": 0.0889, "asaSec": 11.5,
}  # fmt: skip
_NOW: dict[str, JsonValue] = {"waiting": 1, "longestWaitNowSec": 12.4, "serviceLevelSec": 20}
_TIME: dict[str, JsonValue] = {"from": "2026-11-23T00:00:00Z", "to": "2026-11-23T10:00:00Z"}


class Figures(Wire):
    """What became of callers who entered a queue in a time."""

    answered: int
    answered_in_time: int = Field(description="within the T of the service level")
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
    model_config = examples(_FIGURES)


class _OfOneQueue(Figures):
    service_level_sec: int = Field(description="the T of the service level")
    waiting: int | None = Field(description="at this moment; null while it is not known")
    longest_wait_now_sec: float | None = Field(description="of those who wait at this moment")


class QueueFigures(_OfOneQueue):
    """The figures of a queue in a time."""

    from_: Time = Field(alias="from")
    to: Time
    model_config = examples({**_TIME, **_NOW, **_FIGURES})


class QueueOfAll(_OfOneQueue):
    """The figures of one queue among all."""

    queue_id: UUID
    name: str
    model_config = examples({"queueId": ID, "name": "sales", **_NOW, **_FIGURES})


class AllQueueFigures(Wire):
    """The figures of all queues in a time, and of all of them together."""

    from_: Time = Field(alias="from")
    to: Time
    items: list[QueueOfAll]
    total: Figures = Field(description="made from the sums of the counts; within T is each queue's own T")
    model_config = examples(
        {**_TIME, "items": [{"queueId": ID, "name": "sales", **_NOW, **_FIGURES}], "total": _FIGURES}
    )
