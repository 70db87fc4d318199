"""Measures levers: the configuration as shipped and the changed one side by side, at the same moment, on the same cores.

Law: this machine's speed changes by a fifth from one minute to the next, so only what runs at the same time is compared.
Both instances are started anew for each pair, because memory and SIP timers of earlier calls cost something; "as shipped"
is also measured as a lever, and its difference is the zero of the table. Both have an AMI client, as the service would be.
"""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Callable, Sequence
from contextlib import asynccontextmanager, suppress
from dataclasses import dataclass
from statistics import median

from m3voip.stack.errors import StackError
from tests.bench import load
from tests.bench.instance import BenchStack, started
from tests.bench.levers import AS_SHIPPED, Lever
from tests.bench.load import Step
from tests.bench.program import running


@dataclass(frozen=True, slots=True, kw_only=True)
class Pair:
    """One measurement: the same load on both at once."""

    lever: str
    shipped: Step
    changed: Step


@dataclass(frozen=True, slots=True, kw_only=True)
class Effect:
    """What a lever does to the CPU per call: shares (0.1 is ten percent more), and the spread of the single ratios.
    `rate`: what it does to the calls that a CPU carries, Asterisk and program together."""

    lever: Lever
    asterisk: float
    program: float
    rate: float
    spread: float
    failed: int


async def measure(
    levers: Sequence[Lever], *, rate: float, seconds: float, rounds: int, tell: Callable[[str], None]
) -> list[Effect]:
    """Effects in the order of `levers`."""
    pairs: list[Pair] = []
    half = len(levers) // 2
    everything = (AS_SHIPPED, *levers[:half], AS_SHIPPED, *levers[half:], AS_SHIPPED)  # the zero counts most
    alone = ("asterisk",)  # the application needs no database
    async with started("bench-a", alone) as a, started("bench-b", alone) as b:
        for turn in range(rounds):
            for lever in everything if turn % 2 == 0 else reversed(everything):
                try:
                    await asyncio.gather(a.restart_asterisk(AS_SHIPPED.patch), b.restart_asterisk(lever.patch))
                except StackError as error:
                    tell(f"{lever.name:22} {error}")
                    continue
                pair = await _side_by_side(a, b, lever, rate, seconds)
                pairs.append(pair)
                left, right = pair.shipped, pair.changed
                tell(
                    f"{lever.name:22} Asterisk {left.asterisk_ms:.2f} | {right.asterisk_ms:.2f} ms, "
                    f"Python {left.program_ms:.2f} | {right.program_ms:.2f} ms, failed {left.failed} | {right.failed}"
                )
    measured = {pair.lever for pair in pairs}
    return [effect(lever, pairs) for lever in (AS_SHIPPED, *levers) if lever.name in measured]


async def _side_by_side(a: BenchStack, b: BenchStack, lever: Lever, rate: float, seconds: float) -> Pair:
    mode, changed = AS_SHIPPED.mode, lever.mode
    async with listening(a), listening(b), running(mode, a) as left, running(changed, b) as right:
        both = await asyncio.gather(
            load.step(a, mode, left, load.Patience(0), rate=rate, seconds=seconds),
            load.step(b, changed, right, load.Patience(0), rate=rate, seconds=seconds),
        )
    return Pair(lever=lever.name, shipped=both[0], changed=both[1])


def effect(lever: Lever, pairs: Sequence[Pair]) -> Effect:
    """The median of a lever's ratios, against the median of as-shipped's."""

    def ratios(name: str, cost: Callable[[Step], float]) -> list[float]:
        return [cost(pair.changed) / cost(pair.shipped) for pair in pairs if pair.lever == name]

    def change(cost: Callable[[Step], float]) -> float:
        return median(ratios(lever.name, cost)) / median(ratios(AS_SHIPPED.name, cost)) - 1

    mine = ratios(lever.name, lambda step: step.asterisk_ms)
    return Effect(
        lever=lever,
        asterisk=change(lambda step: step.asterisk_ms),
        program=change(lambda step: step.program_ms),
        rate=1 / (1 + change(lambda step: step.call_ms)) - 1,
        spread=max(mine) - min(mine),
        failed=sum(pair.shipped.failed + pair.changed.failed for pair in pairs if pair.lever == lever.name),
    )


@asynccontextmanager
async def listening(stack: BenchStack) -> AsyncIterator[None]:
    """An AMI client that logs in and reads; nothing when AMI is off."""
    try:
        reader, writer = await asyncio.open_connection("127.0.0.1", stack.settings.ami_port)
    except OSError:
        yield
        return
    secret = stack.settings.ami_secret.get_secret_value()
    writer.write(f"Action: Login\r\nUsername: {stack.settings.ami_user}\r\nSecret: {secret}\r\n\r\n".encode())

    async def read() -> None:
        while await reader.read(65536):
            pass

    reading = asyncio.get_running_loop().create_task(read(), name="ami")
    try:
        yield
    finally:
        reading.cancel()
        writer.close()
        with suppress(asyncio.CancelledError):
            await reading


def main(
    levers: Sequence[Lever], *, rate: float, seconds: float, rounds: int, tell: Callable[[str], None]
) -> list[Effect]:
    """Blocking."""
    return asyncio.run(measure(levers, rate=rate, seconds=seconds, rounds=rounds, tell=tell))
