"""Can anybody else on this machine read our secrets?"""

from __future__ import annotations

import asyncio
import stat
from pathlib import Path

from m3voip.stack.certificates import KEY_FILE
from m3voip.stack.doctor.finding import Finding, Subject, fail, ok, warn
from m3voip.stack.paths import Folders


async def check(subject: Subject) -> list[Finding]:
    """Every file that holds a secret, and every folder that holds people's voices."""
    if subject.folders is None:
        return [warn("the files with secrets are not on this machine", "run the doctor where the stack runs")]
    return await asyncio.to_thread(judge, secret_places(subject.folders))


def secret_places(folders: Folders) -> list[Path]:
    """Files and folders that only their owner may open."""
    return [
        folders.secrets_file, folders.settings_file, folders.run_file, folders.asterisk_etc / "manager.conf",
        folders.asterisk_etc / "ari.conf", folders.asterisk_keys / KEY_FILE, folders.authority / "ca.key",
        folders.generated, folders.postgres / "data", folders.vault, folders.journal, folders.asterisk_spool, folders.log,
    ]  # fmt: skip


def judge(places: list[Path]) -> list[Finding]:
    """What of these others may read. A place that does not exist holds no secret."""
    open_ones = [path for path in places if path.exists() and stat.S_IMODE(path.stat().st_mode) & 0o077]
    if open_ones:
        return [fail(f"{path} can be opened by others", f"chmod go= {path}") for path in open_ones]
    return [ok(f"all {len(places)} places with secrets or recordings are their owner's alone")]
