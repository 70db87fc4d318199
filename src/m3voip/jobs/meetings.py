"""Recordings of meetings: from Asterisk's spool into the vault, linked to their meeting.

Law: as for recordings of calls (jobs/recordings.py): a file is deleted only after the vault has read back the same sha256
and its row is in Postgres; what lies in the spool is the work list. A meeting that goes on still writes its file.
"""

from __future__ import annotations

import asyncio
import re
import tempfile
import time
from datetime import UTC, datetime
from pathlib import Path
from uuid import UUID

import structlog

from m3voip.core.ids import derived_id
from m3voip.jobs.audio import UnreadableAudioError, to_flac
from m3voip.jobs.metrics import JOB_FAILURES, JOBS_DONE
from m3voip.ports import Clock, HeldMeeting, MeetingFinder, RecordingVault

log = structlog.get_logger()

_NAME = re.compile(r"conference-c(?P<conference>[0-9a-f]{32})-(?P<begun>[0-9]{1,12})\.wav")
SETTLE_S = 1.0
"""A file that was written to within this time may still be open."""


class MeetingRecordingsJob:
    """Moves finished recordings. ``run_once`` handles whatever lies in the spool."""

    def __init__(self, *, spool: Path, vault: RecordingVault, meetings: MeetingFinder, clock: Clock) -> None:
        self._spool = spool / "monitor"
        self._vault = vault
        self._meetings = meetings
        self._clock = clock
        self._unreadable: set[str] = set()

    async def run_once(self) -> int:
        """Store every finished recording; returns how many."""
        done = 0
        for path in await asyncio.to_thread(self._candidates):
            match = _NAME.fullmatch(path.name)
            if match is None or path.name in self._unreadable:
                continue
            begun = datetime.fromtimestamp(int(match["begun"]), UTC)
            meeting = await self._meetings.of_recording(UUID(match["conference"]), begun)
            if meeting is not None and meeting.ended:
                done += await self._store(path, meeting)
        return done

    def _candidates(self) -> list[Path]:
        old_enough = time.time() - SETTLE_S
        return sorted(p for p in self._spool.glob("conference-*.wav") if p.stat().st_mtime < old_enough)

    async def _store(self, path: Path, meeting: HeldMeeting) -> int:
        recording = derived_id(meeting.started_at, str(meeting.meeting_id), path.name)
        key = f"{meeting.tenant_id}/{meeting.started_at:%Y/%m}/{meeting.meeting_id}/{recording}.flac"
        with tempfile.TemporaryDirectory(prefix="m3voip-") as folder:
            target = Path(folder) / "meeting.flac"
            try:
                duration = await asyncio.to_thread(to_flac, path, target)
            except (UnreadableAudioError, OSError) as error:
                JOB_FAILURES.labels("meeting_recordings").inc()
                log.error(
                    "recording.unreadable", name=path.name, why=str(error), action="look at the file in the spool"
                )
                self._unreadable.add(path.name)
                return 0
            if duration > 0:
                stored = await self._vault.put(key, target)
                await self._meetings.add_recording(recording, meeting, stored, duration, self._clock.now())
        await asyncio.to_thread(path.unlink, missing_ok=True)
        JOBS_DONE.labels("meeting_recordings").inc()
        return 1
