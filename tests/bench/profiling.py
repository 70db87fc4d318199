"""What bounds a mode: who uses the CPU while it runs at 60 % of its ceiling. Prints; writes nothing.

Asterisk does not name its threads, but its command line knows which function each one began with. Python is sampled by
py-spy while it holds the interpreter (in the peers' environment). What the service counts itself (ARI events and
requests) is shown per call.
"""

from __future__ import annotations

import asyncio
import re
from collections import Counter
from collections.abc import Callable
from pathlib import Path

import aiohttp

from tests.bench import machine, service
from tests.bench.instance import BenchStack, started
from tests.bench.load import Patience, step
from tests.bench.modes import Mode
from tests.bench.peers import peers_python
from tests.bench.program import Program, running
from tests.bench.run import CORES_MS

SECONDS = 10.0
SHARE = 0.6
LINES = 25
_THREAD = re.compile(r"^\S+\s+(\d+)\s+(\S+)\s+started at", re.MULTILINE)
_COUNTER = re.compile(r"^(m3voip_ari_(?:events|requests)_total)\{([^}]*)\} (\S+)$", re.MULTILINE)

Tell = Callable[[str], None]


def main(mode: Mode, rate: float, tell: Tell) -> None:
    """Blocking; `rate` 0 means 60 % of what a short look at the cost says."""
    asyncio.run(_profile(mode, rate, tell))


async def _profile(mode: Mode, rate: float, tell: Tell) -> None:
    async with started() as stack, running(mode, stack) as program:
        await asyncio.to_thread(peers_python, stack.folders.cache)
        if mode.is_service:
            await service.provision(stack)
        if not rate:
            look = await step(stack, mode, program, Patience(0), rate=60, seconds=4)
            rate = SHARE * CORES_MS / 0.8 / (look.call_ms + look.sipp_ms)
        tell(f"{mode.label} at {rate:.0f} calls/s for {SECONDS:.0f} s")
        threads, counters = await _threads(stack), await _counters(stack, mode)
        backends = machine.family_ms(stack.postgres_pid)
        samples = asyncio.get_running_loop().create_task(_samples(stack, program), name="py-spy")
        taken = await step(stack, mode, program, Patience(0), rate=rate, seconds=SECONDS)
        stacks = await samples
        print(
            f"\nAsterisk {taken.asterisk_ms:.2f}, Python {taken.program_ms:.2f}, Postgres {taken.postgres_ms:.2f}, "
            f"SIPp {taken.sipp_ms:.2f} ms a call; others {taken.others:.2f} cores; failed {taken.failed}"
        )
        _print_threads(threads, await _threads(stack), taken.asterisk_ms * taken.calls, taken.calls)
        _print_backends(backends, machine.family_ms(stack.postgres_pid), taken.calls)
        _print_counters(counters, await _counters(stack, mode), taken.calls)
        _print_samples(stacks)


async def _threads(stack: BenchStack) -> dict[int, tuple[str, float]]:
    """Thread → (what it began with, its CPU time)."""
    names = {int(number): name for number, name in _THREAD.findall(await stack.cli("core show threads"))}
    times = machine.thread_ms(stack.asterisk_pid)
    return {number: (names.get(number, "(unknown)"), spent) for number, spent in times.items()}


def _print_threads(
    before: dict[int, tuple[str, float]], after: dict[int, tuple[str, float]], total: float, calls: int
) -> None:
    spent: dict[str, float] = {}
    for number, (name, now) in after.items():
        spent[name] = spent.get(name, 0.0) + now - before.get(number, (name, 0.0))[1]
    spent["threads that came and went (one a channel)"] = total - sum(spent.values())
    print("\nAsterisk's threads, ms per call:")
    for name, time in sorted(spent.items(), key=lambda item: -item[1])[:10]:
        print(f"  {time / calls:6.2f}  {name}")


def _print_backends(before: dict[int, tuple[str, float]], after: dict[int, tuple[str, float]], calls: int) -> None:
    print("\nPostgres' processes, ms per call:")
    spent = [(now - before.get(pid, ("", 0.0))[1], name) for pid, (name, now) in after.items()]
    for time, name in sorted(spent, reverse=True)[:6]:
        print(f"  {time / calls:6.2f}  {name}")


async def _counters(stack: BenchStack, mode: Mode) -> dict[str, float]:
    if not mode.is_service:
        return {}
    async with aiohttp.ClientSession() as session, session.get(f"{stack.settings.base_url}/metrics") as answer:
        text = await answer.text()
    return {f"{name} {labels}": float(value) for name, labels, value in _COUNTER.findall(text)}


def _print_counters(before: dict[str, float], after: dict[str, float], calls: int) -> None:
    changed = {name: value - before.get(name, 0.0) for name, value in after.items() if value != before.get(name)}
    if changed:
        print("\nWhat the service counted, per call:")
    for name, value in sorted(changed.items(), key=lambda item: -item[1]):
        print(f"  {value / calls:6.2f}  {name}")


async def _samples(stack: BenchStack, program: Program) -> str:
    """Collapsed stacks of the program; empty when there is none or py-spy may not look."""
    if not program.pid:
        return ""
    spy = peers_python(stack.folders.cache).with_name("py-spy")
    out = Path(stack.folders.log) / "py-spy.txt"
    process = await asyncio.create_subprocess_exec(
        str(spy), "record", "--format", "raw", "--rate", "250", "--duration", str(int(SECONDS - 1)),
        "--nonblocking", "--gil", "--output", str(out), "--pid", str(program.pid),
        stdout=asyncio.subprocess.DEVNULL, stderr=asyncio.subprocess.DEVNULL,
    )  # fmt: skip
    await process.wait()
    return out.read_text(encoding="utf-8") if out.exists() else ""


def _print_samples(stacks: str) -> None:
    own: Counter[str] = Counter()
    within: Counter[str] = Counter()
    for line in stacks.splitlines():
        path, _, count = line.rpartition(" ")
        frames = path.split(";")
        own[frames[-1]] += int(count)
        for frame in set(frames):
            within[frame] += int(count)
    total = sum(own.values())
    if not total:
        return
    for title, counted in (("Python, by itself", own), ("Python, with what it calls", within)):
        print(f"\n{title}, share of {total} samples:")
        for frame, hits in counted.most_common(LINES):
            print(f"  {hits / total:6.1%}  {frame}")
