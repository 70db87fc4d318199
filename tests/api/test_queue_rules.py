"""Skill rules, announcements and overflow by the API: what is taken, and how what cannot be is refused."""

from __future__ import annotations

from datetime import timedelta
from typing import Any

import pytest

from tests.api import fakes
from tests.api.client import Client
from tests.api.conftest import World
from tests.api.stories import new_id, started, story, to_agent
from tests.api.test_setup import agent, queue, unique

pytestmark = pytest.mark.postgres

RULE = [
    {"afterSec": 0, "require": "english >= 70"},
    {"afterSec": 30, "require": "english >= 50 or arabic >= 90"},
    {"afterSec": 60, "require": ""},
]


async def test_members_show_after_what_wait_the_rule_lets_them_be_rung(mine: Client) -> None:
    made = await queue(mine, skillRule=RULE[:2])
    assert made["skillRule"] == RULE[:2]
    after = {}
    for skills in ({"english": 80}, {"arabic": 90, "english": 10}, {}):
        person = await agent(mine)
        path = f"/v1/tm/agents/{person['id']}/skills"
        assert (await mine.ask("PUT", path, {"skills": {"old": 1}})).json == {"skills": {"old": 1}}
        assert (await mine.ask("PUT", path, {"skills": skills})).json == {"skills": skills}
        assert (await mine.get(path)).json == {"skills": skills}
        member = await mine.made(f"/v1/tm/queues/{made['id']}/members", {"agentId": person["id"]})
        assert member["skills"] == skills
        after[person["extension"]] = member["offeredAfterSec"]
    assert list(after.values()) == [0, 30, None]
    changed = (await mine.ask("PATCH", f"/v1/tm/queues/{made['id']}", {"skillRule": RULE})).json
    assert [member["offeredAfterSec"] for member in changed["members"]] == [0, 30, 60]
    gone = (await mine.ask("PATCH", f"/v1/tm/queues/{made['id']}", {"skillRule": []})).json
    assert [member["offeredAfterSec"] for member in gone["members"]] == [0, 0, 0]


@pytest.mark.parametrize(
    ("steps", "path", "message"),
    [
        ([(0, "english >= ")], "skillRule.0.require", "at character 11"),
        ([(0, "english > 5")], "skillRule.0.require", "at character 9"),
        ([(0, "english >= 70"), (30, "arabic >= 10")], "skillRule.1.require", "may only relax"),
        ([(0, "english >= 70"), (0, "")], "skillRule.1.afterSec", "more than the 0"),
        ([(5, "")], "skillRule.0.afterSec", "just come"),
        ([(0, "x" * 201)], "skillRule.0.require", "at most 200"),
        ([(n, "") for n in range(11)], "skillRule", "10"),
    ],
)
async def test_a_rule_that_cannot_be_is_refused_with_its_place(
    mine: Client, steps: list[tuple[int, str]], path: str, message: str
) -> None:
    rule = [{"afterSec": after, "require": text} for after, text in steps]
    made = await queue(mine)
    for method, where in (("POST", "/v1/tm/queues"), ("PATCH", f"/v1/tm/queues/{made['id']}")):
        body: dict[str, Any] = {"skillRule": rule} | ({"name": unique("name")} if method == "POST" else {})
        answer = await mine.ask(method, where, body)
        assert (answer.status, answer.paths) == (422, [path])
        assert message in answer.json["error"]["details"][0]["message"]


@pytest.mark.parametrize("skills", [{"English": 5}, {"english": 101}, {"english": -1}, {"or": 5}, {"a b": 1}])
async def test_skills_have_names_that_rules_can_say(mine: Client, skills: dict[str, int]) -> None:
    person = await agent(mine)
    answer = await mine.ask("PUT", f"/v1/tm/agents/{person['id']}/skills", {"skills": skills})
    assert answer.status == 422
    assert answer.paths[0].startswith("skills.")


async def test_an_agent_s_skills_are_nobody_else_s_and_go_with_the_agent(
    world: World, mine: Client, theirs: Client
) -> None:
    person = await agent(mine)
    path = f"/v1/tm/agents/{person['id']}/skills"
    await mine.ask("PUT", path, {"skills": {"english": 5}})
    assert (await theirs.get(path)).status == 404
    assert (await theirs.ask("PUT", path, {"skills": {}})).status == 404
    assert (await mine.get(path)).json == {"skills": {"english": 5}}
    actions = await world.owner.fetch("SELECT action FROM audit WHERE object = $1", person["id"])
    assert "agent.skills" in {row["action"] for row in actions}
    await mine.ask("DELETE", f"/v1/tm/agents/{person['id']}")
    assert (await mine.get(path)).status == 404


async def test_what_a_queue_says_is_a_text_or_a_file(mine: Client) -> None:
    made = await queue(
        mine, agentAnnouncement={"text": "Sales call."}, periodicAnnouncements=[{"text": "Hold on."}, {"file": "a.wav"}]
    )
    assert made["agentAnnouncement"] == {"text": "Sales call.", "file": None}
    assert made["joinAnnouncement"] is None
    assert [one["file"] for one in made["periodicAnnouncements"]] == [None, "a.wav"]
    path = f"/v1/tm/queues/{made['id']}"
    changed = (
        await mine.ask("PATCH", path, {"agentAnnouncement": None, "joinAnnouncement": {"text": "Welcome."}})
    ).json
    assert (changed["agentAnnouncement"], changed["joinAnnouncement"]["text"]) == (None, "Welcome.")
    assert changed["periodicAnnouncements"] == made["periodicAnnouncements"]


@pytest.mark.parametrize(
    ("announcement", "path"),
    [
        ({}, "joinAnnouncement"),
        ({"text": "a", "file": "a.wav"}, "joinAnnouncement"),
        ({"text": " .. "}, "joinAnnouncement.text"),
        ({"text": "Hello {digits:caller}"}, "joinAnnouncement.text"),
        ({"file": "../a.wav"}, "joinAnnouncement.file"),
        ({"file": "a.mp3"}, "joinAnnouncement.file"),
    ],
)
async def test_what_cannot_be_said_is_refused(mine: Client, announcement: dict[str, str], path: str) -> None:
    answer = await mine.ask("POST", "/v1/tm/queues", {"name": unique("name"), "joinAnnouncement": announcement})
    assert (answer.status, answer.paths) == (422, [path])


@pytest.mark.parametrize(
    ("asked", "strategy"),
    [("round_robin", "rrmemory"), ("ring_all", "ringall"), ("longest_idle", "leastrecent"), ("fewest_calls", "fewestcalls"),
     ("weighted_random", "wrandom"), ("in_order", "linear"), ("round_robin_ordered", "rrordered"), ("random", "random")],
)  # fmt: skip
async def test_strategies_have_plain_names(mine: Client, asked: str, strategy: str) -> None:
    assert (await queue(mine, strategy=asked))["strategy"] == strategy


async def test_overflow_never_leads_back(mine: Client) -> None:
    last = await queue(mine)
    middle = await queue(mine, overflowQueueId=last["id"])
    first = await queue(mine, overflowQueueId=middle["id"])
    for target in (last, middle, first):
        answer = await mine.ask("PATCH", f"/v1/tm/queues/{last['id']}", {"overflowQueueId": target["id"]})
        assert (answer.status, answer.paths) == (422, ["overflowQueueId"])
    assert f"{last['name']} → {first['name']} → {middle['name']} → {last['name']}" in answer.json["error"]["message"]
    elsewhere = await queue(mine)
    assert (await mine.ask("PATCH", f"/v1/tm/queues/{last['id']}", {"overflowQueueId": elsewhere["id"]})).status == 200


async def test_a_waiting_call_shows_its_place(world: World, mine: Client) -> None:
    made, call = await queue(mine), new_id()
    rows = story(mine.tenant, call, world.clock.now(), started(), *to_agent(queue=made["name"])[:3])
    await world.writer.write(*rows)
    path = f"/v1/tm/calls/{call}"
    assert (await mine.get(path)).json["waiting"] is None
    since = world.clock.now() - timedelta(seconds=30)
    others = fakes.Waiting(call_id=new_id(), position=1, since=since)
    me = fakes.Waiting(call_id=call, position=2, since=since)
    world.live.queues[mine.tenant, made["name"]] = fakes.Queue(waiting=(others, me))
    waiting = (await mine.get(path)).json["waiting"]
    assert (waiting["queue"], waiting["position"]) == (made["name"], 2)
    assert waiting["waitedSec"] >= 30
    world.live.queues[mine.tenant, made["name"]] = fakes.Queue(waiting=(others,))
    assert (await mine.get(path)).json["waiting"] is None
