"""IVR trees by the API: a faulty one is refused with node and line, a good one is versioned and active at once."""

from __future__ import annotations

import asyncio
from typing import Any

import pytest

from m3voip.api.schemas.ivr_tree import SOURCE
from tests.api.client import Client
from tests.api.conftest import World
from tests.api.test_setup import GOOD_TREE, queue, unique

pytestmark = pytest.mark.postgres

FAULTY = """\
version: 1
entry: welcome
nodes:
  welcome:
    menu:
      prompt: Press 1.
      keys: {1: desk, 2: nowhere}
  desk:
    queue: {name: no-such-queue, overflow: bye}
  bye:
    hangup:
"""
WITH_QUEUE = """\
version: 1
entry: desk
nodes:
  desk:
    queue: {name: QUEUE, overflow: bye}
  bye:
    hangup:
  lonely:
    hangup:
"""


async def tree(client: Client, source: str = GOOD_TREE) -> Any:
    return await client.made("/v1/tm/ivr-trees", {"name": unique("name"), "source": source})


async def test_every_fault_names_its_node_and_line(mine: Client) -> None:
    answer = await mine.ask("POST", "/v1/tm/ivr-trees", {"name": unique("name"), "source": FAULTY})
    assert (answer.status, answer.code) == (422, "VALIDATION_FAILED")
    found = {(detail["path"], detail["message"].split(":")[0]) for detail in answer.json["error"]["details"]}
    assert ("nodes.welcome", "line 7") in found
    assert ("nodes.desk", "line 9") in found
    broken = await mine.ask("POST", "/v1/tm/ivr-trees", {"name": unique("name"), "source": "nodes: ["})
    assert broken.paths == ["source"]
    assert "line" in broken.json["error"]["message"]


async def test_a_tree_comes_as_json_or_as_yaml(mine: Client) -> None:
    name = unique("name")
    made = await mine.ask(
        "POST", f"/v1/tm/ivr-trees?name={name}", data=GOOD_TREE.encode(), headers={"Content-Type": "text/yaml"}
    )
    assert made.status == 201
    assert (made.json["name"], made.json["activeVersion"], made.json["version"]["source"]) == (name, 1, GOOD_TREE)
    for kind, body, params, status, paths in (
        ("application/yaml", GOOD_TREE.encode(), {}, 422, ["name"]),
        ("application/yaml", GOOD_TREE.encode(), {"name": "A B"}, 422, ["name"]),
        ("application/yaml", b"\xff", {"name": unique("name")}, 422, ["body"]),
        ("application/json", b"{", {}, 422, ["body"]),
        ("application/json", b'{"name": "x"}', {}, 422, ["source"]),
        ("application/json", b'{"name": "x", "source": 1}', {}, 422, ["source"]),
        ("application/xml", b"<tree/>", {}, 415, []),
    ):
        answer = await mine.ask("POST", "/v1/tm/ivr-trees", data=body, params=params, headers={"Content-Type": kind})
        assert (answer.status, answer.paths) == (status, paths), (kind, body)


async def test_versions_follow_each_other_and_an_older_one_can_be_active_again(mine: Client) -> None:
    made = await tree(mine)
    path = f"/v1/tm/ivr-trees/{made['id']}"
    second = (await mine.ask("PUT", path, {"source": f"{GOOD_TREE}# second\n"})).json
    assert (second["activeVersion"], second["version"]["version"]) == (2, 2)
    same = (await mine.ask("PUT", path, {"source": f"{GOOD_TREE}# second\n"})).json
    assert same["version"]["version"] == 2
    draft = await mine.ask("PUT", f"{path}?activate=false", {"source": f"{GOOD_TREE}# third\n"})
    assert (draft.json["version"]["version"], draft.json["version"]["active"]) == (3, False)
    shown = (await mine.get(path)).json
    assert (shown["activeVersion"], shown["version"]["source"]) == (2, f"{GOOD_TREE}# second\n")
    back = await mine.ask("POST", f"{path}/activate", {"version": 1})
    assert (back.json["version"], back.json["active"]) == (1, True)
    versions = await mine.all(f"{path}/versions", limit="2")
    assert [(version["version"], version["active"]) for version in versions] == [(3, False), (2, False), (1, True)]
    assert (await mine.get(f"{path}/versions/3")).json["source"].endswith("# third\n")
    assert (await mine.get(f"{path}/versions/4")).status == 404
    assert (await mine.get(f"{path}/versions/0")).paths == ["version"]
    assert (await mine.ask("POST", f"{path}/activate", {"version": 9})).status == 404
    assert (await mine.ask("DELETE", path)).status == 204


async def test_a_draft_alone_is_not_active(mine: Client) -> None:
    made = await mine.ask("POST", "/v1/tm/ivr-trees?activate=false", {"name": unique("name"), "source": GOOD_TREE})
    assert made.json["activeVersion"] is None
    assert (await mine.get(f"/v1/tm/ivr-trees/{made.json['id']}")).json["version"]["active"] is False


async def test_a_tree_may_name_only_queues_that_are_there(mine: Client, theirs: Client) -> None:
    foreign = await queue(theirs)
    source = WITH_QUEUE.replace("QUEUE", foreign["name"])
    answer = await mine.ask("POST", "/v1/tm/ivr-trees", {"name": unique("name"), "source": source})
    assert "nodes.desk" in answer.paths
    own = await queue(mine)
    made = await tree(mine, WITH_QUEUE.replace("QUEUE", own["name"]))
    assert [(warning["code"], warning["node"]) for warning in made["warnings"]] == [("unreachable", "lonely")]
    # the queue goes, then the old version cannot become active any more
    path = f"/v1/tm/ivr-trees/{made['id']}"
    await mine.ask("PUT", path, {"source": GOOD_TREE})
    assert (await mine.ask("DELETE", f"/v1/tm/queues/{own['id']}")).status == 204
    assert (await mine.ask("POST", f"{path}/activate", {"version": 1})).status == 422


async def test_two_who_change_a_tree_at_once_get_two_versions(world: World, mine: Client) -> None:
    made = await tree(mine)
    path = f"/v1/tm/ivr-trees/{made['id']}"
    answers = await asyncio.gather(*(mine.ask("PUT", path, {"source": f"{GOOD_TREE}# {n}\n"}) for n in range(8)))
    assert sorted(answer.json["version"]["version"] for answer in answers) == list(range(2, 10))
    active = await world.owner.fetch("SELECT version FROM ivr_tree_version WHERE tree_id = $1 AND active", made["id"])
    assert len(active) == 1


async def test_the_documented_example_is_a_good_tree(mine: Client) -> None:
    assert (await tree(mine, SOURCE))["warnings"] == []
