"""The commands `m3voip stack …`.

Law: exit status 0 means what the command promises is true now; 1 means it is not; 3 (`status`) means nothing runs.
"""

from __future__ import annotations

import asyncio
import json
import shutil
from typing import TYPE_CHECKING, Annotated

import typer

from m3voip.stack import paths
from m3voip.stack.errors import StackError
from m3voip.stack.parts import PARTS
from m3voip.stack.paths import Folders

if TYPE_CHECKING:
    from rich.console import Console

# What a command needs is imported when it runs: the service starts through this file too, and should start fast.

app = typer.Typer(no_args_is_help=True, help="Start, stop and look at the parts on this machine.")

Parts = Annotated[
    list[str] | None, typer.Option("--part", help=f"Only this part (repeat for several): {', '.join(PARTS)}.")
]


@app.callback()
def choose(
    context: typer.Context,
    instance: Annotated[str | None, typer.Option(help="Which instance; this checkout's own by default.")] = None,
) -> None:
    """Find the instance's folders for the command that follows."""
    context.obj = paths.locate(instance)


@app.command()
def up(context: typer.Context, part: Parts = None) -> None:
    """Start everything in the background and return when it is ready."""
    from m3voip.stack import operate, view

    console = _console()
    folders: Folders = context.obj
    with console.status("starting …"):
        started = asyncio.run(operate.up(folders, part or PARTS))
    console.print("m3voip is up." if started else "m3voip is already up; nothing to do.")
    view.next_steps(console, folders)


@app.command()
def down(context: typer.Context) -> None:
    """Let calls finish for a moment, then stop everything; nothing is left running."""
    from m3voip.stack import operate

    console = _console()
    with console.status("stopping …"):
        stopped = asyncio.run(operate.down(context.obj))
    console.print("m3voip is down." if stopped else "m3voip was not running.")


@app.command()
def restart(
    context: typer.Context,
    part: Annotated[str, typer.Argument(help=", ".join(PARTS))],
    *,
    now: Annotated[bool, typer.Option("--now", help="Asterisk: do not wait for calls to end, drop them.")] = False,
) -> None:
    """Restart one part without losing a call, for example to apply a changed configuration file."""
    from m3voip.stack import operate

    console = _console()
    with console.status(f"restarting {part} …"):
        asyncio.run(operate.restart(context.obj, part, now=now))
    console.print(f"{part} is ready again.")


@app.command()
def status(
    context: typer.Context,
    as_json: Annotated[bool, typer.Option("--json", help="For programs.")] = False,
) -> None:
    """Show what runs, since when, with what load, on which ports."""
    from m3voip.stack import operate, view

    folders: Folders = context.obj
    now = operate.condition(folders)
    if as_json:
        typer.echo(json.dumps(view.as_data(folders, now), indent=2))
    else:
        view.show(_console(), folders, now)
    if not now.is_running:
        raise typer.Exit(1 if now.strays else 3)
    if now.phase != "ready" or not view.all_ready(folders):
        raise typer.Exit(1)


@app.command()
def logs(
    context: typer.Context,
    part: Parts = None,
    lines: Annotated[int, typer.Option("-n", "--lines", help="How many old lines first.")] = 20,
    follow: Annotated[bool, typer.Option("-f", "--follow", help="Go on until Ctrl-C.")] = False,
) -> None:
    """Print the parts' logs."""
    from m3voip.stack import view

    folders: Folders = context.obj
    chosen = part or ["supervisor", *PARTS]
    try:
        asyncio.run(view.print_logs(_console(), [folders.log / f"{name}.log" for name in chosen], lines, follow=follow))
    except KeyboardInterrupt:
        return


@app.command()
def cli(
    context: typer.Context, command: Annotated[str, typer.Argument(help='For example "core show channels".')]
) -> None:
    """Ask Asterisk's command line."""
    from m3voip.providers.asterisk import control

    folders: Folders = context.obj
    try:
        typer.echo(asyncio.run(control.command(folders.asterisk_socket, command)), nl=False)
    except (OSError, TimeoutError) as error:
        raise StackError(f"Asterisk does not answer on {folders.asterisk_socket}: {error}") from None


@app.command(hidden=True)
def supervise(context: typer.Context, part: Parts = None) -> None:
    """Run in the foreground (what `up` starts in the background; also for a service manager)."""
    from m3voip.stack.supervisor import supervise as run

    folders: Folders = context.obj
    raise typer.Exit(asyncio.run(run(folders.instance, part or PARTS)))


@app.command()
def clean(
    context: typer.Context,
    yes: Annotated[bool, typer.Option("--yes", help="Do not ask.")] = False,
) -> None:
    """Delete the instance: its database, recordings, secrets, logs."""
    from m3voip.stack import operate

    folders: Folders = context.obj
    if operate.condition(folders).is_running:
        raise StackError("it is running; run `m3voip stack down` first")
    if not folders.base.exists():
        typer.echo("There is nothing to delete.")
        return
    if not yes:
        typer.confirm(f"Delete {folders.base} with its database and recordings?", abort=True)
    shutil.rmtree(folders.base)
    typer.echo(f"Deleted {folders.base}.")


def _console() -> Console:
    from rich.console import Console

    return Console(highlight=False)
