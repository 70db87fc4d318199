"""The commands ``m3voip ivr …``: check, draw and walk IVR trees. They need no running part.

Law: exit status 0 means no errors, 1 means errors were found, 2 means the command was not understood.
"""

from __future__ import annotations

from collections.abc import Iterable
from datetime import datetime
from enum import StrEnum
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

if TYPE_CHECKING:
    from m3voip.ivr.finding import Finding
    from m3voip.ivr.known import Known

app = typer.Typer(no_args_is_help=True, help="Check, draw and walk IVR trees.")

TreeFile = Annotated[Path, typer.Argument(exists=True, dir_okay=False, help="The tree, a YAML file.")]
Recordings = Annotated[
    Path | None, typer.Option(help="Folder of sound files; by default 'prompts' beside the tree, if there is one.")
]


class Form(StrEnum):
    """How a tree is drawn."""

    MERMAID = "mermaid"
    DOT = "dot"


@app.command()
def check(
    files: Annotated[list[Path], typer.Argument(exists=True, dir_okay=False, help="Trees, YAML files.")],
    *,
    recordings: Recordings = None,
    queue: Annotated[
        list[str] | None, typer.Option(help="A queue that exists; without any, queues go unchecked.")
    ] = None,
    box: Annotated[
        list[str] | None, typer.Option(help="A mailbox that exists; without any, they go unchecked.")
    ] = None,
    extension: Annotated[list[str] | None, typer.Option(help="An agent's extension; likewise.")] = None,
    strict: Annotated[bool, typer.Option("--strict", help="Warnings count as errors.")] = False,
    json: Annotated[bool, typer.Option("--json", help="Findings as JSON.")] = False,
) -> None:
    """Say what is wrong with trees, and what to do."""
    from m3voip.ivr import lint
    from m3voip.ivr.model import read

    findings: dict[str, tuple[Finding, ...]] = {}
    for file in files:
        known = _known(file, recordings, queue, box, extension)
        findings[str(file)] = lint.check(read(_text(file), file.stem), known)
    if json:
        _print_json(findings)
    else:
        for name, found in findings.items():
            for finding in found:
                typer.echo(finding.shown(name))
        total = sum(len(found) for found in findings.values())
        typer.echo(f"{len(files)} checked, {total} found" if total else f"{len(files)} checked, nothing found")
    every = [finding for found in findings.values() for finding in found]
    raise typer.Exit(1 if lint.errors(every) or (strict and every) else 0)


@app.command()
def graph(
    file: TreeFile,
    form: Annotated[Form, typer.Option(help="Mermaid for Markdown pages, DOT for Graphviz.")] = Form.MERMAID,
) -> None:
    """Draw a tree."""
    from m3voip.ivr import graph as draw
    from m3voip.ivr.model import read

    draft = read(_text(file), file.stem)
    _stop_on(file, draft.findings)
    typer.echo(draw.dot(draft.tree) if form is Form.DOT else draw.mermaid(draft.tree), nl=False)


@app.command()
def simulate(
    file: TreeFile,
    script: Annotated[str, typer.Argument(help="What happens, e.g. '1,q:timeout,v'; see docs/reference/ivr.md.")] = "",
    at: Annotated[datetime | None, typer.Option(help="When the call comes (UTC); by default a Monday, 15:00.")] = None,
    caller: Annotated[str, typer.Option(help="Who calls.")] = "+15550100",
    recordings: Recordings = None,
) -> None:
    """Walk a tree without a telephone: 1 2 # keys, t time up, h hang up, q:… back from a queue, a an agent answers."""
    from datetime import UTC

    from m3voip.ivr import simulate as walk
    from m3voip.ivr.compile import compile_text
    from m3voip.ivr.finding import TreeError

    start = at.replace(tzinfo=UTC) if at else walk.DEFAULT_START
    try:
        tree = compile_text(_text(file), name=file.stem, version=1, known=_known(file, recordings))
        lines = walk.simulate(tree, script, start=start, caller=caller)
    except TreeError as faulty:
        _stop_on(file, faulty.findings)
        return
    except walk.ScriptError as senseless:
        typer.echo(str(senseless), err=True)
        raise typer.Exit(2) from senseless
    for line in lines:
        typer.echo(line.shown())


@app.command()
def schema() -> None:
    """Print the JSON Schema of trees (docs/reference/ivr.schema.json)."""
    import json

    from m3voip.ivr.schema import json_schema

    typer.echo(json.dumps(json_schema(), indent=2, ensure_ascii=False))


@app.command()
def reference(page: Annotated[Path, typer.Argument(exists=True, dir_okay=False)]) -> None:
    """Renew the generated part of docs/reference/ivr.md."""
    from m3voip.ivr.reference import renewed

    page.write_text(renewed(page.read_text(encoding="utf-8")), encoding="utf-8")


def _text(file: Path) -> str:
    return file.read_text(encoding="utf-8", errors="replace")


def _known(
    file: Path,
    recordings: Path | None,
    queues: Iterable[str] | None = None,
    boxes: Iterable[str] | None = None,
    extensions: Iterable[str] | None = None,
) -> Known:
    from m3voip.ivr.known import Known
    from m3voip.providers.speech.library import recorded_files

    return Known(
        queues=frozenset(queues) if queues else None,
        boxes=frozenset(boxes) if boxes else None,
        extensions=frozenset(extensions) if extensions else None,
        files=recorded_files(recordings or file.parent / "prompts"),
    )


def _stop_on(file: Path, findings: Iterable[Finding]) -> None:
    from m3voip.ivr import lint

    errors = lint.errors(findings)
    for finding in errors:
        typer.echo(finding.shown(str(file)), err=True)
    if errors:
        raise typer.Exit(1)


def _print_json(findings: dict[str, tuple[Finding, ...]]) -> None:
    import msgspec

    typer.echo(msgspec.json.format(msgspec.json.encode(findings), indent=2).decode())
