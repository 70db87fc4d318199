"""Who waits in a queue, who overtakes, and who does not get in: on real app_queue; and the figures of it."""

from __future__ import annotations

import pytest

from m3voip.phones import Answer, Decline, NeverAnswer
from m3voip.phones.outgoing import OutgoingCall
from m3voip.stack.stack import Stack
from tests.support.eventually import eventually
from tests.support.fixtures import OpenPhone
from tests.support.office import Api
from tests.support.queues import OpenQueue, has_line, moments, turned_away, waits

pytestmark = [pytest.mark.asterisk, pytest.mark.usefixtures("stack_unchanged")]


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
    assert await turned_away(phone, api, nobody_there, "15550204021") == "join_empty"
    assert await turned_away(phone, api, nobody_skilled, "15550204022") == "join_empty"
    assert idle.received == []
    waiting = await phone.dial(small["number"], caller_id="15550204023")
    await waits(api, "15550204023", 1)
    assert await turned_away(phone, api, small, "15550204024") == "full"
    await waiting.hangup()
    await api.ended("15550204023")


async def test_what_makes_a_member_not_count_is_what_the_queue_says(
    trunk_caller: OpenPhone, agent_phone: OpenPhone, open_queue: OpenQueue, api: Api, stack: Stack
) -> None:
    paused, ringing, inuse = [
        await open_queue({"103": {}}, joinEmpty=[state], wrapupSec=60 if state == "inuse" else 0)
        for state in ("paused", "ringing", "inuse")
    ]
    agent, phone = await agent_phone("103"), await trunk_caller()
    agent.on_invite = NeverAnswer()
    work = f"/v1/tm/agents/{next(a['id'] for a in (await api.get('/v1/tm/agents'))['items'] if a['extension'] == '103')}/state"
    await api.ask("POST", work, json={"state": "away"})
    await eventually(lambda: has_line(stack, paused["name"], "103", "(paused"), 5, what="the queue to know")
    assert await turned_away(phone, api, paused, "15550204071") == "join_empty"
    await api.ask("POST", work, json={"state": "available"})
    call = await phone.dial(inuse["number"], caller_id="15550204072")  # ringing does not matter to this one
    offer = await agent.next_call(after=0, within=10)
    await eventually(lambda: has_line(stack, ringing["name"], "103", "(Ringing)"), 5, what="the agent to ring")
    assert await turned_away(phone, api, ringing, "15550204073") == "join_empty"
    offer.answer(1870)
    await call.hear_tone(1870)
    assert await turned_away(phone, api, inuse, "15550204074") == "join_empty"
    await offer.hangup()
    await api.ended("15550204072")
    await eventually(lambda: has_line(stack, paused["name"], "103", "(paused"), 5, what="the wrap-up, which is a pause")
    assert await turned_away(phone, api, paused, "15550204075") == "join_empty"
    await api.ask("POST", work, json={"state": "available"})


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
