"""How Asterisk is started: bwrap gives it its own root, read-only, with this instance's folders bound in.

Law: the only namespaces apart from the file system's are IPC and UTS; network and process ids are the host's, so SIP
works as anywhere and `kill PID` means the Asterisk we show. No capability survives, as root too.
"""

from __future__ import annotations

import os
from collections.abc import Awaitable, Callable
from pathlib import Path

from m3voip.providers.asterisk import control
from m3voip.stack import strays
from m3voip.stack.errors import StackError
from m3voip.stack.paths import Folders
from m3voip.stack.processes import Spec


def spec(
    folders: Folders, *, die_with_parent: bool, drain_seconds: float, before_start: Callable[[], Awaitable[None]]
) -> Spec:
    """The process as the supervisor starts it; `before_start` writes its configuration. Raises StackError if the root
    has not been built."""
    if not folders.asterisk_root.is_dir():
        raise StackError(f"Asterisk's root {folders.asterisk_root} is missing; run: make setup")

    async def ready(pid: int) -> bool:
        return await control.is_ready(folders.asterisk_socket, pid)

    async def ask_to_stop() -> None:
        # No new calls; it ends by itself after the last one. Later, SIGTERM is Asterisk's "core stop now".
        await control.command(folders.asterisk_socket, "core stop gracefully", seconds=drain_seconds)

    return Spec(
        name="asterisk",
        program=("asterisk", "-f", "-n"),
        wrapper=tuple(sandbox(folders, die_with_parent=die_with_parent)),
        environ={"PATH": os.defpath},
        log=folders.log / "asterisk.log",
        ready=ready,
        before_start=before_start,
        ask_to_stop=ask_to_stop,
        drain_seconds=drain_seconds,
        sandboxed=True,
    )


def sandbox(folders: Folders, *, die_with_parent: bool) -> list[str]:
    """The bwrap command line up to the program's name."""
    binds: list[tuple[str, Path | str, str]] = [
        ("--ro-bind", folders.asterisk_etc, "/etc/asterisk"),
        ("--bind", folders.asterisk_lib, "/var/lib/asterisk"),
        ("--bind", folders.asterisk_spool, "/var/spool/asterisk"),
        ("--bind", folders.asterisk_log, "/var/log/asterisk"),
        ("--bind", folders.asterisk_run, "/run/asterisk"),
        ("--ro-bind", folders.prompts, "/prompts"),
        # Trunks are named by host names.
        ("--ro-bind-try", "/etc/resolv.conf", "/etc/resolv.conf"),
        ("--ro-bind-try", "/etc/hosts", "/etc/hosts"),
    ]
    return [
        "bwrap",
        *(["--die-with-parent"] if die_with_parent else []),
        "--unshare-ipc", "--unshare-uts", "--cap-drop", "ALL",
        "--clearenv", "--setenv", "PATH", "/usr/sbin:/usr/bin:/sbin:/bin", "--setenv", "TZ", "UTC",
        "--setenv", "LANG", "C.UTF-8", "--setenv", "OPENSSL_CONF", "/etc/asterisk/openssl.conf",
        "--setenv", strays.MARK, strays.mark(folders, "asterisk"),
        "--ro-bind", str(folders.asterisk_root), "/",
        "--dev", "/dev", "--proc", "/proc", "--tmpfs", "/tmp", "--tmpfs", "/run",  # noqa: S108  # inside its own root
        *[word for kind, source, target in binds for word in (kind, str(source), target)],
        "--chdir", "/",
    ]  # fmt: skip
