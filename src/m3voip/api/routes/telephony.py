"""The telephony node: how audio goes through it."""

from __future__ import annotations

from fastapi import APIRouter

from m3voip.api.auth import Guarded, allowed
from m3voip.api.context import Ctx
from m3voip.api.errors import integration_down
from m3voip.api.permissions import Permission
from m3voip.api.schemas.error import guarded
from m3voip.api.schemas.telephony import CodecPair, LiveCodecs, TelephonyCodecs, TranslationCost
from m3voip.core.codecs import Party
from m3voip.core.device import KINDS
from m3voip.core.errors import ProviderError

router = APIRouter(prefix="/v1/tm/telephony", tags=["Telephony"], route_class=Guarded)

_OFFERED = frozenset(codec for kind in KINDS.values() for codec in kind.codecs)


@router.get("/codecs", **allowed(Permission.MANAGE_TELEPHONY, Permission.VIEW_REPORTS), responses=guarded())
async def get_telephony_codecs(ctx: Ctx) -> TelephonyCodecs:
    """Which codecs are spoken with whom at this moment, who transcodes, and what it costs. Your own phones and trunks only."""
    try:
        report = await ctx.deps.codecs.report(ctx.tenant_id)
    except ProviderError as error:
        raise integration_down("Asterisk") from error
    return TelephonyCodecs(
        live=[_shown_live(one) for one in report.live],
        pairs=[CodecPair.model_validate(pair, from_attributes=True) for pair in report.pairs],
        costs=[
            TranslationCost.model_validate({"from": one, "to": other, "cost": cost})
            for (one, other), cost in sorted(report.costs.items())
            if {one, other} <= _OFFERED
        ],
    )


def _shown_live(one: Party) -> LiveCodecs:
    return LiveCodecs.model_validate(
        {
            "party": one.party,
            "codec": one.codec,
            "from": list(one.from_it),
            "to": list(one.to_it),
            "channels": one.channels,
            "transcodes": one.transcodes,
            "cost": one.cost,
        }
    )
