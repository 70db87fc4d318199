"""What people said about calls, by the API or by phone, becomes facts of those calls.

Law: a remark waits in Postgres until its fact is written down: by the call's owner while the call lives, behind its end
afterwards. It is told again after a crash in between, and recognised by its id, so there is one fact for each.
"""

from __future__ import annotations

from collections.abc import Callable
from uuid import UUID

from m3voip.core.events import Remarked
from m3voip.jobs.metrics import JOBS_DONE
from m3voip.ports import CallStore, RemarkStore

BATCH = 500


class Remarks:
    """Tells. ``live`` is the calls' owner: False when it does not have the call (any more)."""

    def __init__(self, *, store: RemarkStore, calls: CallStore, live: Callable[[UUID, Remarked], bool]) -> None:
        self._store = store
        self._calls = calls
        self._live = live

    async def run_once(self) -> int:
        """Make facts of what waits; returns of how many. A call that has just ended, and whose end is not in Postgres yet,
        has its turn in the next round."""
        done = 0
        later: set[UUID] = set()
        for one in await self._store.waiting(BATCH):
            if one.call_id in later:
                continue
            told = self._live(one.call_id, Remarked(at=one.at, remark=one.remark))
            if not told and await self._calls.append_late(one.call_id, one.at, one.remark) is None:
                later.add(one.call_id)
                continue
            await self._store.told(one.id)
            JOBS_DONE.labels("remarks").inc()
            done += 1
        return done
