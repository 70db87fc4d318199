"""A loop that no longer turns ends the process; one that does, does not."""

from __future__ import annotations

import subprocess
import sys

import pytest

pytestmark = pytest.mark.unit

PROGRAM = """
import asyncio, time
from m3voip.engine.watchdog import Watchdog
async def main():
    dog = asyncio.create_task(Watchdog(limit_s=0.5, beat_s=0.05).run())
    await asyncio.sleep(1.0)
    print("alive", flush=True)
    {then}
    dog.cancel()
asyncio.run(main())
"""


def run(then: str) -> subprocess.CompletedProcess[str]:
    program = PROGRAM.format(then=then)
    return subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, timeout=30, check=False)


def test_a_hanging_loop_ends_the_process_and_shows_where_it_hung() -> None:
    done = run("time.sleep(20)")
    assert done.returncode == -6
    assert done.stdout == "alive\n"
    assert "in main" in done.stderr


def test_a_turning_loop_is_left_alone() -> None:
    assert run("await asyncio.sleep(1.0)").returncode == 0
