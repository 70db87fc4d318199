"""The command ``m3voip demo``: the stack with simulated people in it, shown in the terminal until Ctrl-C.

Law: what the demo started it stops, however it is told to end; a stack that ran before goes on running.
"""

from __future__ import annotations

import asyncio
import signal
from collections.abc import Mapping
from contextlib import suppress
from typing import Any

from rich.console import Console

from m3voip.phones.dashboard import Dashboard
from m3voip.phones.demo import DemoPeople, Pace
from m3voip.stack import files, operate, view
from m3voip.stack.parts import PARTS
from m3voip.stack.paths import Folders


def run(folders: Folders, *, calls_per_second: float, seconds: float | None) -> None:
    """Until Ctrl-C, SIGTERM or the terminal's end, or for so many seconds. Raises StackError if nothing starts."""
    console = Console(highlight=False)
    for number in (signal.SIGTERM, signal.SIGHUP):
        signal.signal(number, lambda *_: signal.raise_signal(signal.SIGINT))
    started = True  # until we know better: an interrupted start is cleared away too
    try:
        with console.status("starting Postgres, Asterisk and m3voip …"):
            started = asyncio.run(operate.up(folders, PARTS))
        view.next_steps(console, folders)
        asyncio.run(
            _people(files.read_json(folders.run_file), console, Pace(calls_per_second=calls_per_second), seconds)
        )
    except KeyboardInterrupt:
        pass
    finally:
        if started:
            with console.status("hanging up and stopping everything …"):
                asyncio.run(operate.down(folders))
            console.print("Stopped; nothing is left running.")


async def _people(run_json: Mapping[str, Any], console: Console, pace: Pace, seconds: float | None) -> None:
    dashboard = Dashboard(run_json, console)
    people = DemoPeople(run_json, pace, dashboard.on_event)
    with suppress(TimeoutError):
        async with asyncio.timeout(seconds), asyncio.TaskGroup() as group:
            group.create_task(dashboard.run(), name="demo.dashboard")
            group.create_task(people.run(), name="demo.people")
