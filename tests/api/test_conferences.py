"""Conferences by the API: made and changed without showing a PIN, who is in one, orders to them, and meetings."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from itertools import count
from typing import Any
from uuid import UUID, uuid4

import pytest

from m3voip.config import DEFAULT_TENANT
from m3voip.core.conference import Party, Roster, pin_digest
from tests.api.client import Client
from tests.api.conftest import World

pytestmark = pytest.mark.postgres

_numbers = count(70_000)
T0 = datetime(2026, 11, 25, 10, 0, tzinfo=UTC)


async def conference(client: Client, **more: Any) -> Any:
    return await client.made("/v1/tm/conferences", {"number": str(next(_numbers)), **more})


async def meeting(world: World, tenant: UUID, meeting_id: UUID, conference_id: UUID, *, open_: bool = False) -> None:
    """A meeting with one party and one recording, as the engine would write it."""
    ended = None if open_ else T0 + timedelta(minutes=5)
    await world.owner.execute(
        "INSERT INTO meeting (id, tenant_id, conference_id, number, name, started_at, ended_at, parties)"
        " VALUES ($1, $2, $3, '800', 'Daily', $4, $5, 1)",
        meeting_id, tenant, conference_id, T0, ended,
    )  # fmt: skip
    await world.owner.execute(
        "INSERT INTO meeting_party (meeting_id, seq, tenant_id, leg, number, joined_at, left_at)"
        " VALUES ($1, 1, $2, $3, '15550109999', $4, $5)",
        meeting_id, tenant, f"p-{meeting_id}", T0, ended,
    )  # fmt: skip
    await world.owner.execute(
        "INSERT INTO recording (id, tenant_id, meeting_id, key, sha256, duration_s, size, stored_at)"
        " VALUES ($1, $2, $3, 'x/m.flac', $4, 3, 9, $5)",
        uuid4(), tenant, meeting_id, "ab" * 32, T0,
    )  # fmt: skip


def party(leg: str, **more: Any) -> Party:
    return Party(**{"leg": leg, "channel": f"PJSIP/{leg}", "number": "101", "moderator": False, "muted": False,
                    "waiting": False, **more})  # fmt: skip


async def test_a_conference_is_made_changed_and_deleted_and_its_pins_are_never_shown(
    world: World, mine: Client
) -> None:
    made = await conference(mine, name="Daily", pin="2468", moderatorPin="135791", maxParties=5, record="on_demand")
    path = f"/v1/tm/conferences/{made['id']}"
    assert (made["hasPin"], made["hasModeratorPin"], made["maxParties"], made["announce"]) == (True, True, 5, True)
    assert not {"pin", "moderatorPin"} & set(made)
    stored = await world.owner.fetchval(
        "SELECT row_to_json(conference)::text FROM conference WHERE id = $1", made["id"]
    )
    assert "2468" not in stored
    assert pin_digest(UUID(made["id"]), "2468") in stored
    changed = (await mine.ask("PATCH", path, {"pin": "", "waitForModerator": True})).json
    assert (changed["hasPin"], changed["waitForModerator"], changed["name"]) == (False, True, "Daily")
    assert (await mine.get(path)).json == changed
    assert made["id"] in [row["id"] for row in await mine.all("/v1/tm/conferences", limit="200")]
    assert (await mine.ask("DELETE", path)).status == 204
    assert (await mine.get(path)).status == 404


@pytest.mark.parametrize(
    ("body", "path"),
    [
        ({"pin": "123"}, "pin"),
        ({"pin": "12ab"}, "pin"),
        ({"moderatorPin": "12345678901"}, "moderatorPin"),
        ({"maxParties": 1}, "maxParties"),
        ({"record": "sometimes"}, "record"),
        ({"number": "8"}, "number"),
        ({"music": "../etc"}, "music"),
        ({"room": "x"}, "room"),
        ({"waitForModerator": True}, "body"),
        ({"pin": "2468", "moderatorPin": "2468"}, "body"),
    ],
)
async def test_what_cannot_be_is_refused_by_the_name_of_its_field(mine: Client, body: Any, path: str) -> None:
    answer = await mine.ask("POST", "/v1/tm/conferences", {"number": str(next(_numbers)), **body})
    assert (answer.status, answer.paths) == (422, [path])


async def test_a_change_that_leaves_a_conference_nobody_could_begin_is_refused(mine: Client) -> None:
    made = await conference(mine, pin="2468")
    path = f"/v1/tm/conferences/{made['id']}"
    for change in ({"lockedAtStart": True}, {"moderatorPin": "2468"}):
        answer = await mine.ask("PATCH", path, change)
        assert (answer.status, answer.paths) == (422, ["moderatorPin"])


async def test_a_number_is_an_agent_s_or_a_conference_s(mine: Client, theirs: Client) -> None:
    number = str(next(_numbers))
    made = await conference(mine, number=number)
    again = await mine.ask("POST", "/v1/tm/conferences", {"number": number})
    assert (again.code, again.paths) == ("CONFLICT", ["number"])
    person = {"extension": number, "displayName": "Ann"}
    taken = await mine.ask("POST", "/v1/tm/agents", person)
    assert (taken.code, taken.paths) == ("CONFLICT", ["extension"])
    await theirs.made("/v1/tm/agents", person)  # another company's numbers are its own
    await mine.ask("DELETE", f"/v1/tm/conferences/{made['id']}")
    await mine.made("/v1/tm/agents", person)
    back = await mine.ask("POST", "/v1/tm/conferences", {"number": number})
    assert (back.code, back.paths) == ("CONFLICT", ["number"])


async def test_the_roster_joins_what_asterisk_says_with_what_is_written_down(world: World, mine: Client) -> None:
    made, held = await conference(mine), uuid4()
    path = f"/v1/tm/conferences/{made['id']}"
    assert (await mine.get(f"{path}/roster")).json == {
        "meetingId": None, "locked": False, "recording": False, "parties": [],
    }  # fmt: skip
    await meeting(world, DEFAULT_TENANT, held, UUID(made["id"]), open_=True)
    known, fresh = party(f"p-{held}", number="15550109999", muted=True), party("1.2", moderator=True)
    world.conferences.rosters[UUID(made["id"])] = Roster(locked=True, parties=(known, fresh))
    now = (await mine.get(f"{path}/roster")).json
    assert (now["meetingId"], now["locked"]) == (str(held), True)
    assert [(one["number"], one["muted"], one["moderator"], one["joinedAt"]) for one in now["parties"]] == [
        ("+15550109999", True, False, "2026-11-25T10:00:00Z"), ("101", False, True, None),
    ]  # fmt: skip
    world.conferences.away = True
    assert (await mine.get(f"{path}/roster")).code == "INTEGRATION_DOWN"


async def test_orders_reach_asterisk_once_and_are_written_down(world: World, mine: Client) -> None:
    made = await conference(mine, record="on_demand")
    conference_id, path = UUID(made["id"]), f"/v1/tm/conferences/{made['id']}"
    world.conferences.orders.clear()
    assert (await mine.ask("POST", f"{path}/mute")).code == "CONFLICT"  # nobody is in it
    world.conferences.rosters[conference_id] = Roster(locked=False, parties=(party("1.2"),))
    wanted = {
        "mute": ("mute", "", True), "unmute": ("mute", "", False), "lock": ("lock", "", True),
        "unlock": ("lock", "", False), "recording/start": ("record", "", True), "recording/stop": ("record", "", False),
        "parties/1.2/mute": ("mute", "1.2", True), "parties/1.2/unmute": ("mute", "1.2", False),
        "parties/1.2/kick": ("kick", "1.2", True), "end": ("kick", "", True),
    }  # fmt: skip
    for order, (what, leg, on) in wanted.items():
        assert (await mine.ask("POST", f"{path}/{order}")).json == {"ok": True}
        assert world.conferences.orders[-1] == (what, conference_id, leg, on), order
    assert (await mine.ask("POST", f"{path}/parties/9.9/kick")).status == 404
    noted = await world.owner.fetch(
        "SELECT action FROM audit WHERE object LIKE $1 || '%' AND action <> 'conference.create' ORDER BY id", made["id"]
    )
    assert [row["action"].removeprefix("conference.") for row in noted] == ["mute", *(
        order.rpartition("parties/1.2/")[2].replace("/", "_") for order in wanted
    )]  # fmt: skip
    never = await conference(mine)
    refused = await mine.ask("POST", f"/v1/tm/conferences/{never['id']}/recording/start")
    assert (refused.code, refused.paths) == ("CONFLICT", ["record"])


async def test_meetings_are_listed_newest_first_with_stays_and_recordings(world: World, mine: Client) -> None:
    made = await conference(mine)
    held = sorted(uuid4() for _ in range(3))
    for one in held:
        await meeting(world, DEFAULT_TENANT, one, UUID(made["id"]))
    listed = await mine.all("/v1/tm/meetings", conference=made["id"], limit="2")
    assert [row["id"] for row in listed] == [str(one) for one in reversed(held)]
    whole = (await mine.get(f"/v1/tm/meetings/{held[0]}")).json
    assert [(stay["number"], stay["leftAt"]) for stay in whole["stays"]] == [("+15550109999", "2026-11-25T10:05:00Z")]
    (recording,) = whole["recordings"]
    assert recording["mediaType"] == "audio/flac"
    link = await mine.ask("POST", f"/v1/tm/recordings/{recording['id']}/link")
    assert link.status == 200
