"""Notes and dispositions by the API: what is kept, what is shown, what is refused by field. By phone: tests/stories."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from typing import Any
from uuid import UUID

import orjson
import pytest

from m3voip.core import agent_state as a
from tests.api import fakes
from tests.api.client import Client
from tests.api.conftest import World
from tests.api.stories import ended, started, to_agent
from tests.api.test_calls import a_call
from tests.api.test_setup import agent, unique

pytestmark = pytest.mark.postgres

TOMORROW = (datetime.now(UTC) + timedelta(days=1)).isoformat()


async def own_code(client: Client, **more: Any) -> Any:
    body = {"code": f"OWN_{unique('box')}", "mapsTo": "INTERESTED", **more}
    return await client.made("/v1/tm/dispositions", body)


async def remarks(world: World, call: UUID) -> list[dict[str, Any]]:
    rows = await world.owner.fetch("SELECT fact::text FROM call_remark WHERE call_id = $1 ORDER BY n", call)
    return [orjson.loads(row["fact"]) for row in rows]


async def test_notes_are_added_during_and_after_a_call_and_never_changed(world: World, mine: Client) -> None:
    for facts in (to_agent(), (*to_agent(), *ended())):
        call = await a_call(world, started(), *facts)
        path = f"/v1/tm/calls/{call}"
        made = [await mine.made(f"{path}/notes", {"text": text}) for text in ("first\nline", "second")]
        shown = (await mine.get(path)).json["callNotes"]
        assert shown == made
        assert [note["text"] for note in shown] == ["first\nline", "second"]
        told = await remarks(world, call)
        assert [(one["kind"], one["note"]) for one in told] == [("call.noted", note["id"]) for note in made]
        assert "first" not in str(told)
    again = {"Idempotency-Key": unique("name")}
    answers = [await mine.ask("POST", f"{path}/notes", {"text": "third"}, headers=again) for _ in range(2)]
    assert answers[0].json == answers[1].json
    assert len((await mine.get(path)).json["callNotes"]) == 3


async def test_a_disposition_is_shown_filtered_by_and_replaced_with_its_history_kept(
    world: World, mine: Client
) -> None:
    queue = unique("name")
    call, other = [await a_call(world, started(), *to_agent(queue=queue), *ended()) for _ in range(2)]
    path = f"/v1/tm/calls/{call}"
    assert (await mine.get(path)).json["outcomeCode"] is None
    code = await own_code(mine)
    first = await mine.made(f"{path}/disposition", {"outcomeCode": "CALLBACK", "nextAttemptAt": TOMORROW})
    second = await mine.made(f"{path}/disposition", {"outcomeCode": code["code"], "notes": "liked it"})
    await mine.made(f"/v1/tm/calls/{other}/disposition", {"outcomeCode": "DNC_REQUEST"})
    shown = (await mine.get(path)).json
    assert (shown["outcomeCode"], shown["outcomeMapsTo"], shown["notes"]) == (code["code"], "INTERESTED", "liked it")
    assert [one["id"] for one in shown["dispositions"]] == [second["id"], first["id"]]
    assert [one["replacedAt"] is None for one in shown["dispositions"]] == [True, False]
    for outcome, found in ((code["code"], call), ("INTERESTED", call), ("DO_NOT_CALL", other), ("CALLBACK", None)):
        listed = (await mine.get("/v1/tm/calls", queue=queue, outcome=outcome)).json["items"]
        assert [(one["id"], one["outcomeCode"] is None) for one in listed] == ([(str(found), False)] if found else [])
    told = await remarks(world, call)
    assert [(one["code"], one["maps_to"]) for one in told] == [("CALLBACK", "CALLBACK"), (code["code"], "INTERESTED")]


async def test_what_a_code_demands_is_asked_for_by_field(world: World, mine: Client) -> None:
    call = await a_call(world, started(), *to_agent(), *ended())
    strict = await own_code(mine, required=["notes"])
    retired = await own_code(mine, active=False)
    past = (datetime.now(UTC) - timedelta(hours=1)).isoformat()
    for body, field in (
        ({"outcomeCode": "CALLBACK"}, "nextAttemptAt"),
        ({"outcomeCode": "CALLBACK", "nextAttemptAt": past}, "nextAttemptAt"),
        ({"outcomeCode": strict["code"], "notes": " "}, "notes"),
        ({"outcomeCode": retired["code"]}, "outcomeCode"),
        ({"outcomeCode": "NOT_A_CODE"}, "outcomeCode"),
        ({"outcomeCode": "busy"}, "outcomeCode"),
        ({"outcomeCode": "BUSY", "notes": "\x07"}, "notes"),
    ):
        answer = await mine.ask("POST", f"/v1/tm/calls/{call}/disposition", body)
        assert (answer.status, answer.paths) == (422, [field]), body
    assert (await mine.get(f"/v1/tm/calls/{call}")).json["dispositions"] == []
    assert await remarks(world, call) == []


async def test_codes_are_the_contracts_and_the_tenants_own(mine: Client, theirs: Client) -> None:
    standard = [one for one in (await mine.get("/v1/tm/dispositions", limit="200")).json["items"] if one["standard"]]
    assert [(one["code"], one["number"]) for one in standard][:3] == [("ANSWERED", 1), ("NO_ANSWER", 2), ("BUSY", 3)]
    assert {one["code"]: one["mapsTo"] for one in standard if one["code"] != one["mapsTo"]} == {
        "QUALIFIED": "INTERESTED", "SALE": "INTERESTED", "DNC_REQUEST": "DO_NOT_CALL",
    }  # fmt: skip
    assert len((await theirs.get("/v1/tm/dispositions", limit="200")).json["items"]) >= len(standard) == 13
    own = await own_code(mine, number=77)
    path = f"/v1/tm/dispositions/{own['id']}"
    changed = (await mine.ask("PATCH", path, {"required": ["nextAttemptAt"], "number": None, "active": False})).json
    assert (changed["required"], changed["number"], changed["active"]) == (["nextAttemptAt"], None, False)
    assert (await mine.get(path)).json == changed
    assert (await mine.ask("PATCH", path, {"code": "OTHER"})).paths == ["code"]
    taken = await mine.ask("POST", "/v1/tm/dispositions", {"code": "BUSY", "mapsTo": "BUSY"})
    assert (taken.status, taken.paths) == (409, ["code"])
    taken = await mine.ask("POST", "/v1/tm/dispositions", {"code": f"B{unique('box')}", "mapsTo": "BUSY", "number": 3})
    assert (taken.status, taken.paths) == (409, ["number"])
    assert (await theirs.get(path)).status == 404


async def test_the_wrap_up_ends_only_if_asked_and_only_of_this_call(world: World, mine: Client) -> None:
    person = await agent(mine)
    call = await a_call(world, started(), *to_agent(person["extension"]), *ended())
    path, body = f"/v1/tm/calls/{call}/disposition", {"outcomeCode": "SALE"}
    wrapping = fakes.Agent(state="wrap_up", call_id=call)
    for now, end, asked in (
        (wrapping, False, 0),
        (fakes.Agent(state="wrap_up", call_id=UUID(int=1)), True, 0),
        (fakes.Agent(state="on_call", call_id=call), True, 0),
        (wrapping, True, 1),
    ):
        world.live.agents[mine.tenant, person["extension"]] = now
        before = len(world.desk.asked)
        assert (await mine.made(path, {**body, "endWrapUp": end}))["agentId"] == person["id"]
        new = world.desk.asked[before:]
        assert [(str(who), type(what)) for who, what in new] == [(person["id"], a.WrapUpEndAsked)] * asked
