"""Queues on real app_queue: skills that relax with the wait, priorities, limits, announcements, and the figures of it."""

from __future__ import annotations

from collections.abc import AsyncIterator, Awaitable, Callable, Mapping
from contextlib import AsyncExitStack
from datetime import datetime
from itertools import count
from typing import Any

import pytest

from m3voip.phones import Answer, Decline, NeverAnswer
from m3voip.phones.outgoing import OutgoingCall
from m3voip.stack.stack import Stack
from tests.support.eventually import eventually
from tests.support.fixtures import OpenPhone
from tests.support.office import Api, Json

pytestmark = [pytest.mark.asterisk, pytest.mark.usefixtures("stack_unchanged")]

OpenQueue = Callable[..., Awaitable[Json]]
_numbers = count(15550100400)
SILENT = {"announceIntervalSec": 0}
RULE = [
    {"afterSec": 0, "require": "english >= 70"},
    {"afterSec": 2, "require": "english >= 50"},
    {"afterSec": 4, "require": ""},
]
PRIORITY_TREE = """\
version: 1
entry: wait
nodes:
  wait: {{queue: {{name: {queue}, priority: 5, overflow: bye}}}}
  bye: {{hangup: {{}}}}
"""


@pytest.fixture
async def open_queue(stack: Stack, api: Api) -> AsyncIterator[OpenQueue]:
    """``await open_queue({"101": {"english": 80}}, maxWaiting=1)``: a queue with these agents and their skills; its
    ``number`` leads there, ``vip`` with a priority. Returns when Asterisk knows it."""
    async with AsyncExitStack() as exits:
        agents = {agent["extension"]: agent["id"] for agent in (await api.get("/v1/tm/agents"))["items"]}

        def afterwards(method: str, path: str, **more: Any) -> None:
            exits.push_async_callback(api.ask, method, path, **more)

        async def opened(members: Mapping[str, Mapping[str, int]], **settings: Any) -> Json:
            number, vip = f"{next(_numbers)}", f"{next(_numbers)}"
            queue = await api.ask("POST", "/v1/tm/queues", json={"name": f"q{number}", **SILENT, **settings})
            afterwards("DELETE", f"/v1/tm/queues/{queue['id']}")
            for extension, skills in members.items():
                path = f"/v1/tm/agents/{agents[extension]}/skills"
                await api.ask("PUT", path, json={"skills": skills})
                afterwards("PUT", path, json={"skills": {}})
                member = {"agentId": agents[extension]}
                await api.ask("POST", f"/v1/tm/queues/{queue['id']}/members", json=member)
            source = PRIORITY_TREE.format(queue=queue["name"])
            tree = await api.ask("POST", "/v1/tm/ivr-trees", json={"name": f"t{number}", "source": source})
            afterwards("DELETE", f"/v1/tm/ivr-trees/{tree['id']}")
            for digits, target in ((number, {"queueId": queue["id"]}), (vip, {"treeId": tree["id"]})):
                did = await api.ask("POST", "/v1/tm/dids", json={"number": f"+{digits}", **target})
                afterwards("DELETE", f"/v1/tm/dids/{did['id']}")
            # Asterisk hears of numbers last.
            await eventually(lambda: _knows(stack, vip), 10, what="the number to be in effect")
            return {**await api.get(f"/v1/tm/queues/{queue['id']}"), "number": number, "vip": vip}

        yield opened


async def _knows(stack: Stack, number: str) -> bool:
    return f"'{number}'" in await stack.cli(f"dialplan show {number}@did-floor")


async def place(api: Api, caller: str) -> Json | None:
    """Where this caller waits at this moment."""
    call = await api.call_from(caller)
    waiting: Json | None = (await api.get(f"/v1/tm/calls/{call['id']}"))["waiting"]
    return waiting


async def waits(api: Api, caller: str, position: int) -> Json:
    """The caller waits at this position."""

    async def there() -> Json | None:
        seen = await place(api, caller)
        return seen if seen and seen["position"] == position else None

    return await eventually(there, 10, what=f"the caller to wait at {position}")


async def moments(api: Api, call_id: str) -> list[tuple[str, str, datetime]]:
    """(kind, extension, at) of a call's events."""
    return [
        (event["kind"], event["payload"].get("extension", ""), datetime.fromisoformat(event["at"]))
        for event in await api.events(call_id)
    ]


async def test_the_skilled_are_offered_a_caller_first_and_others_as_the_rule_relaxes(
    trunk_caller: OpenPhone, agent_phone: OpenPhone, open_queue: OpenQueue, api: Api, stack: Stack
) -> None:
    queue = await open_queue(
        {"103": {"english": 10}, "102": {"english": 60}, "101": {"english": 80}},
        skillRule=RULE, strategy="round_robin", agentAnnouncement={"text": "A call for the English desk."},
    )  # fmt: skip
    after = {member["extension"]: member["offeredAfterSec"] for member in queue["members"]}
    assert after == {"101": 0, "102": 2, "103": 4}
    expert, good, other = await agent_phone("101"), await agent_phone("102"), await agent_phone("103")
    expert.on_invite = Answer(after=0.1)
    good.on_invite = Decline(status=486)
    other.on_invite = Answer(after=0.1, tone=1870)
    phone = await trunk_caller()

    call = await phone.dial(queue["number"], caller_id="15550204001")
    talk = await expert.next_call(after=0, within=10)
    await talk.answered()
    await talk.hear_sound()  # the caller is silent: it is the announcement
    assert (await api.call_from("15550204001"))["state"] == "queued"
    call.say(440)
    await talk.hear_tone(440, within=15)
    await talk.hangup()
    await call.ended()
    first = await api.ended("15550204001")
    offers = [extension for kind, extension, _ in await moments(api, first["id"]) if kind == "agent.offered"]
    assert offers == ["101"], "three were free"

    await expert.unregister()
    await eventually(lambda: _has(stack, queue["name"], "101", "(Unavailable)"), 5, what="the expert to be away")
    call = await phone.dial(queue["number"], caller_id="15550204002")
    await call.hear_tone(1870, within=30)
    await call.hangup()
    story = await moments(api, (await api.ended("15550204002"))["id"])
    joined = next(at for kind, _, at in story if kind == "queue.joined")
    offered = [(extension, (at - joined).total_seconds()) for kind, extension, at in story if kind == "agent.offered"]
    assert [offered[0][0], offered[-1][0]] == ["102", "103"]
    assert {extension for extension, _ in offered} == {"102", "103"}
    # app_queue counts whole seconds, so each may come up to one early.
    assert offered[0][1] >= 1
    assert offered[-1][1] >= 3


async def _has(stack: Stack, queue: str, *words: str) -> bool:
    """A line of ``queue show`` with all of these words."""
    lines = (await stack.cli(f"queue show {queue}")).splitlines()
    return any(all(word in line for word in words) for line in lines)


async def test_a_changed_rule_and_changed_skills_are_in_effect_at_once(
    open_queue: OpenQueue, api: Api, stack: Stack
) -> None:
    queue = await open_queue({"101": {"english": 60}}, skillRule=RULE)
    assert await _has(stack, queue["name"], "101", "penalty 101")
    await api.ask("PUT", f"/v1/tm/agents/{queue['members'][0]['agentId']}/skills", json={"skills": {"english": 70}})
    await eventually(lambda: _no_penalty(stack, queue["name"]), 5, what="the agent to be of the first tier")
    rules = await stack.cli(f"queue show rules {queue['name']}")
    assert "201" in rules
    assert "302" in rules
    await api.ask("PATCH", f"/v1/tm/queues/{queue['id']}", json={"skillRule": RULE[:1]})
    await eventually(lambda: _without(stack, queue["name"], "302"), 5, what="the rule to have one step")


async def _no_penalty(stack: Stack, queue: str) -> bool:
    return await _has(stack, queue, "101 (") and not await _has(stack, queue, "penalty")


async def _without(stack: Stack, queue: str, text: str) -> bool:
    return text not in await stack.cli(f"queue show rules {queue}")


async def test_a_caller_with_a_priority_overtakes_the_wrap_up_is_kept_and_the_figures_are_those_of_the_story(
    trunk_caller: OpenPhone, agent_phone: OpenPhone, open_queue: OpenQueue, api: Api
) -> None:
    queue = await open_queue({"102": {}}, wrapupSec=2, shortAbandonSec=30, serviceLevelSec=3600)
    phone = await trunk_caller()

    async def call(number: str, caller: str) -> OutgoingCall:
        made = await phone.dial(number, caller_id=caller)
        await made.answered()
        return made

    normal = await call(queue["number"], "15550204011")
    await waits(api, "15550204011", 1)
    vip = await call(queue["vip"], "15550204012")
    await waits(api, "15550204012", 1)
    seen = await waits(api, "15550204011", 2)
    assert seen["queue"] == queue["name"]
    gone = await call(queue["number"], "15550204013")
    await waits(api, "15550204013", 3)
    await gone.hangup()
    left = (await api.ended("15550204013"))["queueVisits"][0]
    assert (left["outcome"], left["shortAbandoned"]) == ("abandoned", True)

    agent = await agent_phone("102")
    agent.on_invite = Answer(after=0.1, tone=1870)
    await vip.hear_tone(1870, within=10)
    await waits(api, "15550204011", 1)
    await agent.received[0].hangup()
    await vip.ended()
    await normal.hear_tone(1870, within=15)
    await normal.hangup()
    first, second = await api.ended("15550204012"), await api.ended("15550204011")
    over = next(at for kind, _, at in await moments(api, first["id"]) if kind == "call.talk_ended")
    again = next(at for kind, _, at in await moments(api, second["id"]) if kind == "agent.offered")
    assert (again - over).total_seconds() >= 1, "two whole seconds of app_queue's"

    waited = [ended["queueVisits"][0]["waitedSec"] for ended in (first, second)]
    figures = await api.get(f"/v1/tm/queues/{queue['id']}/figures")
    counts = {
        name: figures[name] for name in ("answered", "abandoned", "shortAbandoned", "left", "undecided", "offered")
    }
    assert counts == {"answered": 2, "abandoned": 1, "shortAbandoned": 1, "left": 0, "undecided": 0, "offered": 2}
    assert (figures["serviceLevel"], figures["waiting"]) == (1.0, 0)
    assert figures["asaSec"] == pytest.approx(sum(waited) / 2, abs=0.001)


async def test_a_caller_whom_nobody_can_serve_or_for_whom_there_is_no_room_does_not_wait(
    trunk_caller: OpenPhone, agent_phone: OpenPhone, open_queue: OpenQueue, api: Api
) -> None:
    nobody_there = await open_queue({"103": {}}, joinEmpty=["unavailable", "invalid", "unknown"])
    nobody_skilled = await open_queue(
        {"104": {"english": 20}}, joinEmpty=["penalty"], skillRule=[{"afterSec": 0, "require": "english >= 50"}]
    )
    small = await open_queue({"104": {}}, maxWaiting=1, ringTimeoutSec=60)
    idle = await agent_phone("104")
    idle.on_invite = NeverAnswer()
    phone = await trunk_caller()

    async def outcome(number: str, caller: str) -> str:
        call = await phone.dial(number, caller_id=caller)
        await call.ended(within=15)
        return str((await api.ended(caller))["queueVisits"][0]["outcome"])

    assert await outcome(nobody_there["number"], "15550204021") == "join_empty"
    assert await outcome(nobody_skilled["number"], "15550204022") == "join_empty"
    assert idle.received == []
    waiting = await phone.dial(small["number"], caller_id="15550204023")
    await waits(api, "15550204023", 1)
    assert await outcome(small["number"], "15550204024") == "full"
    await waiting.hangup()
    await api.ended("15550204023")


async def test_each_queue_of_a_chain_begins_with_the_first_step_of_its_own_rule(
    trunk_caller: OpenPhone, agent_phone: OpenPhone, open_queue: OpenQueue, api: Api
) -> None:
    strict = [{"afterSec": 0, "require": "english >= 50"}, {"afterSec": 600, "require": ""}]
    last = await open_queue({"105": {}}, ringTimeoutSec=10)
    middle = await open_queue(
        {"104": {"english": 1}}, skillRule=strict, joinEmpty=["penalty"], overflowQueueId=last["id"]
    )
    relaxing = [{"afterSec": 0, "require": "english >= 50"}, {"afterSec": 1, "require": ""}]
    first = await open_queue({"103": {}}, skillRule=relaxing, maxWaitSec=3, overflowQueueId=middle["id"])
    idle, taker = await agent_phone("104"), await agent_phone("105")
    idle.on_invite = NeverAnswer()
    taker.on_invite = Answer(after=0.1, tone=1870)
    phone = await trunk_caller()
    call = await phone.dial(first["number"], caller_id="15550204041")
    await call.hear_tone(1870, within=20)
    await call.hangup()
    visits = (await api.ended("15550204041"))["queueVisits"]
    assert [(visit["queue"], visit["outcome"]) for visit in visits] == [
        (first["name"], "timeout"), (middle["name"], "join_empty"), (last["name"], "answered"),
    ]  # fmt: skip
    assert idle.received == []


async def test_an_agent_of_two_queues_serves_the_heavier_first(
    trunk_caller: OpenPhone, agent_phone: OpenPhone, open_queue: OpenQueue, api: Api
) -> None:
    light, heavy = await open_queue({"102": {}}), await open_queue({"102": {}}, weight=10)
    phone = await trunk_caller()
    for queue, caller in ((light, "15550204051"), (heavy, "15550204052")):
        await phone.dial(queue["number"], caller_id=caller)
        await waits(api, caller, 1)
    agent = await agent_phone("102")
    agent.on_invite = Answer(after=0.1, tone=1870)
    assert (await api.in_state("15550204052", "talking"))["queue"] == heavy["name"]
    await agent.received[0].hangup()
    await api.in_state("15550204051", "talking")
    await agent.received[1].hangup()
    await api.ended("15550204051")


async def test_who_hangs_up_during_the_agent_s_announcement_harms_nobody_else(
    trunk_caller: OpenPhone, agent_phone: OpenPhone, open_queue: OpenQueue, api: Api
) -> None:
    long = "This is a long announcement for the agent, which goes on for quite some seconds until it comes to its end."
    queue = await open_queue({"101": {}}, agentAnnouncement={"text": long})
    agent = await agent_phone("101")
    agent.on_invite = Answer(after=0.1)
    phone = await trunk_caller()
    call = await phone.dial(queue["number"], caller_id="15550204061")
    dumped = await agent.next_call(after=0, within=10)
    await dumped.hear_sound()
    await dumped.hangup()
    again = await agent.next_call(after=1, within=10)  # the caller has kept the place
    await again.hear_sound()
    await call.hangup()
    await again.ended()
    ended = await api.ended("15550204061")
    assert (ended["queueVisits"][0]["outcome"], ended["talkTimeSec"]) == ("abandoned", 0)
    kinds = await api.kinds(ended["id"])
    assert (kinds.count("agent.offered"), kinds.count("agent.ring_no_answer")) == (2, 1)
    assert "call.connected" not in kinds


async def test_callers_leave_when_the_last_agent_does(
    trunk_caller: OpenPhone, agent_phone: OpenPhone, open_queue: OpenQueue, api: Api
) -> None:
    queue = await open_queue({"105": {}}, joinEmpty=["unavailable"], leaveEmpty=["unavailable"])
    agent = await agent_phone("105")
    agent.on_invite = Decline(status=486)
    phone = await trunk_caller()
    call = await phone.dial(queue["number"], caller_id="15550204031")
    await waits(api, "15550204031", 1)
    await agent.unregister()
    await call.ended(within=20)
    visit = (await api.ended("15550204031"))["queueVisits"][0]
    assert visit["outcome"] == "leave_empty"
