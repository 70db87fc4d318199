"""A mode's program as a process: started, waited for, ended."""

from __future__ import annotations

import asyncio
import os
import sys
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path

import aiohttp

from tests.bench import service
from tests.bench.instance import HERE, BenchStack
from tests.bench.modes import Mode
from tests.bench.peers import peers_python

START_SECONDS = 30.0


class ProgramError(Exception):
    """A program did not start, or ended while calls came."""


class Program:
    """The running program; `pid` is 0 for plain dialplan."""

    def __init__(self, process: asyncio.subprocess.Process | None, log: Path) -> None:
        self._process = process
        self.log = log

    @property
    def pid(self) -> int:
        """Whose CPU time to count."""
        return self._process.pid if self._process else 0

    def check(self) -> None:
        """Raises ProgramError when it is no longer there."""
        if self._process is not None and self._process.returncode is not None:
            raise ProgramError(self.last_words())

    def last_words(self) -> str:
        """The end of its log."""
        return self.log.read_text(errors="replace")[-1500:] if self.log.exists() else ""


@asynccontextmanager
async def running(mode: Mode, stack: BenchStack) -> AsyncIterator[Program]:
    """Start the mode's program and wait until it is ready."""
    log = stack.folders.log / f"bench-{mode.name}.log"
    if not mode.program and not mode.is_service:
        yield Program(None, log)
        return
    with log.open("wb") as output:
        process = await asyncio.create_subprocess_exec(
            *_command(mode, stack), stdout=output, stderr=output, env={**os.environ, **_environ(stack)}
        )
    program = Program(process, log)
    try:
        await _ready(mode, stack, program)
        yield program
    finally:
        if process.returncode is None:
            process.terminate()
            try:
                await asyncio.wait_for(process.wait(), 10)
            except TimeoutError:
                process.kill()
                await process.wait()


async def _ready(mode: Mode, stack: BenchStack, program: Program) -> None:
    try:
        async with asyncio.timeout(START_SECONDS):
            while not await (_service_ready(stack) if mode.is_service else _said_ready(program.log)):
                program.check()
                await asyncio.sleep(0.05)
    except TimeoutError:
        raise ProgramError(f"{mode.name} is not ready: {program.last_words()}") from None


def _command(mode: Mode, stack: BenchStack) -> list[str]:
    if mode.is_service:
        return [sys.executable, "-m", "m3voip", "serve", "--settings", str(stack.folders.settings_file)]
    python = sys.executable if mode.python == "ours" else str(peers_python(stack.folders.cache))
    return [python, "-W", "ignore", str(HERE / "programs" / mode.program[0]), *mode.program[1:]]


def _environ(stack: BenchStack) -> dict[str, str]:
    settings = stack.settings
    return {
        "BENCH_ARI_URL": f"http://127.0.0.1:{settings.ari_port}/ari",
        "BENCH_ARI_USER": settings.ari_user,
        "BENCH_ARI_PASSWORD": settings.ari_password.get_secret_value(),
        "BENCH_AGI_PORT": str(settings.agi_port),
        **service.environ(stack),
    }


async def _said_ready(log: Path) -> bool:
    return "READY" in log.read_text(errors="replace")


async def _service_ready(stack: BenchStack) -> bool:
    try:
        async with (
            aiohttp.ClientSession(timeout=aiohttp.ClientTimeout(total=2)) as session,
            session.get(f"http://{stack.settings.api_host}:{stack.settings.api_port}/readyz") as answer,
        ):
            return answer.status == 200
    except (aiohttp.ClientError, TimeoutError):
        return False
