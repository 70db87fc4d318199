"""The command ``m3voip bans``: whose SIP is refused, for people, programs or the firewall; and letting somebody in again."""

from __future__ import annotations

import json
from collections.abc import Iterable
from datetime import UTC, datetime
from ipaddress import ip_network

import typer
from rich.console import Console
from rich.table import Table

from m3voip.commands.running import Json, RunningApi, running_api
from m3voip.core.sources import source
from m3voip.stack.errors import StackError

_PATH = "/v1/tm/telephony/bans"


async def run(*, lift: str, nft: bool, as_json: bool) -> None:
    """Ask the running service, lift a ban if asked to, and print what is in force."""
    async with running_api() as api:
        if lift:
            await _lift(api, lift)
        found = await _in_force(api)
    if nft:
        typer.echo(nft_rules(found, datetime.now(UTC)), nl=False)
    elif as_json:
        typer.echo(json.dumps(found, indent=2))
    elif not found:
        typer.echo("Nobody is banned.")
    else:
        Console(highlight=False).print(_table(found))


async def _in_force(api: RunningApi) -> list[Json]:
    found: list[Json] = []
    cursor: str | None = ""
    while cursor is not None:
        page = await api.ask("GET", _PATH, query={"limit": "200", **({"cursor": cursor} if cursor else {})})
        found += page["items"]
        cursor = page["nextCursor"]
    return found


async def _lift(api: RunningApi, address: str) -> None:
    who = source(address.partition("/")[0])
    if who is None:
        raise StackError(f"{address} is not an IP address")
    mine = [ban["id"] for ban in await _in_force(api) if ip_network(ban["source"]) == who]
    if not mine:
        raise StackError(f"{address} is not banned")
    for ban_id in mine:
        await api.ask("DELETE", f"{_PATH}/{ban_id}")


def _table(found: Iterable[Json]) -> Table:
    table = Table(box=None, pad_edge=False)
    for heading in ("source", "why", "since", "until", "earlier bans"):
        table.add_column(heading)
    for ban in found:
        table.add_row(ban["source"], ban["why"], ban["since"], ban["until"], str(ban["earlier"]))
    return table


def nft_rules(found: Iterable[Json], now: datetime) -> str:
    """A table ``inet m3voip`` in place of the one before, in one transaction; every element ends by itself with its ban."""
    lines = ["table inet m3voip", "delete table inet m3voip", "table inet m3voip {"]
    sources = [(ip_network(ban["source"]), datetime.fromisoformat(ban["until"])) for ban in found]
    for version, kind in ((4, "ipv4_addr"), (6, "ipv6_addr")):
        left = [(net, int((until - now).total_seconds())) for net, until in sources if net.version == version]
        elements = ", ".join(f"{net} timeout {seconds}s" for net, seconds in left if seconds > 0)
        lines += [f"  set banned{version} {{", f"    type {kind}; flags interval, timeout;"]
        lines += [f"    elements = {{ {elements} }}"] if elements else []
        lines += ["  }"]
    lines += [
        "  chain banned {",
        "    type filter hook prerouting priority raw; policy accept;",
        "    ip saddr @banned4 drop",
        "    ip6 saddr @banned6 drop",
        "  }",
        "}",
    ]
    return "\n".join((*lines, ""))
