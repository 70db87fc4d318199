"""People for fault tests: callers with a number of their own each, who remember what they did and heard, and agents.

Law: a person knows only what a phone knows. What they remember is the truth that the service's records are held against.
"""

from __future__ import annotations

import asyncio
import time
from collections.abc import Callable
from dataclasses import dataclass, field
from random import Random
from typing import Literal

from m3voip.phones import (
    Answer,
    Behaviour,
    CallState,
    Decline,
    IncomingCall,
    NeverAnswer,
    OutgoingCall,
    PhoneError,
    PhoneTimeoutError,
    Softphone,
)

Plan = Literal["listens", "errs", "asks for sales", "asks for billing", "leaves a message", "asks for one agent"]
PLANS: dict[Plan, int] = {
    "listens": 3, "errs": 2, "asks for sales": 9, "asks for billing": 2, "leaves a message": 2, "asks for one agent": 2,
}  # fmt: skip
"""What callers want, and how many in twenty."""
KEYS: dict[Plan, str] = {
    "asks for sales": "1", "asks for billing": "3", "leaves a message": "4", "asks for one agent": "5",
}  # fmt: skip
AGENT_HZ = 600
CALLER_HZ = 440
PRESS_AGAIN_S = 3.0
"""Somebody whose key led nowhere presses it again."""


@dataclass(slots=True, kw_only=True)
class Visit:
    """One caller's own story. ``refused`` says why there was no call; ``pressed`` are wall-clock times."""

    number: str
    plan: Plan
    call: OutgoingCall | None = None
    refused: str = ""
    pressed: list[float] = field(default_factory=list)

    @property
    def answered_at(self) -> float | None:
        """Wall clock."""
        moment = self.call.moments.get("answered") if self.call else None
        return moment.wall if moment else None

    @property
    def ended_at(self) -> float | None:
        """Wall clock."""
        moment = self.call.moments.get("ended") if self.call else None
        return moment.wall if moment else None

    @property
    def over(self) -> bool:
        """Nothing more will happen."""
        return bool(self.refused) or (self.call is not None and self.call.end is not None)


class Agents:
    """Phones of agents, and who was called by whom. Each answers after a moment, mostly, and hangs up or lets the
    caller do it."""

    def __init__(self, random: Random) -> None:
        self._random = random
        self.calls: dict[str, list[tuple[str, IncomingCall]]] = {}
        """By the caller's number: (extension, the call at the agent's phone), in order."""

    def manners(self, extension: str) -> Callable[[IncomingCall], Behaviour]:
        """What the phone of this agent does when it rings."""

        def begin(call: IncomingCall) -> Behaviour:
            self.calls.setdefault(call.caller_id, []).append((extension, call))
            if extension == "105":
                return NeverAnswer()
            luck = self._random.random()
            if luck < 0.05:
                return Decline(status=486)
            leaves = self._random.uniform(2.0, 7.0) if luck < 0.6 else None
            return Answer(after=self._random.uniform(0.1, 1.0), tone=AGENT_HZ, hangup_after=leaves)

        return begin

    def talking(self, number: str) -> bool:
        """Whether an agent's phone is in a call with this caller now."""
        return any(call.state is CallState.ANSWERED for _, call in self.calls.get(number, ()))

    def talks(self, number: str) -> list[tuple[str, IncomingCall]]:
        """Talks that this caller had: offers that were answered."""
        return [(who, call) for who, call in self.calls.get(number, ()) if "acknowledged" in call.moments]


class Caller:
    """One caller's behaviour; ``live`` is over when the call is."""

    def __init__(self, visit: Visit, *, agents: Agents, random: Random, patience: float = 45.0) -> None:
        self._visit = visit
        self._agents = agents
        self._random = random
        self._patience = patience
        self.go_home = asyncio.Event()
        """Set: whatever you are at, hang up soon."""

    async def live(self, line: Softphone, did: str) -> None:
        """Call, act, hang up."""
        visit = self._visit
        try:
            call = visit.call = await line.dial(did, caller_id=visit.number, tone=CALLER_HZ)
            await call.answered(within=15)
            await self._act(call)
        except PhoneError as error:
            if visit.call is None or "answered" not in visit.call.moments:
                visit.refused = str(error)
        finally:
            if visit.call is not None:
                visit.call.give_up()

    async def _act(self, call: OutgoingCall) -> None:
        random = self._random
        await self._stay(call, random.uniform(0.5, 8.0))
        key = KEYS.get(self._visit.plan)
        if key is None:
            for wrong in ("9", "*") if self._visit.plan == "errs" else ():
                await self._press(call, wrong)
                await self._stay(call, random.uniform(0.5, 3.0))
            await self._stay(call, random.uniform(1.0, 12.0))
            return
        until = time.monotonic() + (random.uniform(8, 20) if key in "34" else self._patience)
        while not self._gone(call) and time.monotonic() < until and not self._agents.talking(self._visit.number):
            if key != "4" or not self._visit.pressed:  # keys in a mailbox mean something else
                await self._press(call, key)
            again = time.monotonic() + PRESS_AGAIN_S
            while time.monotonic() < again and not self._gone(call) and not self._agents.talking(self._visit.number):
                await self._stay(call, 0.2)
        await self._stay(call, random.uniform(2.0, 7.0))

    def _gone(self, call: OutgoingCall) -> bool:
        return call.end is not None or self.go_home.is_set()

    async def _press(self, call: OutgoingCall, key: str) -> None:
        if call.end is None:
            self._visit.pressed.append(time.time())
            await call.send_digits(key)

    async def _stay(self, call: OutgoingCall, seconds: float) -> None:
        """Stay on the line for so long, or until the call is over or everybody goes home."""
        until = time.monotonic() + seconds
        while not self._gone(call) and (left := until - time.monotonic()) > 0:
            try:
                await call.ended(within=min(left, 0.5))
            except PhoneTimeoutError:
                continue
