"""Bar R-01 again, with calls in hand: ``kill -9`` of the service while people hold, consult, hand on, park and pick up."""

from __future__ import annotations

import asyncio
from random import Random

import pytest

from m3voip.stack.stack import Stack
from tests.chaos.crowd import crowd_at
from tests.chaos.desk import Desk
from tests.chaos.faults import Lives, kill, ready
from tests.chaos.report import Report, long_run
from tests.chaos.verdict import judge
from tests.support import leaks
from tests.support.office import api_of

pytestmark = pytest.mark.asterisk

KILLS = 60


@long_run(hours=1)
async def test_kills_among_holds_transfers_and_conferences_drop_no_call_and_lose_no_record(
    site: Stack, seed: int
) -> None:
    random, lives = Random(seed), Lives(site, "service")
    report = Report("R-01 in hand", f"`kill -9` of the service under calls in hand, {KILLS} times")
    async with leaks.nothing_left(site.cli, {"asterisk": site.processes["asterisk"].pid or 0}):
        async with crowd_at(site, size=30, seed=seed) as crowd, api_of(site) as api, asyncio.TaskGroup() as group:
            desk = Desk(crowd, random)
            at_work = group.create_task(desk.run(api), name="desk")
            for _ in range(KILLS):
                await ready(site, "service")
                await asyncio.sleep(random.uniform(1.0, 10.0))  # things are asked only while it serves
                await kill(site, "service")
            await ready(site, "service")
            await crowd.turn_over(within=15)
            at_work.cancel()
        verdict = await judge(crowd, lives=lives, handled=frozenset(desk.handled))
    report.tell({**verdict.count, **verdict.worst, "faults": len(verdict.faults), "seed": seed})
    report.tell({f"asked: {what}": count for what, count in sorted(desk.asked.items())})
    report.write()
    assert not verdict.faults, "\n".join(verdict.faults[:40])
    assert {"hold", "resume", "consult", "complete", "transfer", "conference", "park", "pick-up"} <= set(desk.asked)
