"""One managed process, with ordinary programs in the place of Asterisk and Postgres."""

import asyncio
import os
import signal
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager
from pathlib import Path

import psutil
import pytest

from m3voip.stack.errors import StackError
from m3voip.stack.processes import ManagedProcess, Spec, State
from tests.support.eventually import eventually

pytestmark = pytest.mark.stack


async def _yes(_pid: int) -> bool:
    return True


def _spec(folder: Path, *program: str, ready: Callable[[int], Awaitable[bool]] = _yes, **more: object) -> Spec:
    return Spec(
        name="test", program=program or ("sleep", "60"), environ={"PATH": os.defpath}, log=folder / "test.log",
        ready=ready, stop_seconds=1.0, **more,  # type: ignore[arg-type]
    )  # fmt: skip


@asynccontextmanager
async def _kept(process: ManagedProcess) -> AsyncIterator[ManagedProcess]:
    async with asyncio.TaskGroup() as group:
        group.create_task(process.keep(), name="test.keep")
        try:
            yield process
        finally:
            await process.stop()


async def test_a_process_that_ends_is_started_again_after_a_pause(tmp_path: Path) -> None:
    changes: list[State] = []
    process = ManagedProcess(_spec(tmp_path, "false"), on_change=lambda: changes.append(process.state))
    async with _kept(process):
        await eventually(lambda: process.restarts >= 3, within=30)
    assert changes.count(State.PAUSING) >= 3
    assert process.last_exit == "exit status 1"
    assert changes[-1] is State.STOPPED


async def test_one_that_ignores_the_polite_signal_is_killed(tmp_path: Path) -> None:
    process = ManagedProcess(
        _spec(tmp_path, "sh", "-c", 'trap "" TERM; echo deaf; while :; do sleep 0.1; done'), on_change=lambda: None
    )
    async with _kept(process):
        log = tmp_path / "test.log"
        await eventually(lambda: log.exists() and "deaf" in log.read_text())
        pid = process.pid
        assert pid is not None
        await process.stop()
    assert process.last_exit == "killed by SIGKILL"
    assert not psutil.pid_exists(pid)


async def test_stopping_in_the_middle_of_a_start_leaves_nothing_behind(tmp_path: Path) -> None:
    entered, go_on = asyncio.Event(), asyncio.Event()

    async def slow_start() -> None:
        entered.set()
        await go_on.wait()

    process = ManagedProcess(_spec(tmp_path, before_start=slow_start), on_change=lambda: None)
    async with asyncio.TaskGroup() as group:
        group.create_task(process.keep(), name="test.keep")
        await entered.wait()
        stopping = group.create_task(process.stop(), name="test.stop")
        await asyncio.sleep(0)
        go_on.set()
        await stopping
    assert process.state is State.STOPPED
    assert process.pid is None
    assert not [child for child in psutil.Process().children() if "sleep" in child.name()]


@pytest.mark.parametrize("error", [StackError("no root"), OSError("disk full"), KeyError("a bug")])
async def test_a_start_that_fails_is_tried_again_and_takes_nobody_along(tmp_path: Path, error: Exception) -> None:
    attempts = 0

    async def fails_twice() -> None:
        nonlocal attempts
        attempts += 1
        if attempts < 3:
            raise error

    process = ManagedProcess(_spec(tmp_path, before_start=fails_twice), on_change=lambda: None)
    async with _kept(process):
        await asyncio.wait_for(process.wait_ready(), 10)
        assert process.restarts == 2


async def test_a_bug_in_looking_whether_it_is_ready_never_makes_two_of_it(tmp_path: Path) -> None:
    pids: list[int] = []

    async def broken(pid: int) -> bool:
        pids.append(pid)
        if len(pids) == 1:
            raise KeyError("a bug")
        return True

    process = ManagedProcess(_spec(tmp_path, ready=broken), on_change=lambda: None)
    async with _kept(process):
        await asyncio.wait_for(process.wait_ready(), 10)
        assert not psutil.pid_exists(pids[0])


async def test_one_that_is_adopted_is_watched_and_ended_like_our_own(tmp_path: Path) -> None:
    stranger = await asyncio.create_subprocess_exec("sleep", "60")
    process = ManagedProcess(_spec(tmp_path), on_change=lambda: None, adopt=stranger.pid)
    async with _kept(process):
        await asyncio.wait_for(process.wait_ready(), 10)
        assert process.pid == stranger.pid
        process.send(signal.SIGKILL)
        await eventually(lambda: process.pid not in (None, stranger.pid))
    assert await stranger.wait() == -signal.SIGKILL
