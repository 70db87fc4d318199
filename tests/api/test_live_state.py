"""Queues and agents as they are at this moment."""

from __future__ import annotations

from datetime import timedelta

import pytest

from tests.api import fakes
from tests.api.client import Client
from tests.api.conftest import World
from tests.api.stories import new_id
from tests.api.test_setup import agent, queue

pytestmark = pytest.mark.postgres


async def test_a_queue_shows_who_waits_how_long_and_what_its_members_do(world: World, mine: Client) -> None:
    made, ann, bob = await queue(mine), await agent(mine), await agent(mine)
    for person in (ann, bob):
        await mine.made(f"/v1/tm/queues/{made['id']}/members", {"agentId": person["id"]})
    call = new_id()
    since = world.clock.now() - timedelta(seconds=90)
    world.live.queues[mine.tenant, made["name"]] = fakes.Queue(
        waiting=(
            fakes.Waiting(call_id=call, position=1, since=since),
            fakes.Waiting(call_id=None, position=2, since=since + timedelta(seconds=60)),
        ),
        members=(
            fakes.Member(extension=ann["extension"], state="available", calls_taken=3),
            fakes.Member(extension=bob["extension"], state="on_call"),
        ),
    )
    shown = (await mine.get(f"/v1/tm/queues/{made['id']}")).json
    live = shown["live"]
    assert (live["waitingCount"], live["available"]) == (2, 1)
    assert 90 <= live["longestWaitSec"] < 100
    assert [(w["callId"], w["position"]) for w in live["waiting"]] == [(str(call), 1), (None, 2)]
    states = {member["extension"]: (member["state"], member["callsTaken"]) for member in shown["members"]}
    assert states == {ann["extension"]: ("available", 3), bob["extension"]: ("on_call", 0)}
    assert (await mine.get(f"/v1/tm/queues/{made['id']}/members")).json["items"] == shown["members"]
    (listed,) = [row for row in await mine.all("/v1/tm/queues", limit="200") if row["id"] == made["id"]]
    assert listed["live"]["waitingCount"] == 2


async def test_an_agent_shows_what_they_do(world: World, mine: Client) -> None:
    made = await agent(mine)
    assert made["live"] is None
    call = new_id()
    world.live.agents[mine.tenant, made["extension"]] = fakes.Agent(
        state="on_call", since=world.clock.now(), call_id=call
    )
    live = (await mine.get(f"/v1/tm/agents/{made['id']}")).json["live"]
    assert (live["state"], live["callId"], live["registered"]) == ("on_call", str(call), True)


async def test_the_configuration_is_shown_while_nothing_is_known_about_this_moment(mine: Client) -> None:
    made = await queue(mine)
    assert made["live"] is None
    assert (await mine.get(f"/v1/tm/queues/{made['id']}")).json["live"] is None
