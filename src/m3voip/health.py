"""What "ready" means: each part the service cannot do without, asked in words an operator understands."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from m3voip.api.deps import Check, Health
from m3voip.core.errors import M3voipError
from m3voip.engine.configuration import ConfigurationKeeper
from m3voip.providers.asterisk.node import AsteriskNode
from m3voip.storage.postgres.pool import Pool
from m3voip.storage.postgres.writer import EventWriter

UNSAVED_LIMIT_S = 5.0
"""Facts that wait longer than this for Postgres are a reason to look."""


class Checks:
    """One method a part."""

    def __init__(
        self, pool: Pool, node: AsteriskNode, writers: Sequence[EventWriter], configuration: ConfigurationKeeper
    ) -> None:
        self._pool = pool
        self._node = node
        self._writers = writers
        self._configuration = configuration

    def all(self) -> Mapping[str, Check]:
        """By the part's name, as /readyz shows them."""
        return {
            "postgres": self.postgres,
            "ari": self.ari,
            "ami": self.ami,
            "facts": self.facts,
            "configuration": self.configuration,
        }

    async def postgres(self) -> Health:
        """Answers a question."""
        try:
            async with self._pool.connection(within=1.0) as db:
                await db.fetchval("select 1")
        except M3voipError as error:
            return Health(ok=False, detail=str(error))
        return Health(ok=True)

    async def ari(self) -> Health:
        """Asterisk takes commands, and what was missed while it was away has been caught up with."""
        return Health(ok=self._node.caught_up, detail="" if self._node.caught_up else "Asterisk is away (ARI)")

    async def ami(self) -> Health:
        """Asterisk tells of queues and phones."""
        return Health(ok=self._node.observed, detail="" if self._node.observed else "Asterisk is away (AMI)")

    async def facts(self) -> Health:
        """Facts reach Postgres."""
        age = max(writer.unsaved_age() for writer in self._writers)
        return Health(ok=age < UNSAVED_LIMIT_S, detail=f"the oldest unsaved fact is {age:.1f} s old" if age else "")

    async def configuration(self) -> Health:
        """New calls can be routed, and Asterisk has what it needs to know."""
        keeper = self._configuration
        if not keeper.ready.is_set():
            return Health(ok=False, detail="the configuration has not been read yet")
        return Health(ok=keeper.in_effect, detail="" if keeper.in_effect else "a change is not in effect yet")
