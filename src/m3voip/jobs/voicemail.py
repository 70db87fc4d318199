"""Voicemail: each message that the dialplan recorded is moved into the vault and linked to its call.

Law: the spool's file is deleted only after the vault has read back the same sha256 and the fact is in Postgres. What is found
on disk is the work list, so nothing is forgotten by a crash at any point. A recording in which nobody speaks is no message.
"""

from __future__ import annotations

import asyncio
import re
import tempfile
from pathlib import Path
from uuid import UUID

import structlog

from m3voip.core.facts import VoicemailDiscarded, VoicemailStored
from m3voip.core.ids import derived_id
from m3voip.jobs.audio import UnreadableAudioError, heard_seconds, read_wav, to_flac
from m3voip.jobs.metrics import JOB_FAILURES, JOBS_DONE
from m3voip.ports import CallFinder, CallStore, Clock, EndedCall, RecordingVault

log = structlog.get_logger()

_NAME = re.compile(
    r"(?:(?P<call>[0-9a-f]{8}-[0-9a-f-]{27})|floor-(?P<leg>[0-9.]+))_(?P<box>[0-9]{2,10})(?:@[0-9a-z]+)?_[0-9]+"
)
"""See dialplans/to-voicemail.conf."""
LEAST_HEARD_S = 0.3
_HEADER = 44
"""Bytes of a WAV file that was opened and never written to."""


class VoicemailJob:
    """Moves messages of ended calls. ``run_once`` handles whatever lies in the spool."""

    def __init__(
        self, *, spool: Path, vault: RecordingVault, calls: CallStore, finder: CallFinder, clock: Clock
    ) -> None:
        self._spool = spool / "message"
        self._vault = vault
        self._calls = calls
        self._finder = finder
        self._clock = clock
        self._unreadable: set[str] = set()

    async def run_once(self) -> int:
        """Store every message; returns how many were looked after."""
        done = 0
        for path in await asyncio.to_thread(lambda: sorted(self._spool.glob("*.wav"))):
            name = _NAME.fullmatch(path.stem)
            if name is None or path.stem in self._unreadable:
                continue
            call_id = UUID(name["call"]) if name["call"] else None
            call = await self._finder.find(call_id=call_id, leg=name["leg"] or "")
            if call is None or not call.ended:
                continue  # Asterisk may still write to it
            done += await self._take(path, name["box"], call)
        return done

    async def _take(self, path: Path, box: str, call: EndedCall) -> int:
        try:
            heard_s, whole_s = await asyncio.to_thread(_listen, path)
            if heard_s < LEAST_HEARD_S:
                fact = VoicemailDiscarded(box=box, message_id=path.stem, why="silent", duration_s=whole_s)
                await self._calls.append_late(call.call_id, self._clock.now(), fact)
            else:
                await self._store(path, box, call)
        except UnreadableAudioError as error:
            JOB_FAILURES.labels("voicemail").inc()
            log.error("voicemail.unreadable", message=path.stem, why=str(error), action="look at the file in the spool")
            self._unreadable.add(path.stem)
            return 0
        await asyncio.to_thread(path.unlink, missing_ok=True)
        JOBS_DONE.labels("voicemail").inc()
        return 1

    async def _store(self, path: Path, box: str, call: EndedCall) -> None:
        voicemail = derived_id(call.started_at, str(call.call_id), path.stem)
        key = f"{call.tenant_id}/{call.started_at:%Y/%m}/{call.call_id}/{voicemail}.flac"
        with tempfile.TemporaryDirectory(prefix="m3voip-") as folder:
            target = Path(folder) / "message.flac"
            duration = await asyncio.to_thread(to_flac, path, target)
            stored = await self._vault.put(key, target)
        fact = VoicemailStored(
            voicemail=voicemail,
            box=box,
            message_id=path.stem,
            key=key,
            sha256=stored.sha256,
            duration_s=duration,
            size=stored.size,
            caller=call.caller,
        )
        await self._calls.append_late(call.call_id, self._clock.now(), fact)


def _listen(path: Path) -> tuple[float, float]:
    """Seconds in which something is heard, and in all. Raises UnreadableAudioError."""
    if path.stat().st_size <= _HEADER:
        return 0.0, 0.0
    samples, rate = read_wav(path)
    return heard_seconds(samples, rate), round(len(samples) / rate, 3)
