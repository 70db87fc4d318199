"""Bar R-04: Postgres killed, kept dead, and hung, under a crowd. Callers notice nothing, facts wait, the API says so."""

from __future__ import annotations

import asyncio
import time
from contextlib import AbstractAsyncContextManager, AbstractContextManager
from random import Random

import pytest

from m3voip.stack.stack import Stack
from tests.chaos.crowd import Crowd, crowd_at
from tests.chaos.faults import dead, hung, kill, ready
from tests.chaos.outside import Answer, ask, is_ready
from tests.chaos.report import Report, long_run
from tests.chaos.verdict import Verdict, judge
from tests.support import leaks
from tests.support.eventually import eventually

pytestmark = pytest.mark.asterisk

ANSWER_S = 2.0
SLACK_S = 0.5
"""For the way to the API and back on a busy machine."""


async def under_fire(
    site: Stack, *, kills: int, outages: int, outage_s: float, hang_s: float, callers: int, seed: int
) -> Verdict:
    """Kill Postgres at random instants, then keep it dead, then hang it."""
    random = Random(seed)
    report = Report(
        "R-04", f"`kill -9` of Postgres, {kills} times; dead for {outage_s:.0f} s, {outages} times; hung once"
    )
    slowest, answers = 0.0, 0
    pids = {name: site.processes[name].pid or 0 for name in ("service", "asterisk")}
    async with leaks.nothing_left(site.cli, pids, slack=5):
        async with crowd_at(site, size=callers, seed=seed) as crowd:
            for _ in range(kills):
                await asyncio.sleep(random.uniform(0.5, 4.0))
                await kill(site, "postgres")
                slowest = max(slowest, _in_time(await ask(site, "/v1/tm/calls")))
                await ready(site, "postgres")
            for _ in range(outages):
                taken, slow = await _through(crowd, dead(site, "postgres"), outage_s)
                answers, slowest = answers + taken, max(slowest, slow)
            pid = site.processes["postgres"].pid
            assert pid
            taken, slow = await _through(crowd, hung(pid), hang_s)
            answers, slowest = answers + taken, max(slowest, slow)
            await crowd.turn_over(within=5)
        verdict = await judge(crowd)
    verdict.count["kills"] = kills
    verdict.count["new calls answered without Postgres"] = answers
    verdict.note("slowest answer of the API s", slowest)
    report.tell({**verdict.count, **verdict.worst, "faults": len(verdict.faults), "seed": seed})
    report.write()
    return verdict


async def _through(
    crowd: Crowd, outage: AbstractAsyncContextManager[None] | AbstractContextManager[None], seconds: float
) -> tuple[int, float]:
    """An outage of this kind and length. Returns how many new callers were answered meanwhile, and the API's slowest
    answer. Afterwards the service is ready again."""
    site, slowest = crowd.stack, 0.0
    before = len(crowd.visits)
    asynchronous = outage if isinstance(outage, AbstractAsyncContextManager) else _awaited(outage)
    async with asynchronous:
        until = time.monotonic() + seconds
        while time.monotonic() < until:
            answer = await ask(site, "/v1/tm/calls")
            assert (answer.status, answer.code) == (503, "INTEGRATION_DOWN"), answer
            slowest = max(slowest, _in_time(answer))
            readiness = await ask(site, "/readyz")
            assert readiness.status == 503, readiness
            assert (await ask(site, "/healthz")).status == 200
            await asyncio.sleep(0.5)
        answered = sum(visit.answered_at is not None for visit in crowd.visits[before:])
    await ready(site, "postgres")
    await eventually(lambda: is_ready(site), 15, what="the service to be ready again")
    return answered, slowest


class _awaited(AbstractAsyncContextManager[None]):  # noqa: N801  # a function in all but form
    """A plain context manager where an asynchronous one is wanted."""

    def __init__(self, inner: AbstractContextManager[None]) -> None:
        self._inner = inner

    async def __aenter__(self) -> None:
        self._inner.__enter__()

    async def __aexit__(self, *error: object) -> None:
        self._inner.__exit__(None, None, None)


def _in_time(answer: Answer) -> float:
    assert answer.seconds <= ANSWER_S + SLACK_S, f"the API took {answer.seconds:.2f} s to say {answer}"
    return answer.seconds


def check(verdict: Verdict) -> None:
    """No fault, and the run tried what it is there to try."""
    assert not verdict.faults, "\n".join(verdict.faults[:40])
    for what in ("talks", "recordings", "new calls answered without Postgres"):
        assert verdict.count[what] > 0, f"the run proves nothing about {what}: {dict(verdict.count)}"
    assert not verdict.count["floor calls"], "a caller was not served by the tree"


@pytest.mark.timeout(200)
async def test_callers_notice_nothing_of_a_postgres_that_dies_and_no_fact_is_lost(site: Stack, seed: int) -> None:
    check(await under_fire(site, kills=5, outages=1, outage_s=10, hang_s=5, callers=50, seed=seed))


@long_run(hours=1)
async def test_fifty_kills_and_five_minutes_without_postgres_lose_no_fact(site: Stack, seed: int) -> None:
    check(await under_fire(site, kills=50, outages=5, outage_s=60, hang_s=30, callers=50, seed=seed))
