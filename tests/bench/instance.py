"""The bench's own instance of the stack: Postgres and Asterisk as shipped, the sample office, one tree and number more.

Law: nothing of the configuration is special but the numbers in bench/; the database waits for the disk as in production.
The folder goes away with the run; what a killed run left goes away at the next start.
"""

from __future__ import annotations

import asyncio
import hashlib
import shutil
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from dataclasses import replace
from pathlib import Path

import numpy as np

from m3voip.providers.speech import sound
from m3voip.stack import asterisk, files, lock, processes, strays
from m3voip.stack.errors import StackError
from m3voip.stack.processes import State
from m3voip.stack.stack import Stack

HERE = Path(__file__).parent
PROMPT_SECONDS = 0.4

processes.LONGEST_PAUSE = processes.FIRST_PAUSE  # we restart on purpose, and often


def _as_shipped(_stack: BenchStack) -> None:
    """No lever."""


class BenchStack(Stack):
    """A stack whose Asterisk can be started again with a change to its configuration."""

    def __init__(self, name: str, parts: tuple[str, ...]) -> None:
        checkout = hashlib.sha1(bytes(HERE), usedforsecurity=False).hexdigest()[:8]
        super().__init__(instance=f"{name}-{checkout}", parts=parts, seeded=True)
        self.lever: Patch = _as_shipped
        self.environ: dict[str, str] = {}
        """More variables for Asterisk."""

    @property
    def asterisk_pid(self) -> int:
        """The living Asterisk."""
        pid = self.processes["asterisk"].pid
        assert pid is not None
        return pid

    @property
    def postgres_pid(self) -> int:
        """The living postmaster; 0 when the instance has none."""
        process = self.processes.get("postgres")
        return (process.pid or 0) if process else 0

    def prompt(self) -> sound.Samples:
        """What every mode plays, in the formats that the service makes of any prompt: nobody transcodes."""
        times = np.arange(int(sound.RATE * PROMPT_SECONDS)) / sound.RATE
        return (0.3 * np.sin(2 * np.pi * 440 * times)).astype(np.float32)

    async def channels(self) -> int:
        """How many channels Asterisk has."""
        return int((await self.cli("core show channels count")).split()[0])

    async def drain(self, within_s: float = 15.0) -> None:
        """Wait until no channel is left; what hangs longer is hung up, so that it cannot burden the next step."""
        for _ in range(int(within_s / 0.2)):
            if await self.channels() == 0:
                return
            await asyncio.sleep(0.2)
        await self.cli("channel request hangup all")
        await asyncio.sleep(2)

    async def restart_asterisk(self, lever: Patch) -> None:
        """Start Asterisk anew with this lever. Raises StackError when Asterisk does not start with it."""
        process, before = self.processes["asterisk"], self.asterisk_pid
        self.lever, self.environ = lever, {}
        hopeless = process.restarts + 4
        process.send(process.spec.stop_signal)
        while process.pid in (before, None) or process.state is not State.READY:
            if process.restarts >= hopeless:
                self.lever = _as_shipped
                raise StackError(f"Asterisk does not start: {process.last_exit}")
            await asyncio.sleep(0.05)

    async def _render(self) -> None:
        await super()._render()
        etc = self.folders.asterisk_etc
        text = (HERE / "asterisk" / "bench.conf").read_text(encoding="utf-8")
        folder = etc / "bench"
        folder.mkdir(exist_ok=True)
        files.write(folder / "bench.conf", text.replace("@@BENCH_AGI@@", f"127.0.0.1:{self.ports.agi}"))
        sound.store(self.prompt(), self.folders.prompts, "bench")
        _trunk(self.folders.generated)
        self.lever(self)
        process = self.processes["asterisk"]
        plain = asterisk.sandbox(self.folders, die_with_parent=False)
        more = [word for name, value in self.environ.items() for word in ("--setenv", name, value)]
        process.spec = replace(process.spec, wrapper=(plain[0], *plain[1:], *more))


Patch = Callable[[BenchStack], None]
"""Changes the rendered configuration before Asterisk reads it: a lever."""


@asynccontextmanager
async def started(name: str = "bench", parts: tuple[str, ...] = ("postgres", "asterisk")) -> AsyncIterator[BenchStack]:
    """The instance, up; gone afterwards."""
    stack = BenchStack(name, parts)
    if lock.holder(stack.folders.lock_file) is None:
        await strays.end_all(stack.folders)
        shutil.rmtree(stack.folders.base, ignore_errors=True)
    try:
        async with stack:
            yield stack
    finally:
        shutil.rmtree(stack.folders.base, ignore_errors=True)


def _trunk(generated: Path) -> None:
    file = generated / "pjsip.conf"
    if not file.exists():
        files.write(
            file,
            "[local](_trunk)\ncontext = from-trunk\n[local]\ntype = identify\nendpoint = local\nmatch = 127.0.0.1\n",
        )
