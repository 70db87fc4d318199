"""The telephony node: how audio goes through it, and whose SIP it refuses."""

from __future__ import annotations

from typing import Annotated, Any

from fastapi import APIRouter, Query

from m3voip.api.auth import Guarded, allowed
from m3voip.api.context import Ctx
from m3voip.api.crud import note
from m3voip.api.errors import Code, integration_down
from m3voip.api.fields import fields
from m3voip.api.ids import BanId
from m3voip.api.paging import Pages, cut
from m3voip.api.permissions import Permission
from m3voip.api.schemas.ban import Ban, BanPage
from m3voip.api.schemas.error import guarded
from m3voip.api.schemas.telephony import CodecPair, LiveCodecs, TelephonyCodecs, TranslationCost
from m3voip.core.codecs import Party
from m3voip.core.device import KINDS
from m3voip.core.errors import ProviderError
from m3voip.storage.postgres.admin import bans
from m3voip.storage.postgres.admin.bans import BanRow

router = APIRouter(prefix="/v1/tm/telephony", tags=["Telephony"], route_class=Guarded)

_MANAGE: dict[str, Any] = allowed(Permission.MANAGE_TELEPHONY)
_BANS = "bans"
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


@router.get("/bans", **_MANAGE, responses=guarded())
async def list_bans(
    ctx: Ctx,
    paging: Pages,
    in_force: Annotated[
        bool,
        Query(alias="inForce", description="false: also those that are over, of the last 90 days", examples=[True]),
    ] = True,
) -> BanPage:
    """Addresses that may not talk SIP to us for a while, because somebody there guesses names or secrets. Shown to whoever runs
    the telephony node; others see none."""
    async with ctx.work() as db:
        after = ctx.after(_BANS, paging)
        rows, last = cut(await bans.page(db, ctx.tenant_id, after, paging.limit, in_force=in_force), paging.limit, _id)
    return BanPage(items=[_shown_ban(row) for row in rows], next_cursor=ctx.next_cursor(_BANS, last))


@router.delete("/bans/{banId}", status_code=204, **_MANAGE, responses=guarded(Code.NOT_FOUND))
async def lift_ban(ctx: Ctx, ban_id: BanId) -> None:
    """Let an address in again, in effect within a second. It does not count when the address is banned again."""
    async with ctx.work() as db:
        await bans.lift(db, ctx.tenant_id, ban_id)
        await note(ctx, db, "ban.lift", ban_id)


def _id(row: BanRow) -> str:
    return str(row.id)


def _shown_ban(row: BanRow) -> Ban:
    return Ban(**{**fields(row), "source": str(row.source)})


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
