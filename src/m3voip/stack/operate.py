"""What an operator does to an instance from outside its supervisor: start it, stop it, look at it.

Law: only files, the lock and signals are used, so all of this works with a supervisor that is busy, and tells the
truth about one that was killed.
"""

from __future__ import annotations

import asyncio
import signal
import subprocess
import sys
from collections.abc import Collection
from dataclasses import dataclass

from m3voip.providers.asterisk import control
from m3voip.stack import lock, logs, strays
from m3voip.stack.errors import StackError
from m3voip.stack.paths import Folders
from m3voip.stack.state import read_state

UP_SECONDS = 120.0
DOWN_SECONDS = 90.0
ASTERISK_SECONDS = 3600.0
"""How long calls may keep Asterisk from restarting."""
_POLL_SECONDS = 0.1
_RESTART_SIGNALS = {"service": signal.SIGINT, "postgres": signal.SIGINT}
"""For the service SIGTERM would be for good (m3voip.lifecycle); for Postgres it would wait for every client."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Condition:
    """`phase` as the supervisor says, "stopped" without one; `strays` are parts that run without a supervisor."""

    phase: str
    supervisor: int | None
    strays: dict[str, list[int]]

    @property
    def is_running(self) -> bool:
        """Whether a supervisor lives."""
        return self.supervisor is not None


def condition(folders: Folders) -> Condition:
    """How the instance is now."""
    supervisor = lock.holder(folders.lock_file)
    if supervisor is None:
        return Condition(phase="stopped", supervisor=None, strays=strays.find(folders))
    state = read_state(folders)
    phase = state.get("phase", "starting") if state.get("supervisor") == supervisor else "starting"
    return Condition(phase=phase, supervisor=supervisor, strays={})


async def up(folders: Folders, parts: Collection[str]) -> bool:
    """Start a supervisor in the background and return when everything is ready. False if it was running already.
    Raises StackError with the reason if it does not come up."""
    running = condition(folders)
    if running.is_running:
        await _until_ready(folders, None)
        return False
    folders.make()
    log = folders.log / "supervisor.log"
    with log.open("ab") as output:
        log.chmod(0o600)
        supervisor = subprocess.Popen(  # noqa: ASYNC220  # it outlives us
            [sys.executable, "-m", "m3voip", "stack", "--instance", folders.instance, "supervise",
             *[word for part in parts for word in ("--part", part)]],
            cwd="/", stdin=subprocess.DEVNULL, stdout=output, stderr=output, start_new_session=True,
        )  # fmt: skip
    await _until_ready(folders, supervisor)
    return True


async def down(folders: Folders) -> bool:
    """Stop the supervisor and with it everything; end what a killed one left. False if nothing was running.
    Raises StackError if something could not be ended."""
    supervisor = lock.holder(folders.lock_file)
    if supervisor and not await strays.ask_to_end(supervisor, seconds=DOWN_SECONDS):
        raise StackError(f"supervisor {supervisor} did not stop in {DOWN_SECONDS:.0f} s; see its log")
    left = await strays.end_all(folders)
    folders.run_file.unlink(missing_ok=True)
    if still := strays.find(folders):
        raise StackError(f"still running: {still}")
    return bool(supervisor or left)


async def restart(folders: Folders, part: str, *, now: bool = False) -> None:
    """Let one part end in the way that costs no call, and return when the supervisor has a ready one again: the service
    leaves its callers for the next to adopt, Asterisk waits for its last call (`now`: it does not, and drops them).
    Raises StackError."""
    pids = strays.find(folders).get(part)
    if lock.holder(folders.lock_file) is None or not pids:
        raise StackError(f"{part} is not running; run `m3voip stack up` first")
    former = pids[0]
    if part == "asterisk" and not now:
        await control.command(folders.asterisk_socket, "core stop gracefully", seconds=ASTERISK_SECONDS)
    else:
        strays.signal_one(former, _RESTART_SIGNALS.get(part, signal.SIGTERM))
    try:
        async with asyncio.timeout(ASTERISK_SECONDS):
            while not _is_back(folders, part, former):  # noqa: ASYNC110  # another process
                await asyncio.sleep(_POLL_SECONDS)
    except TimeoutError:
        raise StackError(f"{part} is not back after {ASTERISK_SECONDS:.0f} s; see `m3voip stack status`") from None


def _is_back(folders: Folders, part: str, former: int) -> bool:
    state = read_state(folders).get("parts", {}).get(part, {})
    return bool(state.get("state") == "ready" and state.get("pid") != former)


async def _until_ready(folders: Folders, supervisor: subprocess.Popen[bytes] | None) -> None:
    """Wait for the phase "ready"; `supervisor` is the one we started, whose end ends our hope."""
    try:
        async with asyncio.timeout(UP_SECONDS):
            while (now := condition(folders)).phase != "ready":
                ended = now.supervisor is None if supervisor is None else supervisor.poll() is not None
                if ended or now.phase == "failed":
                    reason = read_state(folders).get("error") or logs.tail(folders.log / "supervisor.log")
                    raise StackError(f"the stack did not start: {reason}")
                await asyncio.sleep(_POLL_SECONDS)
    except TimeoutError:
        raise StackError(f"not ready after {UP_SECONDS:.0f} s; see `m3voip stack status` and `logs`") from None
