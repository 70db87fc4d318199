"""Bans by the API: shown with their reason to whoever runs the node, lifted with a note of who did it."""

from __future__ import annotations

import os
from datetime import UTC, datetime, timedelta
from uuid import UUID

import pytest

from m3voip.config import DEFAULT_TENANT
from m3voip.core.ids import uuid7
from tests.api.client import Client
from tests.api.conftest import World

pytestmark = pytest.mark.postgres

PATH = "/v1/tm/telephony/bans"


async def banned(world: World, address: str, minutes: float, tenant: UUID = DEFAULT_TENANT) -> UUID:
    """As the engine writes it."""
    made, now = uuid7(datetime.now(UTC), os.urandom(10)), datetime.now(UTC)
    await world.owner.execute(
        "insert into sip_ban (id, tenant_id, source, why, since, until, earlier)"
        " values ($1, $2, $3, 'unknown_names', $4, $5, 2)",
        made, tenant, address, now - timedelta(hours=1), now + timedelta(minutes=minutes),
    )  # fmt: skip
    return made


async def test_bans_are_shown_with_their_reason_and_lifted_by_a_person(
    world: World, mine: Client, theirs: Client
) -> None:
    await world.owner.execute("delete from sip_ban")
    now, over = await banned(world, "203.0.113.7", 5), await banned(world, "203.0.113.8", -5)
    shown = (await mine.get(PATH)).json["items"]
    assert [(ban["id"], ban["source"], ban["why"], ban["earlier"], ban["inForce"]) for ban in shown] == [
        (str(now), "203.0.113.7/32", "unknown_names", 2, True)
    ]
    assert [ban["id"] for ban in (await mine.get(f"{PATH}?inForce=false")).json["items"]] == sorted(
        [str(now), str(over)]
    )
    assert (await theirs.get(PATH)).json["items"] == []
    assert (await theirs.ask("DELETE", f"{PATH}/{now}")).status == 404
    for _ in range(2):
        assert (await mine.ask("DELETE", f"{PATH}/{now}")).status == 204
    assert (await mine.get(PATH)).json["items"] == []
    noted = await world.owner.fetchval("select count(*) from audit where action = 'ban.lift' and object = $1", str(now))
    assert noted == 2


async def test_pages_go_on_where_the_one_before_ended(world: World, mine: Client) -> None:
    await world.owner.execute("delete from sip_ban")
    ids = [str(await banned(world, f"203.0.113.{number}", 5)) for number in range(3)]
    first = (await mine.get(f"{PATH}?limit=2")).json
    rest = (await mine.get(f"{PATH}?limit=2&cursor={first['nextCursor']}")).json
    assert [ban["id"] for ban in (*first["items"], *rest["items"])] == sorted(ids)  # in one millisecond by chance
