"""The stack of one instance as an object: prepared, started in order, kept alive, stopped in order.

Law: this is the only place that knows the order. The supervisor (`m3voip stack supervise`) and the tests use the same
class; tests take a private instance that disappears with them:

    async with Stack(instance=fresh_name(), parts={"postgres", "asterisk"}, ephemeral=True) as stack:
        await stack.cli("core show channels")
"""

from __future__ import annotations

import asyncio
import os
import shutil
from collections.abc import Callable, Iterable
from types import TracebackType
from typing import Self

from m3voip.config import Settings
from m3voip.stack import asterisk, certificates, control, logs, paths, ports, postgres, programs, render, roles, secrets
from m3voip.stack import settings as settings_file
from m3voip.stack.errors import StackError
from m3voip.stack.paths import Folders
from m3voip.stack.processes import ManagedProcess, Spec, State
from m3voip.stack.secrets import Secrets

PARTS = ("postgres", "asterisk", "agi", "service")
"""In the order of starting; stopped in reverse."""


START_SECONDS = 60.0
HOPELESS_STARTS = 4
"""A part that ended this often before the stack was ever ready will not come up by trying on."""


class Stack:
    """`parts` run under our eyes; `adopt` maps those that already run to their pids. `ephemeral` instances do not wait
    for the disk, end with us even if we are killed, and leave no folder behind."""

    def __init__(
        self,
        *,
        instance: str | None = None,
        parts: Iterable[str] = PARTS,
        ephemeral: bool = False,
        drain_seconds: float = 0.0,
        adopt: dict[str, int] | None = None,
        on_change: Callable[[], None] = lambda: None,
    ) -> None:
        wanted = set(parts)
        if unknown := wanted - set(PARTS):
            raise StackError(f"unknown part {', '.join(sorted(unknown))}; known are {', '.join(PARTS)}")
        self.folders: Folders = paths.locate(instance)
        self.ports: ports.Ports
        self.secrets: Secrets
        self.settings: Settings
        self.processes: dict[str, ManagedProcess] = {}
        self._parts = [part for part in PARTS if part in wanted]
        self._ephemeral = ephemeral
        self._drain_seconds = drain_seconds
        self._adopt = adopt or {}
        self._on_change = on_change
        self._tasks = asyncio.TaskGroup()

    async def __aenter__(self) -> Self:
        self.prepare()
        await self._tasks.__aenter__()
        try:
            await self._start()
        except BaseException:
            await self._stop()
            raise
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        await self._stop()

    def prepare(self) -> None:
        """Everything that needs no running process: folders, ports, secrets, certificates, settings, database files."""
        address = os.environ.get("M3VOIP_SIP_ADDRESS", "127.0.0.1")
        self.folders.make()
        self.ports = ports.assign(self.folders.ports_file, address, keep=bool(self._adopt))
        self.secrets = secrets.ensure(self.folders.secrets_file)
        certificates.ensure(self.folders, address)
        self.settings = settings_file.write(self.folders, self.ports, self.secrets, sip_address=address)
        if "postgres" in self._parts and "postgres" not in self._adopt:
            postgres.prepare(self.folders, durable=not self._ephemeral)
        if "asterisk" in self._parts and "asterisk" not in self._adopt:
            self.render()

    def render(self) -> None:
        """Write Asterisk's configuration anew from the checkout; it is read at Asterisk's next start or reload."""
        values = render.placeholders(self.settings, ari_password_crypt=self.secrets.ari_password_crypt)
        render.render(self.folders.checkout, self.folders.asterisk_etc, values)

    async def cli(self, command: str) -> str:
        """What Asterisk's command line answers."""
        return await control.command(self.folders.asterisk_socket, command)

    def _spec(self, part: str) -> Spec:
        match part:
            case "postgres":
                return postgres.spec(
                    self.folders, self.ports, die_with_parent=self._ephemeral, durable=not self._ephemeral
                )
            case "asterisk":
                return asterisk.spec(self.folders, die_with_parent=self._ephemeral, drain_seconds=self._drain_seconds)
            case "agi":
                return programs.agi(self.folders, self.settings, die_with_parent=self._ephemeral)
            case _:
                return programs.service(self.folders, self.settings, die_with_parent=self._ephemeral)

    async def _start(self) -> None:
        for part in self._parts:
            self.processes[part] = ManagedProcess(
                self._spec(part), on_change=self._on_change, adopt=self._adopt.get(part)
            )
        # The database first, because the service needs its tables; Asterisk starts beside it.
        first = [part for part in self._parts if part in ("postgres", "asterisk")]
        for part in first:
            self._keep(part)
        if "postgres" in first:
            await self._first_ready("postgres")
            await roles.provide(self.folders, self.ports, self.secrets)
        for part in self._parts:
            if part not in first:
                self._keep(part)
        for part in self._parts:
            await self._first_ready(part)

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
        for part in reversed(self._parts):
            if part in self.processes:
                await self.processes[part].stop()
        await self._tasks.__aexit__(None, None, None)
        if self._ephemeral:
            shutil.rmtree(self.folders.base, ignore_errors=True)
