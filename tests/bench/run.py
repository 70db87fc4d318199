"""One run of the comparison: every mode at one common rate, then every mode's ceiling, in rounds that alternate.

Law: a mode that cannot run is reported with its reason and the others go on; a run ends in `Plan.within_s`, because
waiting for quiet is limited and a ceiling that would not fit any more is not begun.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Collection, Iterable, Iterator
from dataclasses import dataclass, field, replace
from statistics import median
from time import monotonic

from tests.bench import service
from tests.bench.instance import BenchStack, started
from tests.bench.load import Patience, Step, step
from tests.bench.modes import BY_NAME, MODES, Mode
from tests.bench.peers import peers_python
from tests.bench.program import ProgramError, running
from tests.bench.search import ceiling

CORES_MS = 2000.0 * 0.8
"""What two cores give per second, less a fifth: where the search for a ceiling begins."""

Tell = Callable[[str], None]


@dataclass(frozen=True, slots=True, kw_only=True)
class Plan:
    """What to measure. Seconds are those of one step."""

    modes: tuple[Mode, ...] = MODES
    rate: float = 60.0
    rate_seconds: float = 8.0
    rate_rounds: int = 3
    ceiling_seconds: float = 5.0
    ceiling_rounds: int = 3
    patience_s: float = 180.0
    within_s: float = 25 * 60.0


FULL = Plan()
QUICK = Plan(
    modes=tuple(BY_NAME[name] for name in ("dialplan", "m3voip", "bare-socket", "bare-lean")),
    rate_seconds=4.0,
    ceiling_seconds=4.0,
    ceiling_rounds=1,
    patience_s=30.0,
    within_s=270.0,
)


@dataclass(slots=True, kw_only=True)
class Results:
    """What was measured, by mode."""

    at_rate: dict[str, list[Step]] = field(default_factory=dict)
    ceilings: dict[str, list[float]] = field(default_factory=dict)
    failed: dict[str, str] = field(default_factory=dict)
    seconds: float = 0.0


async def run(plan: Plan, tell: Tell) -> Results:
    """Carry out the plan."""
    began = monotonic()
    results, patience = Results(), Patience(plan.patience_s)
    async with started() as stack:
        await _make_ready(stack, plan, results, tell)
        for mode in _rounds(plan.modes, plan.rate_rounds):
            if mode.name not in results.failed:
                await _at_rate(stack, mode, plan, patience, results, tell)
        for mode in _rounds(plan.modes, plan.ceiling_rounds):
            if monotonic() - began > plan.within_s - 60:
                tell(f"{mode.name}: no time left for another ceiling")
            elif mode.name not in results.failed:
                await _ceiling(stack, mode, plan, patience, results, tell)
    results.seconds = monotonic() - began
    return results


async def _make_ready(stack: BenchStack, plan: Plan, results: Results, tell: Tell) -> None:
    """Let the service write Asterisk's trunk and take its number, as at any first start, and warm everything up."""
    mode = BY_NAME["m3voip"]
    try:
        async with running(mode, stack) as program:
            await service.provision(stack)
            await step(stack, mode, program, Patience(0), rate=20, seconds=2)
    except ProgramError as error:
        results.failed[mode.name] = str(error)
        tell(f"{mode.name}: {error}")
    await asyncio.to_thread(peers_python, stack.folders.cache)
    tell(f"ready; {len(plan.modes)} modes")


async def _at_rate(stack: BenchStack, mode: Mode, plan: Plan, patience: Patience, results: Results, tell: Tell) -> None:
    try:
        async with running(mode, stack) as program:
            taken = await step(stack, mode, program, patience, rate=plan.rate, seconds=plan.rate_seconds, captured=True)
    except ProgramError as error:
        results.failed[mode.name] = str(error)
        tell(f"{mode.name}: {error}")
        return
    results.at_rate.setdefault(mode.name, []).append(taken)
    tell(
        f"{mode.name:12} {plan.rate:.0f}/s: Asterisk {taken.asterisk_ms:.2f}, Python {taken.program_ms:.2f}, "
        f"Postgres {taken.postgres_ms:.2f}, SIPp {taken.sipp_ms:.2f} ms a call; failed {taken.failed}; "
        f"others {taken.others:.2f} cores"
    )


async def _ceiling(stack: BenchStack, mode: Mode, plan: Plan, patience: Patience, results: Results, tell: Tell) -> None:
    try:
        async with running(mode, stack) as program:

            async def carries(rate: float) -> bool:
                taken = await step(stack, mode, program, patience, rate=rate, seconds=plan.ceiling_seconds)
                tell(
                    f"{mode.name:12} {rate:.0f}/s: {'carried' if taken.carried else 'not carried'}; failed {taken.failed} "
                    f"of {taken.calls}, {taken.late_s:+.2f} s late, p99 of the answer {taken.answer_p99:.0f} ms, "
                    f"others {taken.others:.2f} cores"
                )
                return taken.carried

            found = await ceiling(carries, _first_rate(mode, results))
    except ProgramError as error:
        results.failed[mode.name] = str(error)
        tell(f"{mode.name}: {error}")
        return
    results.ceilings.setdefault(mode.name, []).append(found)
    tell(f"{mode.name:12} ceiling {found:.0f}/s")


def _first_rate(mode: Mode, results: Results) -> float:
    """A little under the ceiling found before, or what the CPU per call promises."""
    if before := results.ceilings.get(mode.name):
        return before[-1] / 1.1
    cost = median(taken.call_ms + taken.sipp_ms for taken in results.at_rate[mode.name])
    return CORES_MS / cost


def _rounds(modes: Iterable[Mode], rounds: int) -> Iterator[Mode]:
    """Forth and back, so that what drifts with time meets every mode alike."""
    order = list(modes)
    for turn in range(rounds):
        yield from order if turn % 2 == 0 else reversed(order)


def only(plan: Plan, names: Collection[str]) -> Plan:
    """The plan for some modes."""
    return replace(plan, modes=tuple(mode for mode in MODES if mode.name in names))


def main(plan: Plan, tell: Tell) -> Results:
    """Blocking."""
    return asyncio.run(run(plan, tell))
