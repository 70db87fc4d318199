"""What agents and supervisors may ask of the agents' owner, and what they are shown of it."""

from __future__ import annotations

from datetime import timedelta
from typing import Any
from uuid import UUID

import pytest

from m3voip.api.permissions import Permission
from m3voip.core import agent_state as a
from tests.api import fakes
from tests.api.client import Client
from tests.api.conftest import World
from tests.api.stories import new_id
from tests.api.test_setup import agent, pause_reason

pytestmark = pytest.mark.postgres


async def at_work(world: World, client: Client, **now: Any) -> Any:
    """An agent whom the owner knows."""
    made = await agent(client)
    world.live.agents[client.tenant, made["extension"]] = fakes.Agent(**{"state": "available", **now})
    return made


async def own_key(client: Client, agent_id: str, *scopes: str) -> Client:
    body = {"name": "a person's", "agentId": agent_id, "scopes": scopes or [Permission.MAKE_CALLS]}
    made = await client.made("/v1/tm/api-keys", body)
    assert made["agentId"] == agent_id
    return client.using(made["key"])


@pytest.mark.parametrize(
    ("state", "word"),
    [
        ("logged_out", "offline"), ("available", "available"), ("reserved", "busy"), ("on_call", "busy"),
        ("wrap_up", "busy"), ("paused", "away"),
    ],
)  # fmt: skip
async def test_the_six_states_in_the_crm_s_four_words(world: World, mine: Client, state: str, word: str) -> None:
    made = await at_work(world, mine, state=state)
    shown = (await mine.get(f"/v1/tm/agents/{made['id']}/state")).json
    assert (shown["state"], shown["agentState"], shown["extension"]) == (word, state, made["extension"])


async def test_me_is_the_agent_that_the_key_stands_for(world: World, mine: Client) -> None:
    made = await at_work(world, mine)
    me = await own_key(mine, made["id"])
    assert (await me.get("/v1/tm/agents/me/state")).json["agentId"] == made["id"]
    assert (await me.ask("POST", "/v1/tm/agents/me/state", {"state": "offline"})).status == 200
    who, asked = world.desk.asked[-1]
    assert (str(who), type(asked), asked.via) == (made["id"], a.SignOutAsked, a.Via.API)
    listed = next(key for key in await mine.all("/v1/tm/api-keys", limit="200") if key["agentId"] == made["id"])
    assert asked.by == UUID(listed["id"])
    other = await at_work(world, mine)
    assert (await me.ask("POST", f"/v1/tm/agents/{other['id']}/state", {"state": "offline"})).status == 403
    nobody = await mine.get("/v1/tm/agents/me/state")
    assert (nobody.status, "agentId" in nobody.json["error"]["message"]) == (404, True)


async def test_a_key_cannot_stand_for_another_tenant_s_agent(mine: Client, theirs: Client) -> None:
    body = {"name": "x", "agentId": (await agent(theirs))["id"], "scopes": [Permission.MAKE_CALLS]}
    answer = await mine.ask("POST", "/v1/tm/api-keys", body)
    assert (answer.status, answer.paths) == (422, ["agentId"])


async def test_a_key_of_an_agent_who_is_gone_stands_for_nobody(world: World, mine: Client) -> None:
    made = await at_work(world, mine)
    me = await own_key(mine, made["id"])
    assert (await mine.ask("DELETE", f"/v1/tm/agents/{made['id']}")).status == 204
    assert (await me.get("/v1/tm/agents/me/state")).status == 404


async def test_a_pause_has_a_reason_of_the_tenant_s_list_and_its_limit(
    world: World, mine: Client, theirs: Client
) -> None:
    made = await at_work(world, mine)
    path = f"/v1/tm/agents/{made['id']}/state"
    lunch, foreign = await pause_reason(mine, limitSec=1800), await pause_reason(theirs)
    assert (await mine.ask("POST", path, {"state": "away", "reason": lunch["code"]})).status == 200
    _, asked = world.desk.asked[-1]
    assert isinstance(asked, a.PauseAsked)
    assert (asked.reason, asked.limit_s) == (lunch["code"], 1800)
    await mine.ask("PATCH", f"/v1/tm/pause-reasons/{lunch['id']}", {"active": False})
    for code in (lunch["code"], foreign["code"], "ring_no_answer", "no-code"):
        answer = await mine.ask("POST", path, {"state": "away", "reason": code})
        assert (answer.status, answer.paths) == (422, ["reason"])
    assert (await mine.ask("POST", path, {"state": "away"})).status == 200
    assert (await mine.ask("POST", path, {"state": "asleep"})).paths == ["state"]


async def test_a_reason_is_made_read_changed_and_deleted_and_may_not_be_one_of_the_service_s(mine: Client) -> None:
    made = await pause_reason(mine, label="Lunch", limitSec=60)
    path = f"/v1/tm/pause-reasons/{made['id']}"
    assert (await mine.ask("PATCH", path, {"limitSec": 90})).json["limitSec"] == 90
    assert (await mine.get(path)).json["label"] == "Lunch"
    again = await mine.ask("POST", "/v1/tm/pause-reasons", {"code": made["code"]})
    assert (again.status, again.paths) == (409, ["code"])
    for code in ("phone_lost", "wrap_up", "Lunch", ""):
        assert (await mine.ask("POST", "/v1/tm/pause-reasons", {"code": code})).paths == ["code"]
    assert (await mine.ask("DELETE", path)).status == 204
    assert (await mine.get(path)).status == 404


async def test_a_wrap_up_is_extended_and_ended(world: World, mine: Client) -> None:
    until, call = world.clock.now() + timedelta(seconds=20), new_id()
    made = await at_work(world, mine, state="wrap_up", until=until, call_id=call)
    me = await own_key(mine, made["id"])
    shown = (await me.ask("POST", "/v1/tm/agents/me/wrap-up/extend", {"extendSec": 30})).json
    assert (shown["callId"], shown["wrapUpEndsAt"][:19]) == (str(call), until.isoformat()[:19])
    assert (await mine.ask("POST", f"/v1/tm/agents/{made['id']}/wrap-up/end")).status == 200
    extended, ended = (event for who, event in world.desk.asked if str(who) == made["id"])
    assert isinstance(extended, a.WrapUpExtendAsked)
    assert extended.seconds == 30
    assert isinstance(ended, a.WrapUpEndAsked)
    assert (await me.ask("POST", "/v1/tm/agents/me/wrap-up/extend", {"extendSec": 0})).paths == ["extendSec"]


async def test_what_cannot_be_is_refused_with_its_reason(world: World, mine: Client) -> None:
    made = await at_work(world, mine, state="logged_out")
    world.desk.answers[UUID(made["id"])] = "The agent is not signed in; sign in first."
    answer = await mine.ask("POST", f"/v1/tm/agents/{made['id']}/state", {"state": "away"})
    assert (answer.status, answer.code) == (409, "AGENT_UNAVAILABLE")
    assert "sign in first" in answer.json["error"]["message"]
    retired = await agent(mine, active=False)
    answer = await mine.ask("POST", f"/v1/tm/agents/{retired['id']}/state", {"state": "available"})
    assert answer.code == "AGENT_UNAVAILABLE"
    assert (await mine.get(f"/v1/tm/agents/{retired['id']}/state")).json["agentState"] == "logged_out"


async def test_an_agent_whom_the_owner_does_not_know_yet_is_a_matter_of_seconds(world: World, mine: Client) -> None:
    made = await agent(mine)
    world.desk.answers[UUID(made["id"])] = None
    answer = await mine.ask("POST", f"/v1/tm/agents/{made['id']}/state", {"state": "available"})
    assert (answer.status, answer.code) == (503, "INTEGRATION_DOWN")
    assert (await mine.get(f"/v1/tm/agents/{made['id']}/state")).code == "INTEGRATION_DOWN"


async def test_what_is_asked_of_an_agent_is_noted_with_who_asked(world: World, mine: Client) -> None:
    made = await at_work(world, mine)
    await mine.ask("POST", f"/v1/tm/agents/{made['id']}/state", {"state": "away"})
    noted = await world.owner.fetch("SELECT action, subject FROM audit WHERE object = $1 ORDER BY id", made["id"])
    assert [row["action"] for row in noted] == ["agent.create", "agent.pause"]
    assert noted[0]["subject"] == noted[1]["subject"] is not None


async def test_an_agent_s_events_are_listed_newest_first(world: World, mine: Client, theirs: Client) -> None:
    made = await at_work(world, mine)
    values = [(UUID(made["id"]), mine.tenant, seq, world.clock.now(), "paused") for seq in range(1, 6)]
    await world.owner.executemany(
        "INSERT INTO agent_event (agent_id, tenant_id, seq, at, kind, state, via) VALUES ($1, $2, $3, $4, $5, 'paused', 'api')",
        values,
    )
    path = f"/v1/tm/agents/{made['id']}/events"
    assert [row["seq"] for row in await mine.all(path, limit="2")] == [5, 4, 3, 2, 1]
    assert (await theirs.get(path)).status == 404
