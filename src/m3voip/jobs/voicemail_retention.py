"""Removes voicemail messages whose time is over: deleted ones after some days, others after what their box or company says.

What is due is one definition in SQL, which ``GET /v1/tm/voicemails?state=due`` shows as well: that is the dry run.
"""

from __future__ import annotations

import structlog

from m3voip.core.errors import ProviderError
from m3voip.jobs.metrics import JOBS_DONE
from m3voip.ports import RecordingVault, VoicemailStore

log = structlog.get_logger()

BATCH = 100


class VoicemailRetention:
    """``run_once`` removes all that is due."""

    def __init__(self, *, store: VoicemailStore, vault: RecordingVault) -> None:
        self._store = store
        self._vault = vault

    async def run_once(self) -> int:
        """Returns how many messages were removed."""
        done = 0
        while due := await self._store.due(BATCH):
            for voicemail in due:
                done += await self._store.purge(voicemail, self._delete)
        if done:
            JOBS_DONE.labels("voicemail-retention").inc(done)
            log.info("voicemail.purged", messages=done)
        return done

    async def _delete(self, key: str) -> None:
        try:
            await self._vault.delete(key)
        except OSError as error:
            raise ProviderError(f"the vault cannot delete: {error}", retryable=True) from error
