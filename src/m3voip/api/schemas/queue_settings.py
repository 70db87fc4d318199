"""What can be set of a queue, each with its limits."""

from __future__ import annotations

from typing import Annotated, Literal

from pydantic import AfterValidator, Field

from m3voip.api.fields import Name

Strategy = Literal["ringall", "leastrecent", "fewestcalls", "random", "rrmemory", "rrordered", "linear", "wrandom"]
Unavailable = Literal["paused", "penalty", "inuse", "ringing", "unavailable", "invalid", "unknown", "wrapup"]


def _reserved(name: str) -> str:
    if name == "general":
        raise ValueError("must not be general, which Asterisk keeps for itself; choose another name.")
    return name


QueueName = Annotated[Name, AfterValidator(_reserved)]
_ALIASES = {
    "round-robin": "rrmemory", "round_robin": "rrmemory", "round_robin_ordered": "rrordered", "ring_all": "ringall",
    "longest_idle": "leastrecent", "fewest_calls": "fewestcalls", "weighted_random": "wrandom", "in_order": "linear",
}  # fmt: skip
AskedStrategy = Annotated[
    Literal[
        Strategy, "round-robin", "round_robin", "round_robin_ordered", "ring_all", "longest_idle", "fewest_calls",
        "weighted_random", "in_order",
    ],
    AfterValidator(lambda name: _ALIASES.get(name, name)),
    Field(
        description="app_queue's own names, or plainer ones: " + ", ".join(f"`{a}` = `{b}`" for a, b in _ALIASES.items())
    ),
]  # fmt: skip
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
ShortAbandon = Annotated[
    int, Field(ge=0, le=600, description="who hangs up within this was never really there; 0 = count everybody")
]
PeriodicInterval = Annotated[int, Field(ge=5, le=3600, description="between periodic announcements")]
ServiceLevel = Annotated[int, Field(ge=1, le=3600, description="answered within this counts for the service level")]
