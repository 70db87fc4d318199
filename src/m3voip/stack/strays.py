"""Which processes of this machine are ours, however we came to lose sight of them.

Law: everything the stack starts carries its instance and its part's name in its environment, so a supervisor that was
killed leaves nothing unnamed behind: no pid file can be stale, no reused pid can be mistaken, and no process of
another instance is ever touched.
"""

from __future__ import annotations

import asyncio
import os
import signal
from collections.abc import Iterable
from contextlib import suppress
from pathlib import Path

from m3voip.stack.parts import PARTS
from m3voip.stack.paths import Folders

MARK = "M3VOIP_STACK_PART"


def mark(folders: Folders, part: str) -> str:
    """The value of `MARK` in the environment of a part."""
    return f"{part}@{folders.base}"


def find(folders: Folders) -> dict[str, list[int]]:
    """Pids of this instance's living processes by part, a part's own process before the children it made."""
    suffix = f"@{folders.base}"
    marked: dict[int, str] = {}
    for entry in Path("/proc").iterdir():
        if not entry.name.isdigit():
            continue
        try:
            environ = (entry / "environ").read_bytes().split(b"\0")
        except OSError:
            continue  # ended meanwhile, or another user's
        for variable in environ:
            name, _, value = variable.partition(b"=")
            if name == MARK.encode() and value.decode(errors="replace").endswith(suffix):
                marked[int(entry.name)] = value.decode().removesuffix(suffix)
    parts: dict[str, list[int]] = {}
    for pid, part in marked.items():
        is_child = marked.get(_parent(pid)) == part
        parts.setdefault(part, []).insert(len(parts.get(part, [])) if is_child else 0, pid)
    return parts


def command_line(pid: int) -> tuple[str, ...]:
    """The arguments it was started with; empty if it is gone."""
    try:
        words = Path(f"/proc/{pid}/cmdline").read_bytes().split(b"\0")
    except OSError:
        return ()
    return tuple(word.decode(errors="replace") for word in words[:-1])


async def end_all(folders: Folders, *, besides: Iterable[int] = ()) -> dict[str, list[int]]:
    """End what is left of this instance except `besides`, in the order that a stop has; returns what there was."""
    spared = set(besides)
    left = {part: [pid for pid in pids if pid not in spared] for part, pids in find(folders).items()}
    left = {part: pids for part, pids in left.items() if pids}
    order = list(reversed(PARTS))
    for part in sorted(left, key=lambda part: order.index(part) if part in order else -1):
        # To Postgres SIGTERM means: wait for every client.
        await end(left[part], number=signal.SIGINT if part == "postgres" else signal.SIGTERM)
    return left


async def end(pids: Iterable[int], *, number: signal.Signals = signal.SIGTERM, patience: float = 5.0) -> None:
    """Signal them, then SIGKILL after `patience` seconds; returns when all are gone."""
    handles = [handle for pid in pids if (handle := _open(pid)) is not None]
    try:
        for signal_, seconds in ((number, patience), (signal.SIGKILL, 5.0)):
            for handle in handles:
                send(handle, signal_)
            if await _all_gone(handles, seconds):
                return
    finally:
        for handle in handles:
            os.close(handle)


async def ask_to_end(pid: int, *, seconds: float) -> bool:
    """SIGTERM and no more; whether it was gone in time."""
    handle = _open(pid)
    if handle is None:
        return True
    try:
        send(handle, signal.SIGTERM)
        return await _all_gone([handle], seconds)
    finally:
        os.close(handle)


def signal_one(pid: int, number: int) -> None:
    """Signal it if it still lives."""
    handle = _open(pid)
    if handle is not None:
        send(handle, number)
        os.close(handle)


def send(pidfd: int, number: int) -> None:
    """Signal exactly this process; nothing happens if it has ended."""
    with suppress(ProcessLookupError):
        signal.pidfd_send_signal(pidfd, number)


async def gone(pidfd: int) -> None:
    """Return when the process of this descriptor has ended, whether or not it is our child."""
    loop = asyncio.get_running_loop()
    ended = asyncio.Event()
    loop.add_reader(pidfd, ended.set)
    try:
        await ended.wait()
    finally:
        loop.remove_reader(pidfd)


async def _all_gone(handles: Iterable[int], seconds: float) -> bool:
    try:
        async with asyncio.timeout(seconds):
            for handle in handles:
                await gone(handle)
    except TimeoutError:
        return False
    return True


def _open(pid: int) -> int | None:
    try:
        return os.pidfd_open(pid)
    except ProcessLookupError:
        return None


def _parent(pid: int) -> int:
    try:
        stat = Path(f"/proc/{pid}/stat").read_text()
    except OSError:
        return 0
    return int(stat.rpartition(")")[2].split()[1])  # the name in parentheses may hold anything, even ") 1"
