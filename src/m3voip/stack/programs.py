"""Our own two programs as processes of the stack: `m3voip serve` (engine and API) and `m3voip agi`."""

from __future__ import annotations

import asyncio
import os
import sys
from collections.abc import Awaitable, Callable, Mapping

import aiohttp

from m3voip.config import Settings
from m3voip.stack import strays
from m3voip.stack.paths import Folders
from m3voip.stack.processes import Spec

_ANSWER = aiohttp.ClientTimeout(total=2)


def service(
    folders: Folders, settings: Settings, *, die_with_parent: bool, environ: Mapping[str, str] | None = None
) -> Spec:
    """Ready when /readyz says so. SIGTERM lets it drain for `drain_timeout`. `environ` wins over the settings file."""

    async def ready(_pid: int) -> bool:
        try:
            async with (
                aiohttp.ClientSession(timeout=_ANSWER) as session,
                session.get(f"http://{settings.api_host}:{settings.api_port}/readyz") as answer,
            ):
                return answer.status == 200
        except (aiohttp.ClientError, TimeoutError):
            return False

    return _program(
        folders, "service", "serve", ready=ready, die_with_parent=die_with_parent,
        stop_seconds=settings.drain_timeout.total_seconds() + 5, environ=environ,
    )  # fmt: skip


def agi(folders: Folders, settings: Settings, *, die_with_parent: bool) -> Spec:
    """Ready when its port is open."""

    async def ready(_pid: int) -> bool:
        try:
            _, writer = await asyncio.open_connection(settings.agi_host, settings.agi_port)
        except OSError:
            return False
        writer.close()
        return True

    return _program(folders, "agi", "agi", ready=ready, die_with_parent=die_with_parent, stop_seconds=5.0)


def _program(
    folders: Folders,
    part: str,
    command: str,
    *,
    ready: Callable[[int], Awaitable[bool]],
    die_with_parent: bool,
    stop_seconds: float,
    environ: Mapping[str, str] | None = None,
) -> Spec:
    return Spec(
        name=part,
        program=(sys.executable, "-m", "m3voip", command, "--settings", str(folders.settings_file)),
        wrapper=("setpriv", "--pdeathsig", "TERM", "--") if die_with_parent else (),
        environ={**os.environ, **(environ or {}), "PYTHONUNBUFFERED": "1", strays.MARK: strays.mark(folders, part)},
        log=folders.log / f"{part}.log",
        ready=ready,
        ask_every=0.1,
        stop_seconds=stop_seconds,
    )
