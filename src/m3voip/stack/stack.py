"""The stack of one instance as an object: prepared, started in order, kept alive, stopped in order.

Law: this is the only place that knows the order. The supervisor (`m3voip stack supervise`) and the tests use the same
class; tests take a private instance that disappears with them:

    async with Stack(instance=fresh_name(), parts={"postgres", "asterisk"}, ephemeral=True) as stack:
        await stack.cli("core show channels")
"""

from __future__ import annotations

import asyncio
import shutil
import signal
from collections.abc import Callable, Collection, Mapping
from contextlib import AsyncExitStack
from types import TracebackType
from typing import Self

import structlog

from m3voip.config import Settings
from m3voip.providers.asterisk import control
from m3voip.stack import asterisk, database, instances, lock, logs, paths, ports, postgres, programs, strays
from m3voip.stack.errors import StackError
from m3voip.stack.parts import PARTS
from m3voip.stack.paths import Folders
from m3voip.stack.preparation import Prepared, configure_asterisk, prepare
from m3voip.stack.processes import ManagedProcess, Spec, State
from m3voip.stack.secrets import Secrets

START_SECONDS = 60.0
HOPELESS_STARTS = 4
"""A part that ended this often before the stack was ever ready will not come up by trying on."""

fresh_name = instances.fresh_name
_log = structlog.get_logger()


def _nobody_listens() -> None:
    return None


class Stack:
    """The `parts` of an instance under our eyes. Parts that already run (their supervisor was killed) are adopted with
    their calls. `ephemeral` instances do not wait for the disk, end with us even if we are killed, and leave no
    folder behind. `drain_seconds` is how long Asterisk may finish its calls when we stop; a `seeded` database has the
    sample office in it (seed.py), otherwise only the schema. `service_environ` makes variables for the service alone,
    once the settings are known: a test puts a relay between it and the others. `on_change` may be set to hear of every
    change."""

    def __init__(
        self,
        *,
        instance: str | None = None,
        parts: Collection[str] = PARTS,
        ephemeral: bool = False,
        seeded: bool = False,
        drain_seconds: float = 0.0,
        service_environ: Callable[[Settings], Mapping[str, str]] | None = None,
    ) -> None:
        if unknown := set(parts) - set(PARTS):
            raise StackError(f"unknown part {', '.join(sorted(unknown))}; known are {', '.join(PARTS)}")
        self.folders: Folders = paths.locate(instance)
        self.ports: ports.Ports
        self.secrets: Secrets
        self.settings: Settings
        self._prepared: Prepared
        self.processes: dict[str, ManagedProcess] = {}
        self._parts = [part for part in PARTS if part in parts]
        self._ephemeral = ephemeral
        self._seeded = seeded
        self._drain_seconds = drain_seconds
        self._service_environ = service_environ
        self.on_change: Callable[[], None] = _nobody_listens
        self._tasks = asyncio.TaskGroup()
        self._exits = AsyncExitStack()

    async def __aenter__(self) -> Self:
        if self._ephemeral:
            await instances.sweep(self.folders.base.parent)
        async with AsyncExitStack() as exits:
            self.folders.make()
            if self._ephemeral:
                exits.callback(shutil.rmtree, self.folders.base, ignore_errors=True)
            exits.enter_context(lock.held(self.folders.lock_file))
            specs, adopted = await self._prepare()
            await self._tasks.__aenter__()
            # Left without our own error, which it would wrap into a group.
            exits.push_async_callback(self._tasks.__aexit__, None, None, None)
            exits.push_async_callback(self._stop)
            await self._start(specs, adopted)
            self._exits = exits.pop_all()
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        await self._exits.aclose()

    async def cli(self, command: str) -> str:
        """What Asterisk's command line answers."""
        return await control.command(self.folders.asterisk_socket, command)

    def kill(self) -> None:
        """SIGKILL to every part, for somebody who cannot wait for the end of a stop."""
        for process in self.processes.values():
            process.send(signal.SIGKILL)

    async def _prepare(self) -> tuple[list[Spec], dict[str, int]]:
        """Everything that comes before the first process; says which parts run already, and ends other strays."""
        found = strays.find(self.folders)
        before = ports.remembered(self.folders.ports_file)
        held = [name for part in found for name in ports.HOLDERS.get(part, ())]
        self._prepared = prepare(self.folders, held=held)
        self.ports, self.secrets, self.settings = (
            self._prepared.ports, self._prepared.secrets, self._prepared.settings
        )  # fmt: skip
        specs = [self._spec(part) for part in self._parts]
        adopted: dict[str, int] = {}
        if self.ports == before:  # else those that live were told ports which somebody else has now
            for spec in specs:
                pid = next(iter(found.get(spec.name, [])), 0)
                if pid and strays.command_line(pid) == spec.program:
                    adopted[spec.name] = pid
        ended = await strays.end_all(self.folders, besides=adopted.values())
        if found:
            _log.info("strays.found", adopted=adopted, ended=ended)
        if "postgres" in self._parts and "postgres" not in adopted:
            postgres.prepare(self.folders, durable=not self._ephemeral)
        return specs, adopted

    def _spec(self, part: str) -> Spec:
        alone = self._ephemeral  # nobody will come back for it
        match part:
            case "postgres":
                return postgres.spec(self.folders, self.ports, die_with_parent=alone, durable=not alone)
            case "asterisk":
                return asterisk.spec(
                    self.folders, die_with_parent=alone, drain_seconds=self._drain_seconds, before_start=self._render
                )
            case "agi":
                return programs.agi(self.folders, self.settings, die_with_parent=alone)
            case _:
                environ = self._service_environ(self.settings) if self._service_environ else None
                return programs.service(self.folders, self.settings, die_with_parent=alone, environ=environ)

    async def _render(self) -> None:
        configure_asterisk(self.folders, self._prepared)

    async def _start(self, specs: list[Spec], adopted: dict[str, int]) -> None:
        for spec in specs:
            self.processes[spec.name] = ManagedProcess(spec, on_change=self._changed, adopt=adopted.get(spec.name))
        # The database first, because the service needs its tables; Asterisk starts beside it.
        first = [part for part in self._parts if part in ("postgres", "asterisk")]
        for part in first:
            self._keep(part)
        if "postgres" in first:
            await self._first_ready("postgres")
            await database.fill(self.folders, self._prepared, seeded=self._seeded)
        for part in self._parts:
            if part not in first:
                self._keep(part)
        for part in self._parts:
            await self._first_ready(part)

    def _changed(self) -> None:
        self.on_change()

    def _keep(self, part: str) -> None:
        self._tasks.create_task(self.processes[part].keep(), name=f"stack.{part}")

    async def _first_ready(self, part: str) -> None:
        process = self.processes[part]
        try:
            async with asyncio.timeout(START_SECONDS):
                while process.state is not State.READY:
                    if process.restarts >= HOPELESS_STARTS:
                        raise StackError(f"{part} does not start: {process.last_exit}\n{logs.tail(process.spec.log)}")
                    await asyncio.sleep(0.02)
        except TimeoutError:
            raise StackError(
                f"{part} runs but is not ready after {START_SECONDS:.0f} s\n{logs.tail(process.spec.log)}"
            ) from None

    async def _stop(self) -> None:
        # In a task of its own: ours may be in the middle of being cancelled, and asyncio.timeout in a cancelled task
        # raises the wrong error before Python 3.11.3 (gh-102780).
        async with asyncio.TaskGroup() as group:
            group.create_task(self._stop_in_order(), name="stack.stop")

    async def _stop_in_order(self) -> None:
        for part in reversed(self._parts):
            if part in self.processes:
                await self.processes[part].stop()
