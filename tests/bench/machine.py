"""CPU time of processes and of the whole machine, read from /proc, and waiting until nobody else works here.

All times are milliseconds of CPU. Linux shows them in steps of 10 ms, which is why figures are per hundreds of calls.
"""

from __future__ import annotations

import asyncio
import os
import resource
from dataclasses import dataclass
from pathlib import Path
from time import monotonic

_TICK_MS = 1000.0 / os.sysconf("SC_CLK_TCK")


def process_ms(pid: int) -> float:
    """User and system time of a process, its ended threads and its reaped children; 0 when it is gone."""
    fields = _stat(pid)
    return sum(map(int, fields[11:15])) * _TICK_MS if fields else 0.0


def tree_ms(root: int) -> float:
    """The same for a process and all its living descendants (Postgres: one backend a connection)."""
    return sum(process_ms(pid) for pid in _family(root))


def self_ms() -> float:
    """CPU time of this process, without children."""
    own = resource.getrusage(resource.RUSAGE_SELF)
    return (own.ru_utime + own.ru_stime) * 1000


def reaped_ms() -> float:
    """CPU time of all children that this process has waited for."""
    own = resource.getrusage(resource.RUSAGE_CHILDREN)
    return (own.ru_utime + own.ru_stime) * 1000


def thread_ms(pid: int) -> dict[int, float]:
    """CPU time of each living thread."""
    times: dict[int, float] = {}
    for task in Path(f"/proc/{pid}/task").iterdir():
        if fields := _stat_of(task / "stat"):
            times[int(task.name)] = (int(fields[11]) + int(fields[12])) * _TICK_MS
    return times


def family_ms(root: int) -> dict[int, tuple[str, float]]:
    """What each process of a family calls itself, and its CPU time."""
    family: dict[int, tuple[str, float]] = {}
    for pid in _family(root):
        try:
            title = Path(f"/proc/{pid}/cmdline").read_bytes().replace(b"\0", b" ").decode(errors="replace")
        except OSError:
            continue
        family[pid] = (title[:80].strip(), process_ms(pid))
    return family


@dataclass(frozen=True, slots=True, kw_only=True)
class Busy:
    """What the machine's CPUs have done since it started. ``work`` is everything but idling and interrupts; time that
    the hypervisor gave to somebody else counts as work, because it was taken from us."""

    at: float
    work: float
    idle: float


def busy() -> Busy:
    """Now."""
    with Path("/proc/stat").open() as stat:
        user, nice, system, idle, iowait, _irq, _softirq, steal = map(int, stat.readline().split()[1:9])
    return Busy(at=monotonic(), work=(user + nice + system + steal) * _TICK_MS, idle=(idle + iowait) * _TICK_MS)


async def wait_quiet(ours: list[int], *, most_cores: float, within_s: float) -> bool:
    """Wait until all processes besides `ours` together use less than `most_cores` of a core for 1.5 s."""
    until = monotonic() + within_s
    while True:
        before, own = busy(), sum(map(tree_ms, ours))
        await asyncio.sleep(1.5)
        after = busy()
        others = after.work - before.work - (sum(map(tree_ms, ours)) - own)
        if others / (after.at - before.at) / 1000 < most_cores:
            return True
        if monotonic() > until:
            return False


def describe() -> str:
    """The machine in one line."""
    model = "unknown CPU"
    for line in Path("/proc/cpuinfo").read_text().splitlines():
        if line.startswith("model name"):
            model = line.partition(":")[2].strip()
            break
    memory = os.sysconf("SC_PAGE_SIZE") * os.sysconf("SC_PHYS_PAGES") / 2**30
    kernel = os.uname()
    return f"{os.cpu_count()} cores of {model}, {memory:.0f} GB, {kernel.sysname} {kernel.release.split('-')[0]}"


def _stat(pid: int) -> list[str]:
    return _stat_of(Path(f"/proc/{pid}/stat"))


def _stat_of(file: Path) -> list[str]:
    """The fields after the name, which may hold anything; empty when the process is gone."""
    try:
        return file.read_text().rpartition(")")[2].split()
    except OSError:
        return []


def _family(root: int) -> list[int]:
    children: dict[int, list[int]] = {}
    for entry in os.listdir("/proc"):  # noqa: PTH208  # thousands of times cheaper than Path objects
        if entry.isdigit():
            fields = _stat(int(entry))
            if fields:
                children.setdefault(int(fields[1]), []).append(int(entry))
    family, waiting = [], [root]
    while waiting:
        pid = waiting.pop()
        family.append(pid)
        waiting += children.get(pid, [])
    return family
