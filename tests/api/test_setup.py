"""Configuration by the API: made, read, changed, deleted; what is refused says which field and what to do."""

from __future__ import annotations

from typing import Any
from uuid import uuid4

import pytest

from tests.api.client import Client
from tests.api.conftest import World

pytestmark = pytest.mark.postgres

_counter = iter(range(10_000))


def unique(kind: str) -> str:
    """A value that no other test uses."""
    n = next(_counter)
    return {"extension": f"{20000 + n}", "name": f"q-{n}", "box": f"{3000 + n}", "number": f"+1555020{n:04d}"}[kind]


async def agent(client: Client, **more: Any) -> Any:
    return await client.made("/v1/tm/agents", {"extension": unique("extension"), "displayName": "Ann O'Dyne", **more})


async def queue(client: Client, **more: Any) -> Any:
    return await client.made("/v1/tm/queues", {"name": unique("name"), **more})


async def mailbox(client: Client, **more: Any) -> Any:
    return await client.made("/v1/tm/mailboxes", {"box": unique("box"), **more})


async def did(client: Client, **more: Any) -> Any:
    return await client.made("/v1/tm/dids", {"number": unique("number"), **more})


async def trunk(client: Client, **more: Any) -> Any:
    body = {"name": unique("name"), "kind": "ip", "addresses": ["203.0.113.0/28"], **more}
    return await client.made("/v1/tm/trunks", body)


async def blocked(client: Client, **more: Any) -> Any:
    return await client.made("/v1/tm/blocked-callers", {"number": unique("number"), **more})


async def pause_reason(client: Client, **more: Any) -> Any:
    return await client.made("/v1/tm/pause-reasons", {"code": f"r{unique('box')}", **more})


async def listed(client: Client, **more: Any) -> Any:
    return await client.made("/v1/tm/listed-callers", {"number": unique("number"), **more})


async def route(client: Client, **more: Any) -> Any:
    return await client.made("/v1/tm/routes", {"name": unique("name"), "otherwise": {"reject": True}, **more})


async def test_an_agents_secret_is_shown_once_and_only_its_hash_is_kept(world: World, mine: Client) -> None:
    made = await agent(mine)
    assert len(made["sipSecret"]) == 22
    assert made["sipUsername"].startswith("e")
    assert "sipSecret" not in (await mine.get(f"/v1/tm/agents/{made['id']}")).json
    stored = await world.owner.fetchval("SELECT row_to_json(agent)::text FROM agent WHERE id = $1", made["id"])
    assert made["sipSecret"] not in stored
    new = (await mine.ask("POST", f"/v1/tm/agents/{made['id']}/sip-secret")).json
    assert new["sipUsername"] == made["sipUsername"]
    assert new["sipSecret"] != made["sipSecret"]
    after = await world.owner.fetchval("SELECT row_to_json(agent)::text FROM agent WHERE id = $1", made["id"])
    assert after != stored


async def test_an_agent_is_read_changed_and_deleted(mine: Client) -> None:
    made = await agent(mine)
    path = f"/v1/tm/agents/{made['id']}"
    box = await mailbox(mine)
    changed = (await mine.ask("PATCH", path, {"displayName": "Ann", "mailboxId": box["id"]})).json
    assert (changed["displayName"], changed["mailboxId"], changed["extension"]) == ("Ann", box["id"], made["extension"])
    assert (await mine.ask("PATCH", path, {})).json == changed
    assert (await mine.ask("PATCH", path, {"mailboxId": None})).json["mailboxId"] is None
    assert changed["id"] in [row["id"] for row in await mine.all("/v1/tm/agents", limit="200")]
    assert (await mine.ask("DELETE", path)).status == 204
    assert (await mine.get(path)).code == "NOT_FOUND"
    assert (await mine.ask("DELETE", path)).status == 404


async def test_round_robin_is_app_queues_rrmemory(mine: Client) -> None:
    made = await queue(mine, strategy="round-robin", maxWaiting=7, maxWaitSec=30)
    assert (made["strategy"], made["maxWaiting"], made["maxWaitSec"], made["ringTimeoutSec"]) == ("rrmemory", 7, 30, 15)
    path = f"/v1/tm/queues/{made['id']}"
    changed = (await mine.ask("PATCH", path, {"strategy": "ringall", "maxWaiting": 8})).json
    assert (changed["strategy"], changed["maxWaiting"], changed["maxWaitSec"]) == ("ringall", 8, 30)
    other = await queue(mine, overflowQueueId=made["id"])
    assert other["overflowQueueId"] == made["id"]
    assert (await mine.ask("PATCH", path, {"overflowQueueId": made["id"]})).status == 422
    assert (await mine.ask("DELETE", path)).status == 204
    assert (await mine.get(f"/v1/tm/queues/{other['id']}")).json["overflowQueueId"] is None


async def test_members_come_and_go(mine: Client) -> None:
    made, first, second = await queue(mine), await agent(mine), await agent(mine)
    path = f"/v1/tm/queues/{made['id']}/members"
    one = await mine.made(path, {"agentId": first["id"], "penalty": 5})
    assert (one["extension"], one["penalty"], one["state"]) == (first["extension"], 5, None)
    await mine.made(path, {"agentId": second["id"]})
    again = await mine.ask("POST", path, {"agentId": first["id"]})
    assert (again.code, again.paths) == ("CONFLICT", ["agentId"])
    listed = (await mine.get(path)).json["items"]
    assert [row["agentId"] for row in listed] == [second["id"], first["id"]]
    assert (await mine.get(f"/v1/tm/queues/{made['id']}")).json["members"] == listed
    changed = (await mine.ask("PATCH", f"{path}/{first['id']}", {"paused": True})).json
    assert (changed["paused"], changed["penalty"]) == (True, 5)
    assert (await mine.get(f"{path}/{first['id']}")).json == changed
    assert (await mine.ask("DELETE", f"{path}/{first['id']}")).status == 204
    assert (await mine.get(f"{path}/{first['id']}")).status == 404
    unknown = await mine.ask("POST", path, {"agentId": str(uuid4())})
    assert (unknown.status, unknown.paths) == (422, ["agentId"])


async def test_a_did_leads_to_one_place(mine: Client) -> None:
    target, floor = await queue(mine), await queue(mine)
    made = await did(mine, queueId=target["id"], floorQueueId=floor["id"], label="Main")
    path = f"/v1/tm/dids/{made['id']}"
    tree = await mine.made("/v1/tm/ivr-trees", {"name": unique("name"), "source": GOOD_TREE})
    moved = (await mine.ask("PATCH", path, {"treeId": tree["id"]})).json
    assert (moved["treeId"], moved["queueId"], moved["floorQueueId"]) == (tree["id"], None, floor["id"])
    assert (await mine.ask("PATCH", path, {"treeId": None})).status == 422
    both = {"number": unique("number"), "treeId": tree["id"], "queueId": target["id"]}
    assert (await mine.ask("POST", "/v1/tm/dids", both)).status == 422
    in_use = await mine.ask("DELETE", f"/v1/tm/ivr-trees/{tree['id']}")
    assert in_use.code == "CONFLICT"
    assert "DID" in in_use.json["error"]["message"]
    back = (await mine.ask("PATCH", path, {"queueId": target["id"], "label": "x"})).json
    assert (back["treeId"], back["queueId"], back["label"]) == (None, target["id"], "x")
    assert (await mine.ask("DELETE", f"/v1/tm/queues/{target['id']}")).code == "CONFLICT"
    assert (await mine.ask("DELETE", path)).status == 204
    assert (await mine.ask("DELETE", f"/v1/tm/queues/{target['id']}")).status == 204


async def test_a_trunks_password_can_be_set_and_never_read(world: World, mine: Client) -> None:
    body = {
        "kind": "registration",
        "addresses": [],
        "host": "sip.example.net",
        "username": "u1",
        "secret": "s3cr3tWord",
    }
    made = await trunk(mine, **body, callerId="+1 555 010 0100")
    assert made["callerId"] == "+15550100100"
    path = f"/v1/tm/trunks/{made['id']}"
    assert (await mine.ask("PATCH", path, {"secret": "0therWord", "port": 5061, "transport": "tls"})).json[
        "port"
    ] == 5061
    assert await world.owner.fetchval("SELECT secret FROM trunk WHERE id = $1", made["id"]) == "0therWord"
    assert b"0therWord" not in (await mine.get(path)).body + (await mine.get("/v1/tm/trunks")).body
    assert (await mine.ask("DELETE", path)).status == 204


async def test_a_mailbox_has_one_owner(mine: Client) -> None:
    owner, desk = await agent(mine), await queue(mine)
    made = await mailbox(mine, ownerAgentId=owner["id"], ownerName="Ann", greeting="Hello.")
    path = f"/v1/tm/mailboxes/{made['id']}"
    changed = (await mine.ask("PATCH", path, {"ownerQueueId": desk["id"]})).json
    assert (changed["ownerAgentId"], changed["ownerQueueId"], changed["greeting"]) == (None, desk["id"], "Hello.")
    both = await mine.ask("PATCH", path, {"ownerQueueId": desk["id"], "ownerAgentId": owner["id"]})
    assert both.status == 422
    assert (await mine.get(path)).json == changed
    assert (await mine.ask("DELETE", path)).status == 204


async def test_a_blocked_caller_is_let_in_again(mine: Client) -> None:
    made = await blocked(mine, reason="nuisance", until="2027-01-01T01:00:00+01:00")
    assert made["until"] == "2027-01-01T00:00:00Z"
    path = f"/v1/tm/blocked-callers/{made['id']}"
    assert (await mine.ask("PATCH", path, {"until": None})).json["until"] is None
    assert (await mine.get(path)).json["reason"] == "nuisance"
    twice = await mine.ask("POST", "/v1/tm/blocked-callers", {"number": made["number"]})
    assert (twice.code, twice.paths) == ("CONFLICT", ["number"])
    assert (await mine.ask("DELETE", path)).status == 204


@pytest.mark.parametrize(
    ("path", "field", "make"),
    [
        ("/v1/tm/agents", "extension", lambda v: {"extension": v, "displayName": "A"}),
        ("/v1/tm/queues", "name", lambda v: {"name": v}),
        ("/v1/tm/mailboxes", "box", lambda v: {"box": v}),
        ("/v1/tm/trunks", "name", lambda v: {"name": v, "kind": "ip", "addresses": ["192.0.2.1"]}),
        ("/v1/tm/blocked-callers", "number", lambda v: {"number": v}),
        ("/v1/tm/listed-callers", "number", lambda v: {"number": v}),
        ("/v1/tm/routes", "name", lambda v: {"name": v, "otherwise": {"reject": True}}),
    ],
)
async def test_a_second_one_of_the_same_is_a_conflict_that_names_the_field(
    mine: Client, theirs: Client, path: str, field: str, make: Any
) -> None:
    value = unique(field)
    await mine.made(path, make(value))
    again = await mine.ask("POST", path, make(value))
    assert (again.status, again.code, again.paths) == (409, "CONFLICT", [field])
    await theirs.made(path, make(value))  # another tenant may use the same


@pytest.mark.parametrize(
    ("path", "body", "paths"),
    [
        ("agents", {"extension": "1", "displayName": "A"}, ["extension"]),
        ("agents", {"extension": "1234567", "displayName": "A"}, ["extension"]),
        ("agents", {"extension": "10a", "displayName": 'A"<x>'}, ["extension", "displayName"]),
        ("agents", {"extension": "101", "displayName": "A", "phoneKind": "fax"}, ["phoneKind"]),
        ("agents", {"extension": "101", "displayName": "A", "colour": "red"}, ["colour"]),
        ("agents", {"displayName": "A\u0000"}, ["extension", "displayName"]),
        ("agents", {"extension": "10\n", "displayName": "A"}, ["extension"]),
        ("queues", {"name": "Sales"}, ["name"]),
        ("queues", {"name": "general"}, ["name"]),
        ("queues", {"name": "a]\nx=y"}, ["name"]),
        ("queues", {"name": "s" * 33}, ["name"]),
        ("queues", {"name": "sales", "strategy": "best"}, ["strategy"]),
        ("queues", {"name": "sales", "ringTimeoutSec": 0}, ["ringTimeoutSec"]),
        ("queues", {"name": "sales", "maxWaitSec": 10**12}, ["maxWaitSec"]),
        ("queues", {"name": "sales", "music": "../x"}, ["music"]),
        ("dids", {"number": "9998887", "queueId": str(uuid4())}, ["number"]),
        ("dids", {"number": "+1555010010x", "queueId": str(uuid4())}, ["number"]),
        ("trunks", {"name": "t", "kind": "ip", "addresses": ["sip.example.net"]}, ["addresses.0"]),
        ("trunks", {"name": "t", "kind": "ip", "addresses": ["0.0.0.0/0"]}, ["addresses.0"]),
        ("trunks", {"name": "t", "kind": "ip", "addresses": ["192.0.2.1"], "host": "x;y"}, ["host"]),
        ("mailboxes", {"box": "1"}, ["box"]),
        ("blocked-callers", {"number": "anonymous"}, ["number"]),
        ("blocked-callers", {"number": "+15557654321", "until": "2027-01-01T00:00:00"}, ["until"]),
        ("listed-callers", {"number": "anonymous"}, ["number"]),
        ("listed-callers", {"number": "+15557654321", "list": "V I P"}, ["list"]),
        ("listed-callers", {"number": "+15557654321", "language": "deutsch"}, ["language"]),
        ("routes", {"name": "r"}, ["otherwise"]),
        ("routes", {"name": "R", "otherwise": {"reject": True}}, ["name"]),
        (
            "routes",
            {"name": "r", "otherwise": {"reject": True}, "rules": [{"name": "a", "when": {"moon": "full"}}]},
            ["rules.0.when.moon"],
        ),
        (
            "routes",
            {
                "name": "r",
                "otherwise": {"reject": True},
                "crm": {"path": "/x", "extract": {"a": "b"}, "timeoutMs": 301},
            },
            ["crm.timeoutMs"],
        ),
        (
            "routes",
            {"name": "r", "otherwise": {"reject": True}, "rules": [{"name": "a", "when": {"prefixes": ["0049"]}}]},
            ["rules.0.when.prefixes.0"],
        ),
        ("api-keys", {"name": "k", "scopes": []}, ["scopes"]),
        ("api-keys", {"name": "k", "scopes": ["telemarketing.everything"]}, ["scopes.0"]),
        ("api-keys", {"name": "k", "scopes": ["telemarketing.supervise"], "cidrs": ["300.1.1.1"]}, ["cidrs.0"]),
    ],
)
async def test_what_may_not_reach_asterisk_is_refused_and_the_field_named(
    mine: Client, path: str, body: dict[str, Any], paths: list[str]
) -> None:
    answer = await mine.ask("POST", f"/v1/tm/{path}", body)
    assert (answer.status, answer.code) == (422, "VALIDATION_FAILED")
    assert answer.paths == paths
    for detail in answer.json["error"]["details"]:
        assert len(detail["message"]) > 10
        # what was sent may be a number or a name: it is not repeated
        assert not any(secret in detail["message"] for secret in ("9998887", "555010010x", "anonymous", "x;y", 'A"<x>'))


async def test_a_reference_to_nothing_or_to_another_tenants_row_is_the_same_error(mine: Client, theirs: Client) -> None:
    foreign = await queue(theirs)
    for queue_id in (str(uuid4()), foreign["id"]):
        answer = await mine.ask("POST", "/v1/tm/dids", {"number": unique("number"), "queueId": queue_id})
        assert (answer.status, answer.paths) == (422, ["queueId"])
        answer = await mine.ask("POST", "/v1/tm/queues", {"name": unique("name"), "overflowQueueId": queue_id})
        assert (answer.status, answer.paths) == (422, ["overflowQueueId"])


async def test_every_change_of_configuration_is_announced_and_audited(world: World, mine: Client) -> None:
    heard: list[str] = []
    await world.owner.add_listener("m3voip_config", lambda *args: heard.append(str(args[3])))
    made = await agent(mine)
    await mine.ask("PATCH", f"/v1/tm/agents/{made['id']}", {"displayName": "B"})
    await mine.ask("DELETE", f"/v1/tm/agents/{made['id']}")

    await world.owner.fetchval("SELECT 1")
    assert heard.count("agent") == 3
    actions = await world.owner.fetch("SELECT action FROM audit WHERE object = $1 ORDER BY id", made["id"])
    assert [row["action"] for row in actions] == ["agent.create", "agent.change", "agent.delete"]


GOOD_TREE = """\
version: 1
entry: bye
nodes:
  bye:
    hangup:
"""
