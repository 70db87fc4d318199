"""Scorecards by the API: forms with versions, filled in for calls, kept for ever, counted by agent."""

from __future__ import annotations

from typing import Any

import pytest

from m3voip.api.permissions import Permission
from m3voip.core import facts as f
from tests.api.client import Client
from tests.api.conftest import World
from tests.api.stories import ended, new_id, started, to_agent
from tests.api.test_calls import a_call
from tests.api.test_setup import agent, unique

pytestmark = pytest.mark.postgres

SECTIONS: list[dict[str, Any]] = [
    {"title": "Greeting", "weight": 2, "questions": [{"name": "greeted", "text": "Said the name?", "kind": "yes_no"}]},
    {"title": "Talk", "questions": [
        {"name": "friendly", "text": "How friendly?", "kind": "scale", "weight": 2},
        {"name": "consent", "text": "Asked?", "kind": "yes_no", "critical": True, "canSkip": True},
    ]},
]  # fmt: skip


async def form(client: Client, **more: Any) -> Any:
    return await client.made("/v1/tm/scorecard-forms", {"name": unique("name"), "sections": SECTIONS, **more})


async def test_a_trainer_fills_in_a_form_and_an_agent_s_scorecards_are_added_up(world: World, mine: Client) -> None:
    person, recording = await agent(mine), new_id()
    made = f.RecordingStored(recording=recording, key="x/r.flac", sha256="ab" * 32, duration_s=1, size=1)
    call = await a_call(world, started(), *to_agent(person["extension"]), *ended(), made)
    by = await form(mine)
    path = f"/v1/tm/calls/{call}/scorecards"
    answers = {"greeted": True, "friendly": 3, "consent": None}
    body = {"formId": by["id"], "recordingId": str(recording), "answers": answers, "comment": "Slow down."}
    first = await mine.made(path, body)
    assert (first["points"], first["possible"], first["score"], first["failed"]) == (3.0, 4.0, 0.75, [])
    assert (first["agentId"], first["version"], first["answers"]) == (person["id"], 1, answers)
    failed = await mine.made(path, {"formId": by["id"], "answers": {**answers, "consent": False}})
    assert (failed["points"], failed["possible"], failed["failed"]) == (0.0, 5.0, ["consent"])
    again = await mine.made(path, {**body, "answers": {**answers, "friendly": 5}, "replaces": first["id"]})
    assert again["score"] == 1.0
    of_agent = f"/v1/tm/agents/{person['id']}"
    listed = await mine.all(f"{of_agent}/scorecards", limit="2")
    assert [(one["id"], one["replacedBy"]) for one in listed] == [
        (again["id"], None), (failed["id"], None), (first["id"], again["id"]),
    ]  # fmt: skip
    assert await mine.all(path, limit="200") == listed
    figures = (await mine.get(f"{of_agent}/scorecard-figures", formId=by["id"])).json
    assert figures == {"scorecards": 2, "failed": 1, "points": 4.0, "possible": 9.0, "score": 0.4444}
    key = {"name": "desk", "agentId": person["id"], "scopes": ["telemarketing.make_calls"]}
    own = mine.using((await mine.made("/v1/tm/api-keys", key))["key"])
    assert (await own.get("/v1/tm/agents/me/scorecards")).json["items"][0]["id"] == again["id"]
    assert (await own.get(f"{of_agent}/scorecards")).status == 403
    assert (await mine.get("/v1/tm/agents/me/scorecards")).status == 404


async def test_a_changed_form_is_a_new_version_and_old_scorecards_keep_theirs(world: World, mine: Client) -> None:
    by = await form(mine)
    path = f"/v1/tm/scorecard-forms/{by['id']}"
    same = (await mine.ask("PATCH", path, {"sections": SECTIONS})).json
    assert (same["version"], same["sections"]) == (1, by["sections"])
    changed = (await mine.ask("PATCH", path, {"sections": SECTIONS[:1]})).json
    assert (changed["version"], len(changed["sections"])) == (2, 1)
    assert (await mine.get(f"{path}/versions/1")).json["sections"] == by["sections"]
    assert (await mine.get(f"{path}/versions/3")).status == 404
    assert (await mine.get(path)).json == changed
    assert (await mine.ask("PATCH", path, {"active": False})).json["active"] is False
    taken = await mine.ask("POST", "/v1/tm/scorecard-forms", {"name": by["name"], "sections": SECTIONS})
    assert (taken.status, taken.paths) == (409, ["name"])
    twice = [*SECTIONS, {"title": "Again", "questions": SECTIONS[0]["questions"]}]
    assert (await mine.ask("PATCH", path, {"sections": twice})).paths == ["sections.2.questions.0.name"]


async def test_what_cannot_be_filled_in_is_named(world: World, mine: Client, theirs: Client) -> None:
    person = await agent(mine)
    call = await a_call(world, started(), *to_agent(person["extension"]), *ended())
    other = await a_call(world, started(), *to_agent(person["extension"]), *ended())
    nobody = await a_call(world, started())
    by, retired = await form(mine), await form(mine)
    await mine.ask("PATCH", f"/v1/tm/scorecard-forms/{retired['id']}", {"active": False})
    good = {"greeted": True, "friendly": 3, "consent": None}
    elsewhere = await mine.made(f"/v1/tm/calls/{other}/scorecards", {"formId": by["id"], "answers": good})
    for where, change, fields in (
        (call, {"answers": {**good, "friendly": 9}}, ["answers.friendly"]),
        (call, {"answers": {"greeted": "yes"}}, None),
        (call, {"answers": {"greeted": True}}, ["answers.friendly", "answers.consent"]),
        (call, {"formId": retired["id"]}, ["formId"]),
        (call, {"formId": str(new_id())}, ["formId"]),
        (call, {"recordingId": str(new_id())}, ["recordingId"]),
        (call, {"agentId": (await agent(theirs))["id"]}, ["agentId"]),
        (call, {"replaces": elsewhere["id"]}, ["replaces"]),
        (nobody, {}, ["agentId"]),
    ):
        body = {"formId": by["id"], "answers": good, **change}
        answer = await mine.ask("POST", f"/v1/tm/calls/{where}/scorecards", body)
        assert answer.status == 422, change
        assert fields is None or answer.paths == fields
    watcher = mine.using(await world.key(Permission.VIEW_REPORTS))
    refused = await watcher.ask("POST", f"/v1/tm/calls/{call}/scorecards", {"formId": by["id"], "answers": good})
    assert refused.status == 403
    assert (await watcher.get(f"/v1/tm/calls/{call}/scorecards")).json["items"] == []
