"""The command ``m3voip codecs``: who transcodes now, who would, and what it costs. For people, or as JSON."""

from __future__ import annotations

import json

import typer
from rich.console import Console
from rich.table import Table

from m3voip.commands.running import Json, running_api


async def run(*, as_json: bool) -> None:
    """Ask the running service and print."""
    async with running_api() as api:
        report = await api.ask("GET", "/v1/tm/telephony/codecs")
    if as_json:
        typer.echo(json.dumps(report, indent=2))
        return
    console = Console(highlight=False)
    for table in (_live(report), _pairs(report), _costs(report)):
        console.print(table)


def _table(title: str, *headings: str) -> Table:
    table = Table(title=title, title_justify="left", box=None, pad_edge=False)
    for heading in headings:
        table.add_column(heading)
    return table


def _live(report: Json) -> Table:
    table = _table("\nnow", "who", "channels", "codec", "transcoded", "its audio becomes", "and is made of", "cost")
    for one in report["live"]:
        ways = (" → ".join(one["from"]), " → ".join(one["to"]))
        table.add_row(
            one["party"], str(one["channels"]), one["codec"], _yes(one["transcodes"]), *ways, _cost(one["cost"])
        )
    return table


def _pairs(report: Json) -> Table:
    table = _table("\nby configuration", "caller", "called", "codecs", "transcoded", "cost")
    for pair in report["pairs"]:
        codecs = " / ".join(dict.fromkeys((pair["callerCodec"], pair["calledCodec"])))
        table.add_row(pair["caller"], pair["called"], codecs, _yes(pair["transcodes"]), _cost(pair["cost"]))
    return table


def _costs(report: Json) -> Table:
    names = sorted({one["from"] for one in report["costs"]})
    prices = {(one["from"], one["to"]): str(one["cost"]) for one in report["costs"]}
    table = _table("\ncost of a second, from (row) to (column), by Asterisk's table", "", *names)
    for name in names:
        table.add_row(name, *(prices.get((name, to), "-") for to in names))
    return table


def _yes(value: bool) -> str:
    return "yes" if value else "no"


def _cost(value: int | None) -> str:
    return "unknown" if value is None else str(value)
