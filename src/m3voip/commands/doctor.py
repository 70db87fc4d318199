"""The command ``m3voip doctor``. Exit status 0: no failure (warnings may be); 1: at least one failure."""

from __future__ import annotations

import asyncio
import dataclasses
import json

import typer
from rich.console import Console
from rich.table import Table

from m3voip.config import Settings
from m3voip.stack.doctor.examine import examine
from m3voip.stack.doctor.finding import Finding, Level
from m3voip.stack.paths import Folders

_COLOURS = {Level.OK: "green", Level.WARN: "yellow", Level.FAIL: "bold red"}


def run(settings: Settings, folders: Folders | None, *, as_json: bool) -> None:
    """Examine and print; raises typer.Exit with status 1 after a failure."""
    findings = asyncio.run(examine(settings, folders))
    if as_json:
        plain = {check: [dataclasses.asdict(finding) for finding in found] for check, found in findings.items()}
        typer.echo(json.dumps(plain, indent=2))
    else:
        _print(findings)
    if any(finding.level is Level.FAIL for found in findings.values() for finding in found):
        raise typer.Exit(1)


def _print(findings: dict[str, list[Finding]]) -> None:
    table = Table(box=None, pad_edge=False)
    for heading in ("check", "", "finding"):
        table.add_column(heading, overflow="fold")
    for check, found in findings.items():
        for finding in found:
            remedy = f"\n→ {finding.remedy}" if finding.remedy else ""
            table.add_row(check, f"[{_COLOURS[finding.level]}]{finding.level}[/]", finding.what + remedy)
    Console(highlight=False).print(table)
