"""How an instance is shown to a person in a terminal, and to a program as JSON."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import psutil
from rich.console import Console
from rich.table import Table

from m3voip.stack import files, logs
from m3voip.stack.operate import Condition
from m3voip.stack.paths import Folders
from m3voip.stack.state import read_state

_COLOURS = {"ready": "green", "starting": "yellow", "pausing": "red", "stopping": "yellow", "stopped": "dim"}


def as_data(folders: Folders, now: Condition) -> dict[str, Any]:
    """The same facts as `show`."""
    parts = read_state(folders).get("parts", {}) if now.is_running else {}
    return {
        "instance": folders.instance,
        "phase": now.phase,
        "supervisor": now.supervisor,
        "parts": {name: {**part, **_load(part["pid"])} for name, part in parts.items()},
        "strays": now.strays,
        "folder": str(folders.base),
    }


def all_ready(folders: Folders) -> bool:
    """Whether every part is ready at this moment."""
    return all(part["state"] == "ready" for part in read_state(folders).get("parts", {}).values())


def show(console: Console, folders: Folders, now: Condition) -> None:
    """The table of `m3voip stack status`."""
    data = as_data(folders, now)
    if not now.is_running:
        console.print("m3voip is not running. Start it with: make up")
        for part, pids in now.strays.items():
            console.print(f"[yellow]{part} still runs without a supervisor[/] (pid {', '.join(map(str, pids))}): "
                          "`make up` takes it over, `make down` ends it")  # fmt: skip
        return
    table = Table(title=f"{folders.instance}: {now.phase}", title_justify="left", caption=str(folders.base))
    for heading in ("part", "state", "pid", "up for", "restarts", "memory", "reached at"):
        table.add_column(heading, justify="right" if heading in ("pid", "restarts", "memory") else "left")
    run = files.read_json(folders.run_file) or {}
    for name, part in data["parts"].items():
        state = part["state"]
        table.add_row(
            name, f"[{_COLOURS.get(state, 'white')}]{state}[/]", str(part["pid"] or "-"), _age(part["since"]),
            str(part["restarts"]), f"{part['memoryMb']} MB" if part.get("memoryMb") else "-", _places(name, run),
        )  # fmt: skip
    console.print(table)


def next_steps(console: Console, folders: Folders) -> None:
    """What somebody who just started the stack wants to know; no secret among it."""
    run = files.read_json(folders.run_file)
    if not run:
        return
    for line in (
        f"  API    {run['apiUrl']}/v1   (key: apiKey in {folders.run_file})",
        f"  SIP    {_places('asterisk', run)}",
        f"  call   {', '.join(run['dids'])}   agents {', '.join(agent['extension'] for agent in run['agents'])}",
        "  next   make status · make logs · make doctor · make down",
    ):
        console.print(line, soft_wrap=True)


async def print_logs(console: Console, paths: Sequence[Path], lines: int, *, follow: bool) -> None:
    """Each line with the name of its part."""
    if follow:
        async for part, line in logs.follow(paths, lines=lines):
            _print_line(console, part, line)
    else:
        for path in paths:
            for line in logs.tail(path, lines).splitlines() if path.exists() else ():
                _print_line(console, path.stem, line)


def _print_line(console: Console, part: str, line: str) -> None:
    console.print(f"{part:<10} ", style="cyan", end="")
    console.print(line, markup=False, soft_wrap=True)


def _places(part: str, run: Mapping[str, Any]) -> str:
    if not run:
        return ""
    sip = run["sip"]
    match part:
        case "asterisk":
            return f"{sip['address']}, udp {sip['udp']}, tcp {sip['tcp']}, tls {sip['tls']}, wss {sip['wss']}"
        case "service":
            return str(run["apiUrl"])
        case "postgres":
            return str(run["postgresDsn"]).rpartition("@")[2]
        case _:
            return ""


def _load(pid: int | None) -> dict[str, Any]:
    try:
        return {"memoryMb": round(psutil.Process(pid).memory_info().rss / 2**20)} if pid else {}
    except psutil.Error:
        return {}


def _age(since: str) -> str:
    seconds = int((datetime.now(UTC) - datetime.fromisoformat(since)).total_seconds())
    hours, minutes = seconds // 3600, seconds // 60 % 60
    return f"{hours} h {minutes} min" if hours else f"{minutes} min" if minutes else f"{seconds} s"
