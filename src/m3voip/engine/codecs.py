"""The report of codecs, for one tenant: its live channels and its kinds of phones. Nothing in it names anybody."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Protocol
from uuid import UUID

from m3voip.core.codecs import TRUNK, ChannelFormats, CodecReport, Costs, live, pairs
from m3voip.core.office import Office, node_name


class CodecSource(Protocol):
    """What the telephony node tells of codecs. Both raise ProviderError while it is away."""

    async def channel_formats(self) -> Sequence[ChannelFormats]:
        """Every channel's."""
        ...

    async def translation_costs(self) -> Costs:
        """Its table."""
        ...


class Codecs:
    """Makes the report. ``update`` keeps whose devices there are."""

    def __init__(self, *, source: CodecSource, default_tenant: UUID) -> None:
        self._source = source
        self._default_tenant = default_tenant
        self._parties: dict[str, tuple[UUID, str]] = {}

    async def update(self, office: Office) -> None:
        """A new reading of the configuration."""
        trunks = {
            f"{TRUNK}-{node_name(t.tenant_id, self._default_tenant, t.name)}": (t.tenant_id, TRUNK)
            for t in office.trunks
        }
        self._parties = {**{a.endpoint: (a.tenant_id, a.phone_kind) for a in office.agents}, **trunks}

    async def report(self, tenant_id: UUID) -> CodecReport:
        """Now. Raises ProviderError while the node is away."""
        costs = await self._source.translation_costs()
        mine = {device: party for device, (owner, party) in self._parties.items() if owner == tenant_id}
        channels = [(mine[one.device], one) for one in await self._source.channel_formats() if one.device in mine]
        return CodecReport(live=live(channels, costs), pairs=pairs(mine.values(), costs), costs=costs)
