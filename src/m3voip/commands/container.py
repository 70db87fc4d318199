"""The commands ``m3voip container …``: the steps of docker/compose.yaml."""

from __future__ import annotations

import asyncio

import typer

from m3voip.stack import paths

app = typer.Typer(no_args_is_help=True, help="The steps that docker/compose.yaml runs.")


@app.command()
def prepare() -> None:
    """Make folders, secrets, certificates, settings and Asterisk's configuration."""
    from m3voip.stack import container

    container.prepare(paths.locate())


@app.command()
def postgres() -> None:
    """Run Postgres in the foreground."""
    from m3voip.stack import container

    container.run_postgres(paths.locate())


@app.command()
def database() -> None:
    """Make roles, bring the schema up to date, open the sample office once."""
    from m3voip.stack import container

    asyncio.run(container.fill_database(paths.locate()))
