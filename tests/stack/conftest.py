"""Private instances for the tests of the stack: each gets its own name, and disappears with everything it started."""

import asyncio
import json
import shutil
import subprocess
import sys
import time
from collections.abc import AsyncIterator, Callable, Iterator
from dataclasses import dataclass
from typing import Any

import psutil
import pytest

from m3voip.stack import operate, paths
from m3voip.stack.paths import Folders
from m3voip.stack.stack import Stack, fresh_name


def eventually(condition: Callable[[], bool], seconds: float = 20.0) -> None:
    """Poll until true; fails at the deadline."""
    deadline = time.monotonic() + seconds
    while not condition():
        assert time.monotonic() < deadline, f"not true after {seconds} s"
        time.sleep(0.05)


@dataclass(frozen=True)
class Instance:
    """An instance driven from outside, as an operator does."""

    folders: Folders

    def run(self, *words: str, status: int = 0) -> str:
        """`m3voip stack …`; what it printed. Fails on another exit status."""
        done = subprocess.run(
            [sys.executable, "-m", "m3voip", "stack", "--instance", self.folders.instance, *words],
            capture_output=True, text=True, timeout=90, check=False,
        )  # fmt: skip
        assert done.returncode == status, done.stdout + done.stderr
        return done.stdout + done.stderr

    def up(self) -> str:
        """Postgres and Asterisk."""
        return self.run("up", "--part", "postgres", "--part", "asterisk")

    def run_json(self) -> dict[str, Any]:
        """What run.json says now."""
        found: dict[str, Any] = json.loads(self.folders.run_file.read_text())
        return found

    def processes(self) -> list[psutil.Process]:
        """Every process of this machine whose command line names the instance's folder, or carries its mark."""
        found = []
        for process in psutil.process_iter():
            try:
                named = str(self.folders.base) in " ".join(process.cmdline())
                marked = str(self.folders.base) in process.environ().get("M3VOIP_STACK_PART", "")
                supervising = self.folders.instance in process.cmdline() and "supervise" in process.cmdline()
            except psutil.Error:
                continue
            if named or marked or supervising:
                found.append(process)
        return found


@pytest.fixture
def instance() -> Iterator[Instance]:
    """An instance that is not running yet."""
    folders = paths.locate(fresh_name())
    yield Instance(folders)
    asyncio.run(operate.down(folders))
    shutil.rmtree(folders.base, ignore_errors=True)


@pytest.fixture
async def stack() -> AsyncIterator[Stack]:
    """Postgres and Asterisk under our own eyes."""
    async with Stack(instance=fresh_name(), parts={"postgres", "asterisk"}, ephemeral=True) as running:
        yield running
