"""The command line of the bench; `scripts/bench` runs it in the project's environment."""

from __future__ import annotations

import argparse
import asyncio
import os
import subprocess
import sys
from datetime import UTC, datetime
from pathlib import Path
from time import monotonic

from tests.bench import hands, levers, machine, pairs, profiling, report, rooms, run, sessions, writer_report
from tests.bench.modes import BY_NAME

_BEGAN = monotonic()


def tell(text: str) -> None:
    """Progress, with the seconds since the start."""
    print(f"[{monotonic() - _BEGAN:5.0f} s] {text}", file=sys.stderr, flush=True)


def main() -> None:
    """See --help."""
    parser = argparse.ArgumentParser(prog="scripts/bench", description="How fast m3voip is, beside others.")
    kind = parser.add_mutually_exclusive_group()
    kind.add_argument("--quick", action="store_true", help="four modes, four minutes, one ceiling each; writes nothing")
    kind.add_argument("--levers", action="store_true", help="what each setting is worth, side by side (25 minutes)")
    kind.add_argument(
        "--profile", action="store_true", help="m3voip at 60 %% of its ceiling: what bounds it; writes nothing"
    )
    kind.add_argument("--writer", action="store_true", help="facts into Postgres, beside COPY (1 minute)")
    kind.add_argument("--rooms", action="store_true", help="parties of conferences per core (4 minutes)")
    kind.add_argument(
        "--hands", action="store_true", help="calls in hand: requests, transfers, CPU per talk (2 minutes)"
    )
    kind.add_argument(
        "--sessions", action="store_true", help="lines that are kept up: until the agent hears the caller (3 minutes)"
    )
    parser.add_argument("--only", default="", help="these modes or levers, separated by commas")
    parser.add_argument("--mode", default="m3voip", choices=sorted(BY_NAME), help="which mode to profile")
    parser.add_argument("--rate", type=float, default=0.0, help="calls a second for --profile and --levers")
    parser.add_argument("--no-write", action="store_true", help="print instead of writing docs/benchmarks.md")
    options = parser.parse_args()
    only = set(filter(None, options.only.split(",")))
    if os.geteuid() == 0:
        # Whatever else runs here gets what we leave; all that is compared inherits the same priority.
        os.setpriority(os.PRIO_PROCESS, 0, -15)
    tell(machine.describe())
    if options.profile:
        profiling.main(BY_NAME[options.mode], options.rate, tell)
        return
    if options.levers:
        chosen = [lever for lever in levers.LEVERS if not only or lever.name in only]
        effects = pairs.main(chosen, rate=options.rate or 60.0, seconds=5, rounds=3, tell=tell)
        _publish("levers", report.levers(effects, _about("--levers")), write=not options.no_write and not only)
        return
    if options.rooms:
        rows = asyncio.run(rooms.measure(tell))
        text = f"{_about('--rooms')}\n\n{report.table(rooms.cells(rows))}"
        _publish("rooms", text, write=not options.no_write)
        return
    if options.hands:
        _publish("hands", f"{_about('--hands')}\n\n{hands.main()}", write=not options.no_write)
        return
    if options.sessions:
        _publish("sessions", f"{_about('--sessions')}\n\n{sessions.main()}", write=not options.no_write)
        return
    if not options.writer:
        plan = run.QUICK if options.quick else run.FULL
        if only:
            plan = run.only(plan, only)
        results = run.main(plan, tell)
        text = report.modes(results, plan, _about("--quick" if options.quick else ""))
        _publish("modes", text, write=not (options.no_write or options.quick or only))
    if not options.quick and not only:
        _publish("writer", f"{_about('--writer')}\n\n{writer_report.measure(tell)}", write=not options.no_write)


def _publish(part: str, text: str, *, write: bool) -> None:
    print(text)
    if write:
        report.write(part, text)
        tell("written to docs/benchmarks.md")


def _about(option: str) -> str:
    command = f"scripts/bench {option}".strip()
    commit = subprocess.run(
        ["git", "describe", "--always", "--dirty"],
        capture_output=True,
        text=True,
        check=False,
        cwd=Path(__file__).parent,
    ).stdout.strip()
    return f"`{command}` on {datetime.now(UTC):%Y-%m-%d %H:%M} UTC, commit {commit or 'unknown'}, {machine.describe()}."


if __name__ == "__main__":
    main()
