"""Skill rules on real app_queue: who is offered a caller when, and what is said to whom."""

from __future__ import annotations

import pytest

from m3voip.phones import Answer, Decline, NeverAnswer
from m3voip.stack.stack import Stack
from tests.support.eventually import eventually
from tests.support.fixtures import OpenPhone
from tests.support.office import Api
from tests.support.queues import OpenQueue, has_line, moments

pytestmark = [pytest.mark.asterisk, pytest.mark.usefixtures("stack_unchanged")]

RULE = [
    {"afterSec": 0, "require": "english >= 70"},
    {"afterSec": 2, "require": "english >= 50"},
    {"afterSec": 4, "require": ""},
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
    await eventually(lambda: has_line(stack, queue["name"], "101", "(Unavailable)"), 5, what="the expert to be away")
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


async def test_a_changed_rule_and_changed_skills_are_in_effect_at_once(
    open_queue: OpenQueue, api: Api, stack: Stack
) -> None:
    queue = await open_queue({"101": {"english": 60}}, skillRule=RULE)
    assert await has_line(stack, queue["name"], "101", "penalty 101")
    await api.ask("PUT", f"/v1/tm/agents/{queue['members'][0]['agentId']}/skills", json={"skills": {"english": 70}})
    await eventually(lambda: _no_penalty(stack, queue["name"]), 5, what="the agent to be of the first tier")
    rules = await stack.cli(f"queue show rules {queue['name']}")
    assert "201" in rules
    assert "302" in rules
    await api.ask("PATCH", f"/v1/tm/queues/{queue['id']}", json={"skillRule": RULE[:1]})
    await eventually(lambda: _without(stack, queue["name"], "302"), 5, what="the rule to have one step")


async def _no_penalty(stack: Stack, queue: str) -> bool:
    return await has_line(stack, queue, "101 (") and not await has_line(stack, queue, "penalty")


async def _without(stack: Stack, queue: str, text: str) -> bool:
    return text not in await stack.cli(f"queue show rules {queue}")


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


async def test_who_hangs_up_while_the_queue_still_greets_has_abandoned_it(
    trunk_caller: OpenPhone, open_queue: OpenQueue, api: Api
) -> None:
    greeting = "Welcome. You are calling about a viewing, and somebody will be with you as soon as possible."
    queue = await open_queue({"101": {}}, joinAnnouncement={"text": greeting})
    call = await (await trunk_caller()).dial(queue["number"], caller_id="15550204081")
    await call.hear_sound()
    await api.in_state("15550204081", "queued")
    await call.hangup()
    (visit,) = (await api.ended("15550204081"))["queueVisits"]
    assert (visit["outcome"], visit["joinedAt"], visit["shortAbandoned"]) == ("abandoned", None, True)


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
