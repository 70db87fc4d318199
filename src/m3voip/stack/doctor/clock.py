"""Can times be trusted? Ours against itself, against the world's, and Postgres' against ours."""

from __future__ import annotations

import asyncio
import ctypes
import time
from datetime import UTC, datetime

import asyncpg

from m3voip.stack.doctor.finding import Finding, Subject, fail, ok, warn

_WATCH_SECONDS = 0.5
_TIME_ERROR = 5
"""adjtimex(2): the clock is not synchronised to anything."""


async def check(subject: Subject) -> list[Finding]:
    """Three independent questions."""
    return [await _steps(), _synchronised(), await _postgres(subject)]


async def _steps() -> Finding:
    before = time.time() - time.monotonic()
    await asyncio.sleep(_WATCH_SECONDS)
    drift = time.time() - time.monotonic() - before
    if abs(drift) > 0.05:
        return fail(
            f"the wall clock moved {drift * 1000:+.0f} ms against the monotonic one in half a second",
            "something sets the clock in steps; let one time service slew it",
        )
    return ok("the wall clock runs evenly")


def _synchronised() -> Finding:
    # struct timex is 208 bytes on 64-bit Linux; zeroed (modes = 0) it only asks.
    state = ctypes.CDLL(None).adjtimex(ctypes.create_string_buffer(256))
    if state == _TIME_ERROR:
        return warn("nothing keeps this machine's clock right", "run a time service (chrony, systemd-timesyncd)")
    return ok("the kernel says that the clock is synchronised")


async def _postgres(subject: Subject) -> Finding:
    connection = await asyncpg.connect(subject.settings.engine_dsn.get_secret_value(), timeout=5)
    try:
        await connection.fetchval("SELECT 1")
        before = datetime.now(UTC)
        theirs: datetime = await connection.fetchval("SELECT clock_timestamp()")
        after = datetime.now(UTC)
    finally:
        await connection.close(timeout=5)
    difference = abs((theirs - (before + (after - before) / 2)).total_seconds())
    if difference > 1:
        return fail(f"Postgres' clock differs from ours by {difference:.1f} s", "synchronise both machines")
    if difference > 0.1:
        return warn(f"Postgres' clock differs from ours by {difference * 1000:.0f} ms", "synchronise both machines")
    return ok(f"Postgres' clock agrees with ours within {difference * 1000 + 1:.0f} ms")
