"""Bar R-02: the path to ARI and AMI cut, half-open, refused, and swallowed by a black hole, under a crowd."""

from __future__ import annotations

import asyncio
import time
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import AsyncExitStack
from dataclasses import dataclass
from functools import partial
from random import Random
from typing import Literal

import pytest

from m3voip.config import Settings
from m3voip.stack.stack import Stack, fresh_name
from tests.chaos.crowd import crowd_at, prepare
from tests.chaos.outside import agree, is_ready
from tests.chaos.relay import Relay
from tests.chaos.report import Report, long_run
from tests.chaos.verdict import Verdict, judge
from tests.support import leaks
from tests.support.eventually import eventually
from tests.support.fixtures import in_own_task

pytestmark = pytest.mark.asterisk

BACK_S, NOTICED_S, AGREED_S = 2.0, 20.0, 5.0
SLACK_S = 0.5
"""For a busy machine."""
Fault = Literal["cut", "cut again while recovering", "half-open", "refused", "black hole"]


@dataclass(slots=True, kw_only=True)
class Site:
    """A stack whose service reaches Asterisk through relays."""

    stack: Stack
    ari: Relay
    ami: Relay


@pytest.fixture(scope="module")
async def relayed() -> AsyncIterator[Site]:
    """A whole stack with relays on the way."""
    async with AsyncExitStack() as exits:
        ari, ami = Relay("127.0.0.1", 0), Relay("127.0.0.1", 0)
        for relay in (ari, ami):
            await exits.enter_async_context(in_own_task(relay))

        def through(settings: Settings) -> dict[str, str]:
            ari.aim(settings.ari_host, settings.ari_port)
            ami.aim(settings.ami_host, settings.ami_port)
            return {"M3VOIP_ARI_PORT": str(ari.port), "M3VOIP_AMI_PORT": str(ami.port)}

        whole = Stack(instance=fresh_name(), ephemeral=True, seeded=True, service_environ=through)
        stack = await exits.enter_async_context(in_own_task(whole))
        await prepare(stack)
        yield Site(stack=stack, ari=ari, ami=ami)


async def cut(relays: list[Relay], _: float) -> float:
    """Both sides know at once."""
    for relay in relays:
        relay.cut()
    return 0.0


async def cut_twice(relays: list[Relay], _: float) -> float:
    """Again while the service recovers from the first cut."""
    seen = [relay.accepted for relay in relays]
    await cut(relays, 0)
    await eventually(lambda: all(r.accepted > n and r.links for r, n in zip(relays, seen, strict=True)), 5, every=0.002)
    return await cut(relays, 0)


async def refuse(relays: list[Relay], _: float) -> float:
    """No new connections for a while."""
    for relay in relays:
        relay.refuse()
    await cut(relays, 0)
    await asyncio.sleep(2)
    for relay in relays:
        await relay.listen()
    return 0.0


async def half_open(relays: list[Relay], _: float) -> float:
    """Asterisk knows, we do not; new connections work."""
    for relay in relays:
        relay.forget_far_side()
    return await noticed(relays)


async def black_hole(relays: list[Relay], seconds: float) -> float:
    """Nobody knows; new connections are swallowed, too."""
    began = time.monotonic()
    for relay in relays:
        relay.open_hole()
    after = await noticed(relays)
    await asyncio.sleep(max(0.0, began + seconds - time.monotonic()))
    for relay in relays:
        relay.close_hole()
    return after


async def noticed(relays: list[Relay]) -> float:
    """Wait until the service tries again on all of them; returns the seconds that took."""
    seen, began = [relay.accepted for relay in relays], time.monotonic()
    await eventually(
        lambda: all(r.accepted > n for r, n in zip(relays, seen, strict=True)),
        NOTICED_S + 5,
        what="the service to notice",
    )
    return time.monotonic() - began


FAULTS: dict[Fault, Callable[[list[Relay], float], Awaitable[float]]] = {
    "cut": cut, "cut again while recovering": cut_twice, "half-open": half_open, "refused": refuse,
    "black hole": black_hole,
}  # fmt: skip
"""Each breaks the path and mends it; returns the seconds until that was noticed, 0 where both sides knew at once."""


def _linked(relays: list[Relay]) -> bool:
    return all(relay.links for relay in relays)


async def under_fire(site: Site, faults: list[Fault], *, hole_s: float, callers: int, seed: int) -> Verdict:
    """Break the path again and again."""
    random, worst = Random(seed), dict[str, float]()
    report = Report("R-02", f"the path to Asterisk broken, {len(faults)} times")

    def note(what: str, seconds: float, limit: float) -> None:
        worst[what] = round(max(worst.get(what, 0.0), seconds), 2)
        assert seconds <= limit, f"{what}: {seconds:.2f}"

    pids = {name: site.stack.processes[name].pid or 0 for name in ("service", "asterisk")}
    async with leaks.nothing_left(site.stack.cli, pids, slack=5, own_tasks=False):
        async with crowd_at(site.stack, size=callers, seed=seed) as crowd:
            for fault in faults:
                await asyncio.sleep(random.uniform(0.5, 3.0))
                both, ari, ami = [site.ari, site.ami], [site.ari], [site.ami]
                relays = both if fault in ("half-open", "black hole") else random.choice((ari, ari, ami, both))
                silent = await FAULTS[fault](relays, hole_s)
                if silent:
                    note(f"{fault} noticed after s", silent, NOTICED_S)
                whole = time.monotonic()
                await eventually(partial(_linked, relays), 10, every=0.01, what="new connections")
                await eventually(lambda: is_ready(site.stack), 10, every=0.02, what="the service to be ready again")
                note(f"back after a path was {fault} s", time.monotonic() - whole, BACK_S + SLACK_S)
                note("agreed with Asterisk after s", await agree(site.stack, AGREED_S), AGREED_S)
            for relay in (site.ari, site.ami):
                relay.bury()
            await crowd.turn_over(within=5)
        verdict = await judge(crowd)
    verdict.count.update(faults)
    report.tell({**verdict.count, **verdict.worst, **worst, "faults": len(verdict.faults), "seed": seed})
    report.write()
    return verdict


def check(verdict: Verdict) -> None:
    """No fault, and the run tried what it is there to try."""
    assert not verdict.faults, "\n".join(verdict.faults[:40])
    for what in ("talks", "recordings", "resumed"):
        assert verdict.count[what] > 0, f"the run proves nothing about {what}: {dict(verdict.count)}"


@pytest.mark.timeout(200)
async def test_a_broken_path_to_asterisk_drops_no_call_and_loses_no_record(relayed: Site, seed: int) -> None:
    faults: list[Fault] = [
        "cut", "cut", "cut", "cut", "cut", "cut again while recovering", "refused", "refused", "half-open", "black hole",
    ]  # fmt: skip
    Random(seed).shuffle(faults)
    check(await under_fire(relayed, faults, hole_s=20, callers=50, seed=seed))


@long_run(hours=2)
async def test_two_hundred_breaks_of_the_path_to_asterisk_lose_nothing(relayed: Site, seed: int) -> None:
    kinds: list[Fault] = ["cut", "cut again while recovering", "half-open", "refused", "black hole"]
    faults = Random(seed).choices(kinds, [8, 4, 2, 5, 1], k=200)
    check(await under_fire(relayed, faults, hole_s=30, callers=50, seed=seed))
