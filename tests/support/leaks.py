"""Post-conditions of every test on Asterisk (bar R-13): no channel, no bridge, no descriptor, no task more than before."""

import asyncio
import re
from collections.abc import AsyncIterator, Awaitable, Callable, Mapping
from contextlib import asynccontextmanager
from dataclasses import dataclass, field

import psutil

from tests.support.eventually import eventually

Cli = Callable[[str], Awaitable[str]]
"""Runs one command on Asterisk's command line and returns what it prints."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Baseline:
    """What there was before the test."""

    channels: int
    bridges: int
    descriptors: Mapping[str, int] = field(default_factory=dict)
    """Open file descriptors by name of the process."""


async def channels(cli: Cli) -> int:
    """Channels that Asterisk has now."""
    found = re.search(r"(\d+) active channel", await cli("core show channels count"))
    assert found, "Asterisk does not say how many channels it has"
    return int(found[1])


async def bridges(cli: Cli) -> int:
    """Bridges that Asterisk has now, holding bridges included, but for the one that it makes for the lines of all agents, once,
    and never takes away."""
    lines = [
        line for line in (await cli("bridge show all")).splitlines() if line.strip() and " agent_hold " not in line
    ]
    return max(0, len(lines) - 1)  # the first line is the heading


def descriptors(pids: Mapping[str, int]) -> dict[str, int]:
    """Open file descriptors by name."""
    return {name: psutil.Process(pid).num_fds() for name, pid in pids.items()}


@asynccontextmanager
async def nothing_left(
    cli: Cli, pids: Mapping[str, int] | None = None, *, slack: int = 5, within: float = 10.0, own_tasks: bool = True
) -> AsyncIterator[Baseline]:
    """Remember, let the test run, then wait until everything is back. ``slack`` descriptors a process may keep: pools,
    journals, their connections and logs open late; a leak of one per call is still found by a test with more calls than
    that. A part that was restarted meanwhile (another pid) must be left out of ``pids``. ``own_tasks`` false: a relay of the
    test's own goes on."""
    pids = pids or {}
    before = Baseline(channels=await channels(cli), bridges=await bridges(cli), descriptors=descriptors(pids))
    tasks = asyncio.all_tasks()
    yield before

    async def back() -> bool:
        now = Baseline(channels=await channels(cli), bridges=await bridges(cli), descriptors=descriptors(pids))
        assert now.channels <= before.channels, f"channels: {await cli('core show channels concise')}"
        assert now.bridges <= before.bridges, f"bridges: {await cli('bridge show all')}"
        for name, count in now.descriptors.items():
            assert count <= before.descriptors[name] + slack, (
                f"{name}: {before.descriptors[name]} -> {count} descriptors"
            )
        left = {task for task in asyncio.all_tasks() - tasks if task is not asyncio.current_task()}
        assert not (left and own_tasks), f"tasks left: {left}"
        return True

    await eventually(back, within, every=0.1, what="the baseline")
