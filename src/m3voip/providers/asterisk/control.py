"""Asterisk's control socket (asterisk.ctl), spoken directly: what `asterisk -rx` does, without starting a process.

The server greets with one line `host/pid/version`; "cli quit after COMMAND" runs the command, sends its output and
closes (main/asterisk.c, ast_remotecontrol).
"""

from __future__ import annotations

import asyncio
import os
from pathlib import Path


async def command(socket: Path, text: str, *, seconds: float = 10.0) -> str:
    """Run one CLI command and return what it prints. Raises OSError when nobody listens and TimeoutError."""
    async with asyncio.timeout(seconds):
        reader, writer = await _connect(socket)
        try:
            await reader.readline()
            writer.write(b"cli quit after " + text.encode() + b"\0")
            await writer.drain()
            return (await reader.read()).decode(errors="replace")
        finally:
            writer.close()


async def is_ready(socket: Path, pid: int) -> bool:
    """Whether the Asterisk with this pid (not a predecessor's left-over socket) has loaded everything."""
    try:
        async with asyncio.timeout(2):
            reader, writer = await _connect(socket)
            try:
                greeting = (await reader.readline()).decode(errors="replace").split("/")
            finally:
                writer.close()
        return (
            len(greeting) > 1
            and greeting[1] == str(pid)
            and "fully booted" in await command(socket, "core waitfullybooted", seconds=2)
        )
    except (OSError, TimeoutError):
        return False


async def _connect(socket: Path) -> tuple[asyncio.StreamReader, asyncio.StreamWriter]:
    # By way of the folder's descriptor, because the address of a unix socket ends at 107 bytes.
    folder = os.open(socket.parent, os.O_PATH)
    try:
        return await asyncio.open_unix_connection(f"/proc/self/fd/{folder}/{socket.name}")
    finally:
        os.close(folder)
