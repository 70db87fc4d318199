"""One process of the stack: started, watched, started again with growing pauses, stopped in order.

Law: a process is known by its pid descriptor, never by a number that could be reused, so a process found running
(adopted after the supervisor was killed) is watched exactly as one we started.
"""

from __future__ import annotations

import asyncio
import json
import os
import signal
import subprocess
from collections.abc import Awaitable, Callable, Mapping
from contextlib import suppress
from dataclasses import dataclass, field
from datetime import UTC, datetime
from enum import StrEnum
from pathlib import Path

import structlog

from m3voip.stack import strays
from m3voip.stack.errors import StackError

FIRST_PAUSE, LONGEST_PAUSE = 0.2, 5.0
"""Seconds before a restart: doubled each time, begun anew once the process has lived for `STEADY_SECONDS`."""
STEADY_SECONDS = 30.0

_log = structlog.get_logger()


class State(StrEnum):
    """What `status` shows. A pausing process has ended and will be started again."""

    STOPPED = "stopped"
    STARTING = "starting"
    READY = "ready"
    PAUSING = "pausing"
    STOPPING = "stopping"


async def _nothing() -> None:
    return None


@dataclass(frozen=True, slots=True, kw_only=True)
class Spec:
    """How a process is started and stopped.

    `ready` is asked, each `ask_every` seconds, until it says yes; `before_start` prepares each start (restarts too).
    `ask_to_stop` may take as long as `drain_seconds`; then comes `stop_signal`, and SIGKILL `stop_seconds` later.
    `program` is the command line as /proc shows it, by which a process found running is recognised; `wrapper` goes
    before it. A wrapper that stays (`sandboxed`: bwrap) tells us the pid of the program inside, which is the one we
    watch and publish.
    """

    name: str
    program: tuple[str, ...]
    wrapper: tuple[str, ...] = ()
    environ: Mapping[str, str] = field(default_factory=dict)
    log: Path
    ready: Callable[[int], Awaitable[bool]]
    ask_every: float = 0.02
    before_start: Callable[[], Awaitable[None]] = _nothing
    ask_to_stop: Callable[[], Awaitable[None]] = _nothing
    drain_seconds: float = 0.0
    stop_signal: signal.Signals = signal.SIGTERM
    stop_seconds: float = 10.0
    sandboxed: bool = False


class ManagedProcess:
    """Keeps one process alive. `keep()` is its owner task; everything else may be called from beside it."""

    def __init__(self, spec: Spec, *, on_change: Callable[[], None], adopt: int | None = None) -> None:
        self.spec = spec
        self.state = State.STOPPED
        self.pid: int | None = None
        self.restarts = 0
        self.since = datetime.now(UTC)
        self.last_exit = ""
        self._on_change = on_change
        self._adopt = adopt
        self._started: subprocess.Popen[bytes] | None = None
        self._pidfd: int | None = None
        self._stopping = asyncio.Event()
        self._ready = asyncio.Event()
        self._kept = asyncio.Event()
        self._kept.set()

    async def keep(self) -> None:
        """Live until `stop()`; ends when the process has ended after that."""
        pause = FIRST_PAUSE
        self._kept.clear()
        try:
            while not self._stopping.is_set():
                began = asyncio.get_running_loop().time()
                await self._live_once()
                if self._stopping.is_set():
                    break
                if asyncio.get_running_loop().time() - began > STEADY_SECONDS:
                    pause = FIRST_PAUSE
                self.restarts += 1
                self._enter(State.PAUSING)
                _log.warning("process.ended", process=self.spec.name, how=self.last_exit, restart_in=pause)
                with suppress(TimeoutError):
                    await asyncio.wait_for(self._stopping.wait(), pause)
                pause = min(pause * 2, LONGEST_PAUSE)
            self._enter(State.STOPPED)
        finally:
            self._kept.set()

    async def wait_ready(self) -> None:
        """Return once the process (in its present life, or its next) answers."""
        await self._ready.wait()

    async def stop(self) -> None:
        """Ask, then signal, then kill; returns when it is gone. `keep()` ends too."""
        self._stopping.set()
        if self._pidfd is not None:
            await self._end(self._pidfd)
        await self._kept.wait()  # it may have been about to start one

    def send(self, number: signal.Signals) -> None:
        """Signal the process itself (tests of crashes, `stack restart`); it is started again."""
        if self._pidfd is not None:
            strays.send(self._pidfd, number)

    async def _end(self, pidfd: int) -> None:
        self._enter(State.STOPPING)
        handle = os.dup(pidfd)  # keep() closes its own as soon as the process ends
        try:
            if self.spec.drain_seconds > 0:
                with suppress(OSError, TimeoutError):
                    async with asyncio.timeout(self.spec.drain_seconds):
                        await self.spec.ask_to_stop()
                        await strays.gone(handle)
            for number, seconds in ((self.spec.stop_signal, self.spec.stop_seconds), (signal.SIGKILL, 5.0)):
                strays.send(handle, number)
                with suppress(TimeoutError):
                    async with asyncio.timeout(seconds):
                        await strays.gone(handle)
                        return
        finally:
            os.close(handle)

    async def _live_once(self) -> None:
        """From start to end. Whatever goes wrong, a bug of ours included, becomes `last_exit`: one part's trouble must
        not take the others with it."""
        try:
            self.pid = await self._begin()
            self._pidfd = os.pidfd_open(self.pid)
            if self._stopping.is_set():
                await self._end(self._pidfd)
            else:
                await self._watch(self.pid, self._pidfd)
            self.last_exit = await self._reap()
        except Exception as error:  # noqa: BLE001  # the supervisor's own last resort
            self.last_exit = f"could not be started or watched: {error!r}"
            _log.error("process.failed", process=self.spec.name, error=repr(error))
            if self._pidfd is not None:
                strays.send(self._pidfd, signal.SIGKILL)  # else there would be two of it in a moment
            await self._reap()
        finally:
            self._ready.clear()
            if self._pidfd is not None:
                os.close(self._pidfd)
            self._pidfd = self.pid = None

    async def _begin(self) -> int:
        if self._adopt is not None:
            pid, self._adopt = self._adopt, None
            return pid
        await self.spec.before_start()
        return await self._spawn()

    async def _watch(self, pid: int, pidfd: int) -> None:
        self._enter(State.STARTING)
        async with asyncio.TaskGroup() as group:
            waiting = group.create_task(self._announce(pid), name=f"{self.spec.name}.ready")
            await strays.gone(pidfd)
            waiting.cancel()

    async def _announce(self, pid: int) -> None:
        while not await self.spec.ready(pid):  # noqa: ASYNC110  # what we wait for happens in another process
            await asyncio.sleep(self.spec.ask_every)
        self._enter(State.READY)
        self._ready.set()

    async def _spawn(self) -> int:
        reader, writer = os.pipe() if self.spec.sandboxed else (None, None)
        argv = [*self.spec.wrapper, *self.spec.program]
        if writer is not None:
            argv[1:1] = ["--info-fd", str(writer)]
        try:
            with self.spec.log.open("ab") as log:
                os.fchmod(log.fileno(), 0o600)
                # Not asyncio's own: it insists on reaping by itself, and an adopted process has nobody to do that.
                self._started = subprocess.Popen(  # noqa: ASYNC220
                    argv,
                    env=dict(self.spec.environ),
                    cwd="/",
                    stdin=subprocess.DEVNULL,
                    stdout=log,
                    stderr=log,
                    start_new_session=True,  # a Ctrl-C in our terminal is for us; we stop the parts in order
                    pass_fds=[] if writer is None else [writer],
                )
        finally:
            if writer is not None:
                os.close(writer)
        if reader is None:
            return self._started.pid
        return await self._inner_pid(reader)

    async def _inner_pid(self, reader: int) -> int:
        with os.fdopen(reader, "rb") as pipe:
            told = await asyncio.to_thread(pipe.read)  # bwrap writes one object and closes, or dies and closes
        try:
            return int(json.loads(told)["child-pid"])
        except (ValueError, KeyError):
            raise StackError(f"bwrap failed, {await self._reap()}; see {self.spec.log}") from None

    async def _reap(self) -> str:
        started, self._started = self._started, None
        if started is None:
            return "ended (it was adopted, so its exit status is unknown)"
        status = await asyncio.to_thread(started.wait)
        number = -status if status < 0 else status - 128 if self.spec.sandboxed and status > 128 else 0
        return f"killed by {signal.Signals(number).name}" if number else f"exit status {status}"

    def _enter(self, state: State) -> None:
        self.state, self.since = state, datetime.now(UTC)
        self._on_change()
