"""Phones' lamps follow what lies in the boxes, whoever changed it. Only what differs from what was last shown is shown."""

from __future__ import annotations

from uuid import UUID

from m3voip.core.office import node_box
from m3voip.ports import Lamps, VoicemailStore


class LampKeeper:
    """``run_once`` brings every lamp to what Postgres says."""

    def __init__(self, *, store: VoicemailStore, lamps: Lamps, default_tenant: UUID) -> None:
        self._store = store
        self._lamps = lamps
        self._default_tenant = default_tenant
        self._shown: dict[str, tuple[int, int]] = {}

    def forget(self) -> None:
        """What the phones show is not known (the telephony node was away)."""
        self._shown.clear()

    async def run_once(self) -> int:
        """Returns how many lamps were set. Raises ProviderError while the node is away; the next round goes on."""
        counts = {
            node_box(one.tenant_id, self._default_tenant, one.box): (one.new, one.old)
            for one in await self._store.counts()
        }
        gone = {box: (0, 0) for box in self._shown if box not in counts}
        done = 0
        for box, (new, old) in {**counts, **gone}.items():
            if self._shown.get(box) != (new, old):
                await self._lamps.show(box, new, old)
                self._shown[box] = (new, old)
                done += 1
        for box in gone:
            del self._shown[box]
        return done
