"""Voicemail: each message of app_voicemail's spool is copied into the vault and linked to its call.

The message itself stays in its mailbox, where the phone's lamp (MWI) and ``*97`` need it. Its text file carries the call's
id as ``category`` (the dialplan's ``VM_CATEGORY``).
"""

from __future__ import annotations

import asyncio
import re
import tempfile
import time
from pathlib import Path
from uuid import UUID

import structlog
from msgspec import Struct

from m3voip.core.facts import VoicemailStored
from m3voip.core.ids import derived_id
from m3voip.jobs.audio import UnreadableAudioError, to_flac
from m3voip.jobs.metrics import JOB_FAILURES, JOBS_DONE
from m3voip.ports import CallFinder, CallStore, Clock, RecordingVault

log = structlog.get_logger()

_UUID = re.compile(r"[0-9a-f]{8}-[0-9a-f-]{27}")
_FLOOR = re.compile(r"floor-([0-9.]+)")
SETTLE_S = 1.0


class Message(Struct, frozen=True, kw_only=True):
    """One message as app_voicemail describes it in ``msgNNNN.txt``."""

    message_id: str
    category: str
    box: str
    audio: Path


def read_message(text_file: Path) -> Message | None:
    """Parse a message's text file; None while it is incomplete."""
    values: dict[str, str] = {}
    for line in text_file.read_text(errors="replace").splitlines():
        key, separator, value = line.partition("=")
        if separator:
            values[key.strip()] = value.strip()
    audio = text_file.with_suffix(".wav")
    if not values.get("msg_id") or not audio.exists():
        return None
    # …/voicemail/<context>/<box>/<folder>/msgNNNN.txt
    return Message(
        message_id=values["msg_id"], category=values.get("category", ""), box=text_file.parts[-3], audio=audio
    )


class VoicemailJob:
    """Copies new messages. ``run_once`` handles whatever lies in the spool; what is done is remembered by message id."""

    def __init__(
        self, *, spool: Path, vault: RecordingVault, calls: CallStore, finder: CallFinder, clock: Clock
    ) -> None:
        self._spool = spool / "voicemail"
        self._vault = vault
        self._calls = calls
        self._finder = finder
        self._clock = clock
        self._seen: set[str] = set()

    async def run_once(self) -> int:
        """Store every new message; returns how many."""
        done = 0
        for path in await asyncio.to_thread(self._candidates):
            message = await asyncio.to_thread(read_message, path)
            if message is None or message.message_id in self._seen:
                continue
            if await self._store(message):
                self._seen.add(message.message_id)
                done += 1
        return done

    def _candidates(self) -> list[Path]:
        old_enough = time.time() - SETTLE_S
        return sorted(p for p in self._spool.glob("*/*/*/msg*.txt") if p.stat().st_mtime < old_enough)

    async def _store(self, message: Message) -> bool:
        floor = _FLOOR.fullmatch(message.category)
        call_id = UUID(message.category) if _UUID.fullmatch(message.category) else None
        call = await self._finder.find(call_id=call_id, leg=floor[1] if floor else "")
        if call is None or not call.ended:
            return False
        voicemail = derived_id(call.started_at, str(call.call_id), message.message_id)
        key = f"{call.tenant_id}/{call.started_at:%Y/%m}/{call.call_id}/{voicemail}.flac"
        with tempfile.TemporaryDirectory(prefix="m3voip-") as folder:
            target = Path(folder) / "message.flac"
            try:
                duration = await asyncio.to_thread(to_flac, message.audio, target)
            except (UnreadableAudioError, OSError) as error:
                JOB_FAILURES.labels("voicemail").inc()
                log.error("voicemail.unreadable", message=message.message_id, why=str(error))
                return True
            stored = await self._vault.put(key, target)
        fact = VoicemailStored(
            voicemail=voicemail,
            box=message.box,
            message_id=message.message_id,
            key=key,
            sha256=stored.sha256,
            duration_s=duration,
            size=stored.size,
        )
        await self._calls.append_late(call.call_id, self._clock.now(), fact)
        JOBS_DONE.labels("voicemail").inc()
        return True
