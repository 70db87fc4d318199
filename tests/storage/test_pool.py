"""What a connection costs whoever works with it when Postgres stops answering."""

import asyncio
import gc
import os
import signal
from collections.abc import Callable, Iterator
from contextlib import contextmanager

import pytest

from m3voip.storage.errors import StorageUnavailable
from m3voip.storage.postgres.pool import Pool

pytestmark = pytest.mark.postgres

Silence = Callable[[int], None]


@contextmanager
def told_to_the_loop() -> Iterator[list[str]]:
    """What nobody awaited: errors of tasks that the loop had to report."""
    loop, told = asyncio.get_running_loop(), list[str]()
    before = loop.get_exception_handler()
    loop.set_exception_handler(lambda _, context: told.append(context["message"]))
    try:
        yield told
        gc.collect()  # an error that nobody reads is told when its task is collected
    finally:
        loop.set_exception_handler(before)


@pytest.fixture
def silence() -> Iterator[Silence]:
    """``silence(pid)``: this backend keeps its socket and says nothing, until the test is over."""
    silent: list[int] = []

    def silence(pid: int) -> None:
        silent.append(pid)
        os.kill(pid, signal.SIGSTOP)

    yield silence
    for pid in silent:
        os.kill(pid, signal.SIGCONT)


async def test_work_that_was_done_counts_when_postgres_falls_silent_before_the_connection_is_given_back(
    engine: Pool, silence: Silence
) -> None:
    with told_to_the_loop() as told:
        async with engine.connection(within=0.5) as connection:
            pid = await connection.fetchval("select pg_backend_pid()")
            silence(pid)
        async with engine.connection() as connection:
            assert await connection.fetchval("select pg_backend_pid()") != pid, "the silent connection is used again"
    assert not told


async def test_work_that_postgres_does_not_answer_ends_in_time_and_leaves_no_error_for_nobody(
    engine: Pool, silence: Silence
) -> None:
    with told_to_the_loop() as told:
        async with engine.connection() as connection:
            pid = await connection.fetchval("select pg_backend_pid()")
        silence(pid)
        with pytest.raises(StorageUnavailable):
            async with engine.transaction(within=0.5) as connection:
                await connection.fetchval("select 1")
    assert not told


async def test_who_is_cancelled_while_a_silent_connection_is_given_back_leaves_no_error_for_nobody(
    engine: Pool, silence: Silence
) -> None:
    async def work(done: asyncio.Future[int]) -> None:
        async with engine.connection(within=0.5) as connection:
            pid = await connection.fetchval("select pg_backend_pid()")
            silence(pid)
            done.set_result(pid)

    with told_to_the_loop() as told:
        done: asyncio.Future[int] = asyncio.get_running_loop().create_future()
        task = asyncio.create_task(work(done))
        await done
        await asyncio.sleep(0)  # it gives the connection back now
        task.cancel()
        with pytest.raises(asyncio.CancelledError):
            await task
        await engine.close()  # waits for what is being given back
    assert not told
