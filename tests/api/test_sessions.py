"""Sessions on the wire: begun and ended by the agent or a supervisor, refused in words, shown in the state."""

from __future__ import annotations

from uuid import UUID

import pytest

from tests.api.client import Client
from tests.api.conftest import World
from tests.api.test_agents_at_work import at_work, own_key
from tests.api.test_setup import agent

pytestmark = pytest.mark.postgres


async def test_a_session_is_begun_and_ended_by_the_agent_and_by_a_supervisor(world: World, mine: Client) -> None:
    made = await at_work(world, mine, session=False)
    agent_id = UUID(made["id"])
    began = await mine.ask("POST", f"/v1/tm/agents/{made['id']}/session")
    assert (began.status, began.json["session"]) == (202, False)
    me = await own_key(mine, made["id"])
    assert (await me.ask("DELETE", "/v1/tm/agents/me/session")).status == 202
    assert world.sessions.asked == [(agent_id, "start"), (agent_id, "end")]
    other = await at_work(world, mine)
    assert (await me.ask("POST", f"/v1/tm/agents/{other['id']}/session")).status == 403


async def test_what_cannot_be_is_said_and_a_foreign_agent_is_not_found(
    world: World, mine: Client, theirs: Client
) -> None:
    made = await at_work(world, mine)
    world.sessions.answers[UUID(made["id"])] = "The agent's phone is not registered; start it first."
    refused = await mine.ask("POST", f"/v1/tm/agents/{made['id']}/session")
    assert (refused.status, refused.json["error"]["message"]) == (409, world.sessions.answers[UUID(made["id"])])
    assert (await theirs.ask("POST", f"/v1/tm/agents/{made['id']}/session")).status == 404


async def test_the_way_to_work_is_set_and_the_state_says_whether_the_line_is_up(world: World, mine: Client) -> None:
    made = await agent(mine)
    assert made["works"] == "ring"
    changed = await mine.ask("PATCH", f"/v1/tm/agents/{made['id']}", {"works": "session"})
    assert (changed.status, changed.json["works"]) == (200, "session")
    wrong = await mine.ask("PATCH", f"/v1/tm/agents/{made['id']}", {"works": "conference"})
    assert (wrong.status, wrong.paths) == (422, ["works"])
    for up in (True, False):
        shown = await at_work(world, mine, session=up)
        assert (await mine.get(f"/v1/tm/agents/{shown['id']}/state")).json["session"] is up
        assert (await mine.get(f"/v1/tm/agents/{shown['id']}")).json["live"]["session"] is up
