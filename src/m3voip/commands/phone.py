"""The commands ``m3voip phone …``: for trying things where no telephone is at hand."""

from __future__ import annotations

import asyncio
import signal
from collections.abc import Coroutine
from contextlib import suppress
from pathlib import Path
from typing import Annotated

import typer

from m3voip.commands.running import run_json
from m3voip.stack.errors import StackError

app = typer.Typer(no_args_is_help=True, help="A telephone in the terminal: call a number, or be an agent.")

Seconds = Annotated[float | None, typer.Option(help="Hang up and end after so long.")]


@app.command()
def call(
    number: Annotated[str, typer.Argument(help="Whom to call; by default the first number of run.json.")] = "",
    *,
    keys: Annotated[str, typer.Option(help="Keys to press, two seconds apart, once something is heard.")] = "",
    caller: Annotated[str, typer.Option(help="The number that calls.")] = "15550109999",
    seconds: Seconds = None,
    heard: Annotated[Path | None, typer.Option(help="Keep what was heard in this wav file.")] = None,
) -> None:
    """Call from outside, the way a carrier brings a call."""
    from m3voip.phones import terminal

    run = run_json()
    number = number or run["dids"][0]
    _finish(terminal.call(run, number, _say, keys=keys, caller=caller, seconds=seconds, heard=heard))


@app.command()
def agent(
    extension: Annotated[str, typer.Argument(help="An agent of run.json; leave out with --username.")] = "",
    *,
    username: Annotated[str, typer.Option(help="Another agent's sipUsername.")] = "",
    password: Annotated[str, typer.Option(envvar="M3VOIP_PHONE_PASSWORD", help="Their sipSecret.")] = "",
    after: Annotated[float, typer.Option(help="Seconds to ring before answering.")] = 1.0,
    seconds: Seconds = None,
) -> None:
    """Register as an agent (over UDP) and answer every call, until Ctrl-C."""
    from m3voip.phones import terminal

    run = run_json()
    if not username:
        known = {one["extension"]: one for one in run["agents"]}
        if extension not in known:
            raise StackError(f"run.json has no agent {extension!r}; it has {', '.join(known)}")
        username, password = known[extension]["username"], known[extension]["password"]
    _finish(terminal.answer(run, username, password, _say, after=after, seconds=seconds))


@app.command("test")
def try_out(
    extension: Annotated[str, typer.Argument(help="Whose phone to test.")],
    *,
    seconds: Annotated[int, typer.Option(min=2, max=20, help="How long to play and listen.")] = 6,
    as_json: Annotated[bool, typer.Option("--json", help="For programs.")] = False,
) -> None:
    """Call an agent's phone, play a tone, listen, and say how the audio is both ways. Exit status 1 if it is bad."""
    from m3voip.commands import phone_test

    asyncio.run(phone_test.run(extension, seconds=seconds, as_json=as_json))


def _say(line: str) -> None:
    typer.echo(line)


def _finish(work: Coroutine[object, object, None]) -> None:
    """Run to the end, or to Ctrl-C or SIGTERM, which hang up and unregister first."""
    from m3voip.phones import PhoneError

    # A shell starts what it puts into the background with SIGINT ignored; then nothing could end us politely.
    signal.signal(signal.SIGINT, signal.default_int_handler)
    signal.signal(signal.SIGTERM, lambda *_: signal.raise_signal(signal.SIGINT))
    why = ""
    with suppress(KeyboardInterrupt):
        try:
            asyncio.run(work)
        except* PhoneError as errors:
            why = str(errors.exceptions[0])
    if why:  # not raised above: there it would come out as a group
        raise StackError(why)
