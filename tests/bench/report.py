"""docs/benchmarks.md: the measured parts between markers are written anew, everything else in it is prose and stays."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable, Sequence
from pathlib import Path
from statistics import median

from tests.bench.load import Step, quantile
from tests.bench.modes import MODES
from tests.bench.pairs import Effect
from tests.bench.run import Plan, Results

PAGE = Path(__file__).parents[2] / "docs" / "benchmarks.md"


def replaced(page: str, part: str, text: str) -> str:
    """The page with one part (`<!-- bench:PART -->` … `<!-- /bench:PART -->`) written anew. Raises ValueError."""
    pattern = re.compile(rf"(<!-- bench:{part} -->\n).*?(<!-- /bench:{part} -->)", re.DOTALL)
    if not pattern.search(page):
        raise ValueError(f"docs/benchmarks.md has no part {part}")
    return pattern.sub(lambda found: f"{found.group(1)}{text.strip()}\n{found.group(2)}", page)


def write(part: str, text: str) -> None:
    """Replace one part of the page."""
    PAGE.write_text(replaced(PAGE.read_text(encoding="utf-8"), part, text), encoding="utf-8")


def modes(results: Results, plan: Plan, about: str) -> str:
    """Calls a second and CPU, then times until answer and audio."""
    found = {mode.name: results.ceilings[mode.name] for mode in MODES if results.ceilings.get(mode.name)}
    plain = median(found["dialplan"]) if "dialplan" in found else 0.0
    bare = max(
        (median(found[name]) for name in ("bare-socket", "bare-http", "bare-lean") if name in found), default=0.0
    )
    naive = max((median(found[name]) for name in ("bare-socket", "bare-http") if name in found), default=0.0)
    rows: list[tuple[str, ...]] = [
        (
            "", "calls/s", "each round", "of (a)", "of best (c)", "of best (c')", "Asterisk", "Python", "Postgres",
            "whole call",
        )
    ]  # fmt: skip
    for mode in MODES:
        steps = results.at_rate.get(mode.name, [])
        if mode.name in results.failed or not steps:
            continue
        rounds = found.get(mode.name, [])
        rate = median(rounds) if rounds else 0.0
        rows.append((
            mode.label, f"**{rate:.0f}**", " ".join(f"{each:.0f}" for each in rounds), _share(rate, plain),
            _share(rate, naive), _share(rate, bare), _cost(steps, lambda step: step.asterisk_ms),
            _cost(steps, lambda step: step.program_ms), _cost(steps, lambda step: step.postgres_ms),
            _cost(steps, lambda step: step.call_ms),
        ))  # fmt: skip
    times: list[tuple[str, ...]] = [
        ("", "INVITE → 200, p50", "p99", "INVITE → first audio, p50", "p99", "calls", "other load, cores")
    ]
    for mode in MODES:
        steps = [step for step in results.at_rate.get(mode.name, []) if step.captured]
        if steps and mode.name not in results.failed:
            times.append((mode.label, *_latencies(steps), _cost(steps, lambda step: step.others)))
    sipp = median(step.sipp_ms for steps in results.at_rate.values() for step in steps)
    failed = "".join(f"\n\nNot measured: {name}: {why.splitlines()[-1]}" for name, why in results.failed.items())
    return (
        f"{about}\n\nCPU in milliseconds per call at {plan.rate:.0f} calls/s; SIPp takes {sipp:.2f} ms more of the same "
        f"cores. Medians of {plan.rate_rounds} rounds; the run took {results.seconds / 60:.0f} minutes.\n\n"
        f"{table(rows)}\n\nMilliseconds at {plan.rate:.0f} calls/s, by capture on loopback:\n\n{table(times)}{failed}"
    )


def levers(effects: Sequence[Effect], about: str) -> str:
    """One row a lever, the dearest first."""
    rows: list[tuple[str, ...]] = [
        ("change", "Asterisk CPU per call", "Python CPU per call", "calls/s", "spread of single runs", "failed calls")
    ]
    rows += [
        (
            effect.lever.says, f"{effect.asterisk:+.1%}", f"{effect.program:+.1%}", f"{effect.rate:+.1%}",
            f"{effect.spread:.0%}", str(effect.failed),
        )
        for effect in sorted(effects, key=lambda each: -each.asterisk)
    ]  # fmt: skip
    return f"{about}\n\n{table(rows)}"


def table(rows: Iterable[Sequence[str]]) -> str:
    """A Markdown table; the first row is its head."""
    head, *body = [f"| {' | '.join(row)} |" for row in rows]
    columns = head.count("|") - 1
    return "\n".join([head, "|---|" + "---:|" * (columns - 1), *body])


def _share(value: float, of: float) -> str:
    return f"{value / of:.0%}" if value and of else ""


def _cost(steps: Sequence[Step], cost: Callable[[Step], float]) -> str:
    return f"{median(cost(step) for step in steps):.2f}"


def _latencies(steps: Sequence[Step]) -> tuple[str, ...]:
    """Medians of the rounds' quantiles; a round with packets lost is left out."""
    whole = [step.captured for step in steps if step.captured and not step.captured.lost]
    if not whole:
        return ("", "", "", "", "0")
    figures = [
        f"{median(quantile(list(each), share) for each in kind):.1f}"
        for kind in ([taken.answer for taken in whole], [taken.audio for taken in whole])
        for share in (0.5, 0.99)
    ]
    return (*figures, str(sum(len(taken.audio) for taken in whole)))
