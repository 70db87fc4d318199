"""Bar R-01: ``kill -9`` of the service at random instants under a crowd of callers. And its other ends: SIGINT (a restart,
the next process adopts everybody) and SIGTERM (for good, callers are handed to the floor)."""

from __future__ import annotations

import asyncio
import signal
from random import Random

import pytest

from m3voip.stack.processes import State
from m3voip.stack.stack import Stack
from tests.chaos.crowd import crowd_at
from tests.chaos.faults import Lives, descriptors, kill, ready
from tests.chaos.report import Report, long_run
from tests.chaos.verdict import Verdict, judge
from tests.support import leaks

pytestmark = pytest.mark.asterisk


async def under_fire(site: Stack, *, kills: int, callers: int, seed: int) -> Verdict:
    """Kill the service again and again, mostly while it serves, sometimes while it starts or recovers."""
    random, lives = Random(seed), Lives(site, "service")
    report = Report("R-01", f"`kill -9` of the service, {kills} times")
    asterisk, service = site.processes["asterisk"], site.processes["service"]
    open_files = descriptors(service.pid)
    was: list[State] = []
    async with leaks.nothing_left(site.cli, {"asterisk": asterisk.pid or 0}):
        async with crowd_at(site, size=callers, seed=seed) as crowd:
            for _ in range(kills):
                if random.random() < 0.7:
                    await ready(site, "service")
                    await asyncio.sleep(random.uniform(0.0, 2.5))
                else:
                    await asyncio.sleep(random.uniform(0.0, 3.0))
                was.append(await kill(site, "service"))
            await ready(site, "service")
            await crowd.turn_over(within=15)
        verdict = await judge(crowd, lives=lives)
    assert descriptors(service.pid) <= open_files + 5, "the service keeps descriptors"
    verdict.count["kills"] = kills
    verdict.count["kills while it served"] = was.count(State.READY)
    recovery = lives.recoveries()
    verdict.worst["from a kill to ready s"] = round(max(recovery), 1)
    report.tell({**verdict.count, **verdict.worst, "faults": len(verdict.faults), "seed": seed})
    report.write()
    return verdict


def check(verdict: Verdict) -> None:
    """No fault, and the run tried what it is there to try."""
    assert not verdict.faults, "\n".join(verdict.faults[:40])
    count = verdict.count
    for what in ("talks", "recordings", "floor calls", "resumed", "menus carried on"):
        assert count[what] > 0, f"the run proves nothing about {what}: {dict(count)}"


@pytest.mark.timeout(300)
async def test_twenty_kills_of_the_service_drop_no_call_and_lose_no_record(site: Stack, seed: int) -> None:
    check(await under_fire(site, kills=20, callers=50, seed=seed))


@long_run(hours=1)
async def test_a_hundred_kills_of_the_service_drop_no_call_and_lose_no_record(site: Stack, seed: int) -> None:
    check(await under_fire(site, kills=100, callers=50, seed=seed))


@pytest.mark.timeout(120)
@pytest.mark.parametrize("how", [signal.SIGINT, signal.SIGTERM])
async def test_a_service_that_is_asked_to_leave_drops_no_call_and_leaves_no_fact_behind(
    site: Stack, seed: int, how: signal.Signals
) -> None:
    lives = Lives(site, "service")
    async with leaks.nothing_left(site.cli, {"asterisk": site.processes["asterisk"].pid or 0}):
        async with crowd_at(site, size=30, seed=seed) as crowd:
            await crowd.turn_over(within=15)
            await kill(site, "service", how)
            unsaved = list(site.settings.journal_dir.glob("*.facts"))
            await ready(site, "service")
            await crowd.turn_over(within=10)
        verdict = await judge(crowd, lives=lives)
    assert not verdict.faults, "\n".join(verdict.faults[:40])
    assert not unsaved, "facts were left in the journal"
    assert lives.recoveries()
    print(f"{how.name}: {dict(verdict.count)} {verdict.worst}")
