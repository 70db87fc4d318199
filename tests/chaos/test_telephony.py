"""Bar R-03: ``kill -9`` of Asterisk under a crowd. Its calls are lost; what was written down about them must not be."""

from __future__ import annotations

import asyncio
import time
from functools import partial
from random import Random

import pytest

from m3voip.stack.stack import Stack
from tests.chaos.crowd import Crowd, crowd_at
from tests.chaos.faults import kill, ready
from tests.chaos.outside import agree
from tests.chaos.records import open_legs
from tests.chaos.report import Report, long_run
from tests.chaos.verdict import Verdict, judge
from tests.support import leaks
from tests.support.eventually import eventually
from tests.support.office import api_of

pytestmark = pytest.mark.asterisk

CLOSED_S = 10.0


async def under_fire(site: Stack, *, kills: int, callers: int, seed: int) -> Verdict:
    """Kill Asterisk again and again."""
    random, report = Random(seed), Report("R-03", f"`kill -9` of Asterisk, {kills} times")
    dropped: frozenset[str] = frozenset()
    unsure: frozenset[str] = frozenset()
    worst: dict[str, float] = {}

    def note(what: str, seconds: float) -> None:
        worst[what] = round(max(worst.get(what, 0.0), seconds), 2)

    async with leaks.nothing_left(site.cli, {"service": site.processes["service"].pid or 0}):
        async with crowd_at(site, size=callers, seed=seed) as crowd:
            for _ in range(kills):
                await asyncio.sleep(random.uniform(3.0, 8.0))
                mourned = await open_legs(site)
                await kill(site, "asterisk")
                now_dropped, now_unsure = crowd.cut_off()
                dropped, unsure = dropped | now_dropped, unsure | now_unsure
                note("Asterisk back after s", await ready(site, "asterisk"))
                back = time.monotonic()
                await eventually(partial(_closed, site, mourned), CLOSED_S, what="the end of all lost calls")
                note("lost calls closed after s", time.monotonic() - back)
                note("no zombie after s", await agree(site, CLOSED_S))
                await eventually(lambda: _board_is_right(crowd), 30, every=0.2, what="the board to be right")
                note("agents and board back after s", time.monotonic() - back)
                await crowd.gather()
                note("the line full again after s", time.monotonic() - back)
        verdict = await judge(crowd, may_drop=dropped, unsure=unsure)
    verdict.count["kills"] = kills
    report.tell({**verdict.count, **verdict.worst, **worst, "faults": len(verdict.faults), "seed": seed})
    report.write()
    return verdict


async def _closed(site: Stack, mourned: set[str]) -> bool:
    left = mourned & await open_legs(site)
    assert not left, f"still open: {left}"
    return True


async def _board_is_right(crowd: Crowd) -> bool:
    """Every agent's phone is registered again, and the API shows each as their phone knows it."""
    async with api_of(crowd.stack) as api:
        shown = {a["extension"]: a["live"] for a in (await api.get("/v1/tm/agents"))["items"]}
    for extension, phone in crowd.phones.items():
        live = shown[extension]
        assert live is not None, "the board is not known"
        assert live["registered"], f"{extension} is not registered: {live}"
        if not phone.calls:
            assert live["state"] in ("available", "reserved"), f"{extension} has no call and is shown {live['state']}"
    return True


def check(verdict: Verdict) -> None:
    """No fault, and the run tried what it is there to try."""
    assert not verdict.faults, "\n".join(verdict.faults[:40])
    for what in ("ended as telephony_restarted", "talks", "recordings"):
        assert verdict.count[what] > 0, f"the run proves nothing about {what}: {dict(verdict.count)}"


@pytest.mark.timeout(200)
async def test_calls_that_die_with_asterisk_are_closed_and_its_next_life_works(site: Stack, seed: int) -> None:
    check(await under_fire(site, kills=3, callers=50, seed=seed))


@long_run(hours=1)
async def test_twenty_kills_of_asterisk_leave_no_call_open(site: Stack, seed: int) -> None:
    check(await under_fire(site, kills=20, callers=50, seed=seed))
