"""Callers are asked about the talk: because the queue wants it and the agent hung up first, or because an agent sent them."""

from __future__ import annotations

from collections.abc import AsyncIterator

import pytest

from m3voip.phones import Answer
from tests.stories.talk import CALLER, FIRST
from tests.support.eventually import eventually
from tests.support.fixtures import OpenPhone
from tests.support.office import Api, Json
from tests.support.queues import OpenQueue

pytestmark = [pytest.mark.asterisk, pytest.mark.usefixtures("stack_unchanged")]

TREE = """\
version: 1
entry: friendly
nodes:
  friendly:
    menu: {prompt: How friendly were we. Press one to five., keys: {1: often, 4: often, 5: often}, retries: 1}
  often:
    collect: {prompt: How often have you called., into: times, max_digits: 1, then: bye}
  bye: {hangup: Thank you.}
"""


@pytest.fixture
async def survey(api: Api) -> AsyncIterator[Json]:
    made = await api.ask("POST", "/v1/tm/ivr-trees", json={"name": "story-survey", "source": TREE})
    yield made
    await api.ask("DELETE", f"/v1/tm/ivr-trees/{made['id']}")


@pytest.mark.parametrize("way", ["queue", "in_hand", "agent"])
async def test_a_caller_is_asked_after_the_talk_and_the_agent_is_free(
    way: str,
    survey: Json,
    trunk_caller: OpenPhone,
    agent_phone: OpenPhone,
    open_queue: OpenQueue,
    api: Api,
    number: str,
) -> None:
    queue = await open_queue({"101": {}}, surveyTreeId=None if way == "agent" else survey["id"], wrapupSec=0)
    agent = await agent_phone("101")
    agent.on_invite = Answer(after=0.1, tone=FIRST)
    call = await (await trunk_caller()).dial(queue["number"], caller_id=number, tone=CALLER)
    await call.hear_tone(FIRST, within=15)
    talk = agent.received[0]
    record = await api.in_state(number, "talking")
    path = f"/v1/tm/calls/{record['id']}"
    if way == "agent":
        missing = {"kind": "survey", "name": "no-such-tree"}
        await api.ask("POST", f"{path}/transfer", json=missing, expect=422)
        await api.ask("POST", f"{path}/transfer", json={"kind": "survey", "name": survey["name"]})
        await talk.ended(within=10)
    else:
        if way == "in_hand":
            await api.ask("POST", f"{path}/hold")
            await api.in_state(number, "in_hand")
            await api.ask("POST", f"{path}/resume")
        await talk.hangup()
    await at_node(api, number, "friendly")
    assert (await api.get("/v1/tm/agents/" + await id_of(api, "101") + "/state"))["agentState"] == "available"
    await call.send_digits("4")
    await at_node(api, number, "often")
    await call.send_digits("3")
    assert (await call.ended(within=15)).by == "them"
    ended = await api.ended(number)
    said = [
        (one["name"], one["value"], one["extension"], one["queue"], one["byQueue"]) for one in ended["surveyAnswers"]
    ]
    assert said == [
        (name, value, "101", queue["name"], way != "agent") for name, value in (("friendly", "4"), ("times", "3"))
    ]
    assert ended["endReason"] == "completed"
    kinds = await api.kinds(ended["id"])
    assert kinds.index("call.talk_ended") < kinds.index("survey.entered") < kinds.index("survey.answered")
    figures = await api.get(f"/v1/tm/ivr-trees/{survey['id']}/survey-figures", by="agent", queue=queue["name"])
    assert [(part["part"], part["visits"]) for part in figures["items"]] == [("101", 1)]
    assert [(one["name"], one["values"], one["meanScore"]) for one in figures["total"]["questions"]] == [
        ("friendly", {"4": 1}, 4.0), ("times", {"3": 1}, 3.0),
    ]  # fmt: skip


async def at_node(api: Api, caller: str, node: str) -> None:
    """The caller is asked this question."""

    async def there() -> bool:
        return bool((await api.call_from(caller))["node"] == node)

    await eventually(there, 10, what=f"the caller to be at {node}")


async def id_of(api: Api, extension: str) -> str:
    items = (await api.get("/v1/tm/agents", limit="200"))["items"]
    return next(str(agent["id"]) for agent in items if agent["extension"] == extension)
