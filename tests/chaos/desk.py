"""People at the CRM for fault tests: they hold, consult, hand on, park and pick up whatever calls there are, at random and
whatever happens to the service."""

from __future__ import annotations

import asyncio
from collections import Counter
from random import Random

import aiohttp

from tests.chaos.crowd import Crowd
from tests.support.office import Api, Json

OTHERS = ("101", "102", "103", "104", "105")
ONWARD = (("extension", "104"), ("queue", "sales"), ("queue", "support"), ("mailbox", "801"), ("node", "menu"))
ASKS = (
    "hold", "hold", "resume", "resume", "consult", "consult", "swap", "complete", "complete", "cancel", "conference", "add",
    "drop", "transfer", "transfer", "park",
)  # fmt: skip
"""Most that do not fit the call are refused, as in life."""


class Desk:
    """``handled``: the numbers of callers whose call somebody asked something of; ``asked``: what was done, and how often."""

    def __init__(self, crowd: Crowd, random: Random) -> None:
        self._crowd = crowd
        self._random = random
        self.handled: set[str] = set()
        self.asked: Counter[str] = Counter()

    async def run(self, api: Api) -> None:
        """Until cancelled. While the service is dead nobody answers, and people try again."""
        while True:
            await asyncio.sleep(self._random.uniform(0.02, 0.15))
            try:
                await self._ask(api)
            except (aiohttp.ClientError, TimeoutError, AssertionError):  # nobody there; or not known (yet, any more)
                continue

    async def _ask(self, api: Api) -> None:
        agents = self._crowd.agents
        here = [
            v.number
            for v in self._crowd.visits
            if not v.over and (agents.talking(v.number) or v.number in self.handled)
        ]
        if not here:
            return
        number = self._random.choice(here)
        (call,) = (await api.get("/v1/tm/calls", caller=number, limit="1"))["items"]
        now = await api.get(f"/v1/tm/calls/{call['id']}/parties")
        if now["state"] not in ("talking", "in_hand"):
            return
        what = "pick-up" if now["slot"] else self._random.choice(ASKS)
        self.handled.add(number)  # before: it may be done, and the answer lost
        async with api.session.post(f"{api.base}/v1/tm/calls/{call['id']}/{what}", json=self._body(what)) as reply:
            if reply.status == 202:
                self.asked[what] += 1

    def _body(self, what: str) -> Json | None:
        if what in ("consult", "add", "drop", "pick-up"):
            return {"extension": self._random.choice(OTHERS)}
        if what == "transfer":
            kind, name = self._random.choice(ONWARD)
            return {"kind": kind, "name": name}
        return None
