"""Is there room for what grows: recordings, the journal, the database, logs?"""

from __future__ import annotations

import asyncio
import shutil
from pathlib import Path

from m3voip.stack.doctor.finding import Finding, Subject, fail, ok, warn

FAIL_BELOW = 2 * 2**30
WARN_BELOW = 10 * 2**30
"""Bytes. An hour of one call, both directions, is about 115 MB of wav until it is packed."""


async def check(subject: Subject) -> list[Finding]:
    """One finding a file system."""
    settings = subject.settings
    wanted = {
        "recordings": settings.vault_dir,
        "Asterisk's spool": settings.asterisk_spool,
        "the journal": settings.journal_dir,
        **({"Postgres": subject.folders.base} if subject.folders else {}),
    }
    return await asyncio.to_thread(_look, wanted)


def _look(wanted: dict[str, Path]) -> list[Finding]:
    findings, purposes = [], dict[int, list[str]]()
    for purpose, path in wanted.items():
        if not path.exists():
            findings.append(fail(f"{path} ({purpose}) does not exist", "start the stack once, or create it"))
        else:
            purposes.setdefault(path.stat().st_dev, []).append(purpose)
    for device, names in purposes.items():
        path = next(wanted[name] for name in names if wanted[name].stat().st_dev == device)
        findings.append(judge(", ".join(names), shutil.disk_usage(path).free))
    return findings


def judge(purposes: str, free: int) -> Finding:
    """`free` in bytes."""
    what = f"{free / 2**30:.1f} GB free for {purposes}"
    if free < FAIL_BELOW:
        return fail(what, "make room now; recordings will be lost and Postgres will stop")
    if free < WARN_BELOW:
        return warn(what, "make room, move the vault, or shorten retention")
    return ok(what)
