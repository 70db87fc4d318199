"""The command line. Law: this file says which commands there are and what each is called; what they do is written in
the package that knows how, imported only when the command runs, so that `m3voip` starts fast.
"""

from __future__ import annotations

import asyncio
import sys
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from m3voip.commands import container as container_commands
from m3voip.commands import ivr as ivr_commands
from m3voip.commands import phone as phone_commands
from m3voip.commands import stack as stack_commands
from m3voip.core.errors import M3voipError
from m3voip.stack import paths
from m3voip.stack.errors import StackError

if TYPE_CHECKING:
    from m3voip.config import Settings

app = typer.Typer(
    name="m3voip",
    no_args_is_help=True,
    pretty_exceptions_enable=False,  # its traces show local variables, and those hold secrets and numbers
    help="Telephony and call centre of M3CoreCRM.",
)
app.add_typer(stack_commands.app, name="stack")
app.add_typer(ivr_commands.app, name="ivr")
app.add_typer(phone_commands.app, name="phone")
app.add_typer(container_commands.app, name="container")

SettingsFile = Annotated[
    Path | None,
    typer.Option("--settings", help="settings.env to read; by default that of this checkout's instance, if any."),
]


@app.command()
def serve(settings: SettingsFile = None) -> None:
    """Run the engine and the API (one process) until SIGTERM, which drains."""
    from m3voip import lifecycle

    lifecycle.serve(_settings(settings))


@app.command()
def agi(settings: SettingsFile = None) -> None:
    """Run the FastAGI server that answers the dialplan's own questions, also while the service is down."""
    from m3voip.commands import agi as command
    from m3voip.telemetry import logs

    known = _settings(settings)
    logs.set_up(level=known.log_level, as_json=known.log_json)
    command.run(known)


@app.command()
def migrate(settings: SettingsFile = None) -> None:
    """Bring the database schema up to date."""
    from m3voip.storage.postgres.migrate import migrate as run

    dsn = _settings(settings).owner_dsn
    if dsn is None:
        raise StackError("M3VOIP_OWNER_DSN is not set; only the schema's owner can migrate")
    applied = asyncio.run(run(dsn.get_secret_value()))
    typer.echo("\n".join(applied) or "Nothing to do.")


@app.command()
def doctor(
    settings: SettingsFile = None,
    *,
    as_json: Annotated[bool, typer.Option("--json", help="For programs.")] = False,
) -> None:
    """Check everything an operator would, and say what to do."""
    from m3voip.commands.doctor import run

    folders = paths.locate()
    run(_settings(settings), folders if settings in (None, folders.settings_file) else None, as_json=as_json)


@app.command()
def codecs(*, as_json: Annotated[bool, typer.Option("--json", help="For programs.")] = False) -> None:
    """Say which codecs are spoken, who transcodes, and what it costs."""
    from m3voip.commands.codecs import run

    asyncio.run(run(as_json=as_json))


@app.command()
def why(
    number: Annotated[str, typer.Argument(help="As it would be dialled, for example +12025550143.")],
    *,
    caller_id: Annotated[str, typer.Option(help="The number to show; by default what an attempt would show.")] = "",
    as_json: Annotated[bool, typer.Option("--json", help="For programs.")] = False,
) -> None:
    """Say whether a number could be dialled now, what each rule says, and through which trunks."""
    from m3voip.commands.why import run

    asyncio.run(run(number, caller_id, as_json=as_json))


@app.command()
def bans(
    *,
    lift: Annotated[str, typer.Option(metavar="ADDRESS", help="Let this address in again.")] = "",
    nft: Annotated[bool, typer.Option("--nft", help="As rules for `nft -f -`, which drop what they send.")] = False,
    as_json: Annotated[bool, typer.Option("--json", help="For programs.")] = False,
) -> None:
    """Show the addresses whose SIP is refused because somebody there guesses names or secrets."""
    from m3voip.commands.bans import run

    asyncio.run(run(lift=lift, nft=nft, as_json=as_json))


@app.command()
def demo(
    *,
    rate: Annotated[float, typer.Option(help="New calls per second.")] = 0.3,
    seconds: Annotated[float | None, typer.Option(help="End by itself after so long.")] = None,
) -> None:
    """Run the stack with simulated callers and agents in it, until Ctrl-C; nothing is left running."""
    from m3voip.commands.demo import run

    run(paths.locate(), calls_per_second=rate, seconds=seconds)


def main() -> None:
    """Entry point: expected failures are one line on standard error and exit status 1, not a traceback."""
    try:
        app()
    except M3voipError as error:
        typer.echo(f"m3voip: {error}", err=True)
        sys.exit(1)


def _settings(file: Path | None) -> Settings:
    from pydantic import ValidationError

    from m3voip import config

    own = paths.locate().settings_file
    try:
        return config.load(file or (own if own.exists() else None))
    except ValidationError as error:
        # Without the values: a refused secret is a secret too.
        wrong = ", ".join(f"M3VOIP_{str(e['loc'][0]).upper()} ({e['msg']})" for e in error.errors(include_input=False))
        raise StackError(f"settings are missing or refused: {wrong}") from None
