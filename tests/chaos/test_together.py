"""Two parts dead at once: what one of them would have kept for the other must still be there."""

from __future__ import annotations

import asyncio
from random import Random

import pytest

from m3voip.stack.stack import Stack
from tests.chaos.crowd import crowd_at
from tests.chaos.faults import Lives, dead, kill, ready
from tests.chaos.report import Report, long_run
from tests.chaos.verdict import judge

pytestmark = pytest.mark.asterisk

ROUNDS = 10


@long_run(hours=1)
async def test_facts_of_a_service_that_is_killed_while_postgres_is_dead_are_saved_by_a_later_life(
    site: Stack, seed: int
) -> None:
    random, lives = Random(seed), Lives(site, "service")
    report = Report("R-01+R-04", f"`kill -9` of the service while Postgres is dead, {ROUNDS} times")
    async with crowd_at(site, size=50, seed=seed) as crowd:
        for _ in range(ROUNDS):
            await ready(site, "service")
            await asyncio.sleep(random.uniform(1.0, 5.0))
            async with dead(site, "postgres"):
                await asyncio.sleep(random.uniform(0.0, 3.0))
                await kill(site, "service")
                await asyncio.sleep(random.uniform(0.0, 8.0))
                await kill(site, "service")
            await ready(site, "postgres")
        await ready(site, "service")
        await crowd.turn_over(within=10)
    verdict = await judge(crowd, lives=lives)
    report.tell({**verdict.count, **verdict.worst, "faults": len(verdict.faults), "seed": seed})
    report.write()
    assert not verdict.faults, "\n".join(verdict.faults[:40])


@long_run(hours=1)
async def test_calls_are_closed_when_asterisk_and_the_service_die_together(site: Stack, seed: int) -> None:
    random = Random(seed)
    report = Report("R-01+R-03", f"`kill -9` of Asterisk and the service at once, {ROUNDS} times")
    dropped: frozenset[str] = frozenset()
    unsure: frozenset[str] = frozenset()
    async with crowd_at(site, size=50, seed=seed) as crowd:
        for _ in range(ROUNDS):
            await ready(site, "service")
            await asyncio.sleep(random.uniform(2.0, 6.0))
            await asyncio.gather(kill(site, "asterisk"), kill(site, "service"))
            now_dropped, now_unsure = crowd.cut_off()
            dropped, unsure = dropped | now_dropped, unsure | now_unsure
            await ready(site, "asterisk")
            await crowd.gather()
        await ready(site, "service")
    verdict = await judge(crowd, may_drop=dropped, unsure=unsure)
    report.tell({**verdict.count, **verdict.worst, "faults": len(verdict.faults), "seed": seed})
    report.write()
    assert not verdict.faults, "\n".join(verdict.faults[:40])
