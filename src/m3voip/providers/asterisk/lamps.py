"""Phones' message-waiting lamps (port Lamps), by the way that app_voicemail documents for programs that keep mailboxes
themselves: a file for each message in the box's folders, and VoicemailRefresh.

Law: the files are empty and carry no message; what they count is what Postgres says. Asterisk reads them by itself when it
starts and when a phone subscribes, so a lamp is right also while the service is away.
"""

from __future__ import annotations

import asyncio
import re
from pathlib import Path

from m3voip.core.errors import ProviderError
from m3voip.providers.asterisk.ami import actions
from m3voip.providers.asterisk.ami.client import AmiClient
from m3voip.providers.asterisk.ami.errors import AmiError

_BOX = re.compile(r"([0-9]{2,10})@(default|[0-9a-f]{8})")
_MOST = 999
"""More than a telephone's display shows."""


class AsteriskLamps:
    """Over one node's spool and AMI."""

    def __init__(self, spool: Path, ami: AmiClient) -> None:
        self._folder = spool / "voicemail"
        self._ami = ami

    async def show(self, box: str, new: int, old: int) -> None:
        """See Lamps."""
        match = _BOX.fullmatch(box)
        if match is None:
            raise ProviderError("not the name of a mailbox", retryable=False)
        folder = self._folder / match[2] / match[1]
        await asyncio.to_thread(_keep, folder / "INBOX", min(new, _MOST))
        await asyncio.to_thread(_keep, folder / "Old", min(old, _MOST))
        try:
            await self._ami.call(actions.voicemail_refresh(match[1], match[2]))
        except AmiError as error:
            raise ProviderError(f"lamp not set: {error.message}", retryable=True) from error


def _keep(folder: Path, count: int) -> None:
    """Exactly so many files, counting from 0000 as app_voicemail does."""
    wanted = {f"msg{n:04d}.txt" for n in range(count)}
    found = {path.name for path in folder.glob("msg*.txt")} if folder.is_dir() else set()
    if wanted - found:
        folder.mkdir(mode=0o700, parents=True, exist_ok=True)
    for name in wanted - found:
        (folder / name).touch(mode=0o600)
    for name in found - wanted:
        (folder / name).unlink(missing_ok=True)
