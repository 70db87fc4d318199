"""Routes by the API: checked when they come in, versioned, explained to whoever asks."""

from __future__ import annotations

from typing import Any
from uuid import UUID, uuid4

import pytest

from m3voip.api.schemas.route import NewRoute
from tests.api.client import Client
from tests.api.conftest import World
from tests.api.test_setup import GOOD_TREE, agent, did, listed, mailbox, queue, route, unique

pytestmark = pytest.mark.postgres

CRM = {"path": "/v1/callers/lookup", "extract": {"vip": "data.vip"}}


async def office(client: Client) -> dict[str, Any]:
    """One of each thing that a route can lead to."""
    tree = await client.made("/v1/tm/ivr-trees", {"name": unique("name"), "source": GOOD_TREE})
    return {
        "treeId": tree["id"], "queueId": (await queue(client))["id"], "mailboxId": (await mailbox(client))["id"],
        "agentId": (await agent(client))["id"],
    }  # fmt: skip


async def test_a_route_comes_back_as_it_was_sent_with_what_was_left_out(mine: Client) -> None:
    there = await office(mine)
    sent = {
        "timezone": "America/New_York", "holidays": ["US-MA"], "closedDates": ["2026-12-24"], "crm": CRM,
        "rules": [
            {"name": "vip", "when": {"crm": {"vip": "true"}, "week": {"mon-fri": ["09:00-12:00", "13:00-17:00"]}},
             "set": {"priority": 9}, "preferred": {"lastAgentDays": 30, "ringSec": 12}, "to": {"queueId": there["queueId"]}},
            {"name": "trial", "split": [{"percent": 40, "to": {"treeId": there["treeId"]}},
                                        {"percent": 60, "to": {"agentId": there["agentId"]}}]},
        ],
        "otherwise": {"mailboxId": there["mailboxId"]},
    }  # fmt: skip
    made = await route(mine, **sent)
    assert made["version"] == 1
    assert made["closedDates"] == ["2026-12-24"]
    vip, trial = made["rules"]
    assert vip["when"]["week"] == {"mon-fri": ["09:00-12:00", "13:00-17:00"]}
    assert (vip["when"]["holiday"], vip["preferred"]["ringSec"], vip["set"]["priority"]) == (None, 12, 9)
    assert [branch["percent"] for branch in trial["split"]] == [40, 60]
    assert made["crm"]["timeoutMs"] == 300
    assert (await mine.get(f"/v1/tm/routes/{made['id']}")).json == made
    assert made in await mine.all("/v1/tm/routes", limit="200")
    again = {name: made[name] for name in (*sent, "crm")}
    assert (await mine.ask("PUT", f"/v1/tm/routes/{made['id']}", again)).json == made, "what was answered can be sent"


async def test_a_change_is_a_new_version_and_the_old_ones_can_be_read(world: World, mine: Client) -> None:
    there = await office(mine)
    made = await route(mine, otherwise={"queueId": there["queueId"]})
    path = f"/v1/tm/routes/{made['id']}"
    changed = (await mine.ask("PUT", path, {"otherwise": {"treeId": there["treeId"]}})).json
    assert (changed["version"], changed["otherwise"]["treeId"], changed["otherwise"]["queueId"]) == (
        2,
        there["treeId"],
        None,
    )
    versions = await mine.all(f"{path}/versions", limit="1")
    assert [(one["version"], one["otherwise"]["queueId"]) for one in versions] == [(2, None), (1, there["queueId"])]
    actions = await world.owner.fetch("SELECT action FROM audit WHERE object = $1 ORDER BY id", made["id"])
    assert [row["action"] for row in actions] == ["route.create", "route.change"]


async def test_what_a_route_needs_stays_as_long_as_it_does(mine: Client) -> None:
    there = await office(mine)
    made = await route(mine, otherwise={"queueId": there["queueId"]})
    answer = await mine.ask("DELETE", f"/v1/tm/queues/{there['queueId']}")
    assert (answer.code, "used by route" in answer.json["error"]["message"]) == ("CONFLICT", True)
    number = await did(mine, routeId=made["id"])
    assert (await mine.ask("DELETE", f"/v1/tm/routes/{made['id']}")).code == "CONFLICT"
    moved = (await mine.ask("PATCH", f"/v1/tm/dids/{number['id']}", {"queueId": there["queueId"]})).json
    assert (moved["routeId"], moved["queueId"]) == (None, there["queueId"])
    back = (await mine.ask("PATCH", f"/v1/tm/dids/{number['id']}", {"routeId": made["id"]})).json
    assert (back["routeId"], back["queueId"]) == (made["id"], None)
    both = await mine.ask("PATCH", f"/v1/tm/dids/{number['id']}", {"routeId": made["id"], "queueId": there["queueId"]})
    assert both.status == 422
    assert (await mine.ask("DELETE", f"/v1/tm/dids/{number['id']}")).status == 204
    assert (await mine.ask("DELETE", f"/v1/tm/routes/{made['id']}")).status == 204
    assert (await mine.ask("DELETE", f"/v1/tm/queues/{there['queueId']}")).status == 204


async def test_every_fault_is_named_with_its_field_and_nothing_is_stored(mine: Client, theirs: Client) -> None:
    foreign, name = await queue(theirs), unique("name")
    body = {
        "name": name, "timezone": "Mars/Olympus", "holidays": ["US", "US-MA"],
        "rules": [
            {"name": "a", "when": {"crm": {"vip": "true"}}, "to": {"queueId": foreign["id"]}},
            {"name": "b", "split": [{"percent": 50, "to": {"queueId": str(uuid4())}}, {"percent": 49, "to": {"reject": True}}]},
            {"name": "c", "to": {"reject": True}},
        ],
        "otherwise": {},
    }  # fmt: skip
    answer = await mine.ask("POST", "/v1/tm/routes", body)
    assert (answer.status, answer.code) == (422, "VALIDATION_FAILED")
    assert set(answer.paths) == {
        "timezone", "holidays.1", "otherwise", "rules.0.to.queueId", "rules.0.when.crm", "rules.1.split",
        "rules.1.split.0.to.queueId", "rules.2",
    }  # fmt: skip
    assert name not in [row["name"] for row in await mine.all("/v1/tm/routes", limit="200")]


async def test_a_route_is_made_once_although_the_request_came_twice(mine: Client) -> None:
    body, key = {"name": unique("name"), "otherwise": {"reject": True}}, str(uuid4())
    first = await mine.ask("POST", "/v1/tm/routes", body, headers={"Idempotency-Key": key})
    again = await mine.ask("POST", "/v1/tm/routes", body, headers={"Idempotency-Key": key})
    assert (first.status, again.status, again.json, again.headers["Idempotency-Replayed"]) == (
        201,
        201,
        first.json,
        "true",
    )


async def test_the_operator_is_told_which_rule_holds_for_a_call_and_why(mine: Client) -> None:
    there = await office(mine)
    caller = unique("number")
    await listed(mine, number=caller, list="press", language="de", until="2030-01-01T00:00:00Z")
    made = await route(
        mine,
        timezone="Europe/Berlin", holidays=["DE-BY"], crm=CRM, otherwise={"treeId": there["treeId"]},
        rules=[
            {"name": "holiday", "when": {"holiday": True}, "to": {"mailboxId": there["mailboxId"]}},
            {"name": "press", "when": {"lists": ["press"], "languages": ["de"]}, "set": {"priority": 5},
             "to": {"queueId": there["queueId"]}},
            {"name": "vip", "when": {"crm": {"vip": "true"}}, "preferred": {"lastAgentDays": 7},
             "to": {"queueId": there["queueId"]}},
        ],
    )  # fmt: skip
    path = f"/v1/tm/routes/{made['id']}/explain"
    tuesday = "2026-11-24T10:00:00Z"
    told = (await mine.ask("POST", path, {"caller": caller, "at": tuesday})).json
    assert (told["rule"], told["why"]) == ("press", "the caller is on the list press; the language is de")
    assert (told["target"]["queueId"], told["priority"], told["language"]) == (there["queueId"], 5, "de")
    assert [(look["rule"], look["holds"]) for look in told["looks"]] == [("holiday", False), ("press", True)]
    later = (
        await mine.ask("POST", path, {"caller": caller, "at": "2031-11-25T10:00:00Z", "crm": {"vip": "true"}})
    ).json
    assert (later["rule"], later["preferred"]["lastAgentDays"]) == ("vip", 7)
    silent = (await mine.ask("POST", path, {"at": tuesday})).json
    assert (silent["rule"], silent["target"]["treeId"]) == ("", there["treeId"])
    assert silent["looks"][-1]["why"] == "the CRM gave no answer in time"
    feast = (await mine.ask("POST", path, {"caller": caller, "at": "2026-12-25T10:00:00Z"})).json
    assert feast["rule"] == "holiday"
    assert (await mine.ask("POST", path, {"caller": "12", "at": tuesday})).paths == ["caller"]


async def test_a_listed_caller_is_changed_and_taken_off(mine: Client) -> None:
    made = await listed(mine, note="board member")
    assert (made["list"], made["language"], made["until"]) == ("vip", None, None)
    await listed(mine, number=made["number"], list="press")
    path = f"/v1/tm/listed-callers/{made['id']}"
    changed = (await mine.ask("PATCH", path, {"language": "fr", "until": "2027-01-01T00:00:00Z"})).json
    assert (changed["language"], changed["note"]) == ("fr", "board member")
    assert (await mine.ask("PATCH", path, {"list": "press"})).code == "CONFLICT"
    assert (await mine.ask("PATCH", path, {"language": None})).json["language"] is None
    assert (await mine.ask("DELETE", path)).status == 204


async def test_the_documented_example_is_a_good_route_but_for_its_ids(mine: Client) -> None:
    there = await office(mine)
    (example,) = NewRoute.model_json_schema()["examples"]
    known = {
        place: there[kind] for kind, place in (("treeId", _id(example, "treeId")), ("queueId", _id(example, "queueId")))
    }
    made = await mine.made("/v1/tm/routes", {**_replaced(example, known), "name": unique("name")})
    assert UUID(made["id"])


def _id(node: Any, kind: str) -> str:
    if isinstance(node, dict):
        return (
            str(node[kind]) if kind in node else next(filter(None, (_id(value, kind) for value in node.values())), "")
        )
    return next(filter(None, (_id(value, kind) for value in node)), "") if isinstance(node, list) else ""


def _replaced(node: Any, known: dict[str, str]) -> Any:
    if isinstance(node, dict):
        return {name: _replaced(value, known) for name, value in node.items()}
    if isinstance(node, list):
        return [_replaced(value, known) for value in node]
    return known.get(node, node) if isinstance(node, str) else node
