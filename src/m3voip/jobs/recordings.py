"""Recordings: from Asterisk's spool into the vault, linked to their call.

Law: the spool's files are deleted only after the vault has read back the same sha256 and the fact is in Postgres
(invariant 9). What is found on disk is the work list, so nothing is forgotten by a crash at any point.
"""

from __future__ import annotations

import asyncio
import re
import tempfile
import time
from pathlib import Path
from uuid import UUID

import structlog

from m3voip.core.facts import RecordingStored
from m3voip.core.ids import derived_id
from m3voip.jobs.audio import UnreadableAudioError, join_stereo
from m3voip.jobs.metrics import JOB_FAILURES, JOBS_DONE
from m3voip.ports import CallFinder, CallStore, Clock, EndedCall, RecordingVault

log = structlog.get_logger()

_NAME = re.compile(r"(?P<name>(?P<call>[0-9a-f]{8}-[0-9a-f-]{27})|floor-(?P<leg>[0-9.]+))-rx\.wav")
SETTLE_S = 1.0
"""A file that was written to within this time may still be open."""


class RecordingsJob:
    """Moves finished recordings. ``run_once`` handles whatever lies in the spool."""

    def __init__(
        self, *, spool: Path, vault: RecordingVault, calls: CallStore, finder: CallFinder, clock: Clock
    ) -> None:
        self._spool = spool / "monitor"
        self._vault = vault
        self._calls = calls
        self._finder = finder
        self._clock = clock
        self._unreadable: set[str] = set()

    async def run_once(self) -> int:
        """Store every finished recording; returns how many."""
        done = 0
        for path in await asyncio.to_thread(self._candidates):
            match = _NAME.fullmatch(path.name)
            if match is None or match["name"] in self._unreadable:
                continue
            call_id = UUID(match["call"]) if match["call"] else None
            call = await self._finder.find(call_id=call_id, leg=match["leg"] or "")
            if call is None or not call.ended:
                continue
            done += await self._store(match["name"], call)
        return done

    def _candidates(self) -> list[Path]:
        old_enough = time.time() - SETTLE_S
        return sorted(p for p in self._spool.glob("*-rx.wav") if p.stat().st_mtime < old_enough)

    async def _store(self, name: str, call: EndedCall) -> int:
        rx, tx, mix = (self._spool / f"{name}{end}.wav" for end in ("-rx", "-tx", ""))
        recording = derived_id(call.started_at, str(call.call_id), "recording")
        key = f"{call.tenant_id}/{call.started_at:%Y/%m}/{call.call_id}/{recording}.flac"
        with tempfile.TemporaryDirectory(prefix="m3voip-") as folder:
            target = Path(folder) / "stereo.flac"
            try:
                duration = await asyncio.to_thread(join_stereo, rx, tx, target)
            except (UnreadableAudioError, OSError) as error:
                JOB_FAILURES.labels("recordings").inc()
                log.error("recording.unreadable", name=name, why=str(error), action="look at the file in the spool")
                self._unreadable.add(name)
                return 0
            if duration > 0:
                stored = await self._vault.put(key, target)
                fact = RecordingStored(
                    recording=recording, key=key, sha256=stored.sha256, duration_s=duration, size=stored.size
                )
                await self._calls.append_late(call.call_id, self._clock.now(), fact)
        for path in (rx, tx, mix):
            path.unlink(missing_ok=True)
        JOBS_DONE.labels("recordings").inc()
        return 1
