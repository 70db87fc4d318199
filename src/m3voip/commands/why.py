"""The command ``m3voip why``: what the gate would say of a number now. For people, or as JSON."""

from __future__ import annotations

import json

import typer
from rich.console import Console
from rich.table import Table

from m3voip.commands.running import running_api


async def run(number: str, caller_id: str, *, as_json: bool) -> None:
    """Ask the running service and print. Exit status 1 when the number would not be dialled."""
    query = {"number": number, **({"callerId": caller_id} if caller_id else {})}
    async with running_api() as api:
        said = await api.ask("GET", "/v1/tm/clearances/explain", query=query)
    if as_json:
        typer.echo(json.dumps(said, indent=2))
    else:
        console = Console(highlight=False)
        console.print(f"{said['number']} would {'' if said['cleared'] else 'not '}be dialled ({said['kind']})")
        console.print(f"shown: {said['callerId'] or '-'}   trunks: {', '.join(said['trunks']) or '-'}\n")
        table = Table(box=None, pad_edge=False)
        for heading in ("rule", "", "why", "what to do"):
            table.add_column(heading)
        for verdict in said["verdicts"]:
            table.add_row(verdict["rule"], "yes" if verdict["passed"] else "NO", verdict["why"], verdict["do"])
        console.print(table)
    if not said["cleared"]:
        raise typer.Exit(1)
