"""One step: SIPp offers calls to a mode at a rate for some seconds; what came of them and what it cost.

Law: SIPp runs bounded by a number of calls, by its own timeout and by ours. A step during which somebody else's
processes used more than `NOISE` of a core is taken again, at most `TRIES` times and as long as there is `Patience`; a step
that stayed noisy says so.
"""

from __future__ import annotations

import asyncio
import csv
import os
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from time import monotonic

from tests.bench import machine
from tests.bench.capture import Capture, Latencies
from tests.bench.instance import HERE, BenchStack
from tests.bench.modes import Mode
from tests.bench.program import Program

NOISE = 0.2
TRIES = 3
QUIET_WITHIN_S = 30.0
MOST_FAILED = 0.01
NOMINAL_CALL_S = 0.75
"""700 ms until the digit, and the messages."""
LATE_S = 0.5
"""When the last call of a step ends this much later than it would without load, the rate was not carried: a backlog grew."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Step:
    """The outcome. CPU in milliseconds per call; latencies in milliseconds; `others` in cores."""

    mode: str
    rate: float
    calls: int
    failed: int
    retransmissions: int
    late_s: float
    asterisk_ms: float
    program_ms: float
    postgres_ms: float
    sipp_ms: float
    others: float
    answer_p50: float
    answer_p99: float
    captured: Latencies | None

    @property
    def carried(self) -> bool:
        """Less than 1 % failed and the offered rate was reached."""
        return self.failed < MOST_FAILED * self.calls and self.late_s < LATE_S

    @property
    def call_ms(self) -> float:
        """Everything that a call costs on our side."""
        return self.asterisk_ms + self.program_ms + self.postgres_ms

    @property
    def noisy(self) -> bool:
        """Somebody else was working."""
        return self.others > NOISE


class Patience:
    """How many seconds a whole run may spend on waiting for quiet and on taking noisy steps again."""

    def __init__(self, seconds: float) -> None:
        self.left = seconds

    @contextmanager
    def spent(self) -> Iterator[None]:
        """Counts what happens inside."""
        began = monotonic()
        try:
            yield
        finally:
            self.left -= monotonic() - began


async def step(
    stack: BenchStack, mode: Mode, program: Program, patience: Patience,
    *, rate: float, seconds: float, captured: bool = False,
) -> Step:  # fmt: skip
    """Offer `rate` calls a second for `seconds`. Raises ProgramError when the program ended meanwhile."""
    outcome = await _step(stack, mode, program, rate, seconds, captured)
    for _ in range(TRIES - 1):
        program.check()
        if not outcome.noisy or patience.left <= 0:
            break
        with patience.spent():
            ours = [os.getpid(), stack.asterisk_pid, stack.postgres_pid]
            await machine.wait_quiet(ours, most_cores=NOISE, within_s=min(QUIET_WITHIN_S, patience.left))
            again = await _step(stack, mode, program, rate, seconds, captured)
            outcome = min(outcome, again, key=lambda each: each.others)
    program.check()
    return outcome


async def _step(stack: BenchStack, mode: Mode, program: Program, rate: float, seconds: float, captured: bool) -> Step:
    await stack.drain()
    calls = max(20, round(rate * seconds))
    with tempfile.TemporaryDirectory(prefix="m3voip-bench-") as folder:
        capture = Capture(sip_port=stack.ports.sip_udp) if captured else None
        before, costs = machine.busy(), _Costs(stack, program)
        process = await asyncio.create_subprocess_exec(
            *_sipp(stack, mode, rate, calls), cwd=folder,
            stdin=asyncio.subprocess.DEVNULL, stdout=asyncio.subprocess.DEVNULL, stderr=asyncio.subprocess.DEVNULL,
        )  # fmt: skip
        sipp_before = machine.reaped_ms()
        try:
            await asyncio.wait_for(process.wait(), calls / rate + 40)
        except TimeoutError:
            process.kill()
            await process.wait()
        sipp_ms = machine.reaped_ms() - sipp_before
        after = machine.busy()
        latencies = capture.finish() if capture else None
        await stack.drain()
        asterisk_ms, program_ms, postgres_ms = costs.until_now()
        done = _statistics(Path(folder))
        answers = _answer_times(Path(folder))
    spent = asterisk_ms + program_ms + postgres_ms + sipp_ms + costs.own()
    return Step(
        mode=mode.name,
        rate=rate,
        calls=calls,
        failed=calls - done["SuccessfulCall(C)"],
        retransmissions=done["Retransmissions(C)"],
        late_s=after.at - before.at - calls / rate - NOMINAL_CALL_S,
        asterisk_ms=asterisk_ms / calls,
        program_ms=program_ms / calls,
        postgres_ms=postgres_ms / calls,
        sipp_ms=sipp_ms / calls,
        others=max(0.0, (after.work - before.work - spent) / (after.at - before.at) / 1000),
        answer_p50=quantile(answers, 0.5),
        answer_p99=quantile(answers, 0.99),
        captured=latencies,
    )


class _Costs:
    """CPU of the parts since the beginning of the step."""

    def __init__(self, stack: BenchStack, program: Program) -> None:
        self._pids = (stack.asterisk_pid, program.pid, stack.postgres_pid)
        self._before = self._now()
        self._own = machine.self_ms()

    def until_now(self) -> tuple[float, float, float]:
        """Asterisk, program, Postgres."""
        asterisk, program, postgres = (now - was for now, was in zip(self._now(), self._before, strict=True))
        return asterisk, program, postgres

    def own(self) -> float:
        """The bench itself."""
        return machine.self_ms() - self._own

    def _now(self) -> tuple[float, ...]:
        return tuple(machine.tree_ms(pid) if pid else 0.0 for pid in self._pids)


def _sipp(stack: BenchStack, mode: Mode, rate: float, calls: int) -> list[str]:
    return [
        "sipp", f"{stack.settings.sip_address}:{stack.ports.sip_udp}", "-i", "127.0.0.1",
        "-sf", str(HERE / "caller.xml"), "-s", mode.number, "-r", f"{rate:g}", "-m", str(calls), "-l", "3000",
        "-recv_timeout", "5000", "-timeout", f"{calls / rate + 25:.0f}", "-nostdin", "-buff_size", "4194304",
        "-trace_rtt", "-rtt_freq", "50", "-trace_stat", "-stf", "statistics.csv", "-fd", "1",
    ]  # fmt: skip


def _statistics(folder: Path) -> dict[str, int]:
    with (folder / "statistics.csv").open() as file:
        *_, last = csv.DictReader(file, delimiter=";")
    return {name: int(last[name]) for name in ("SuccessfulCall(C)", "Retransmissions(C)")}


def _answer_times(folder: Path) -> list[float]:
    """INVITE to 200 as SIPp saw it: lines of `date;milliseconds;timer`."""
    times: list[float] = []
    for file in folder.glob("*_rtt.csv"):
        for line in file.read_text().splitlines():
            fields = line.split(";")
            if len(fields) >= 3 and fields[2] == "1":
                times.append(float(fields[1]))
    return times


def quantile(values: list[float], share: float) -> float:
    """The smallest value that `share` of all do not exceed; 0 when there are none."""
    ordered = sorted(values)
    return ordered[min(len(ordered) - 1, int(len(ordered) * share))] if ordered else 0.0
