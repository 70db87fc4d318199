"""The main job: a caller reaches an agent through the queue, both are recorded apart, everything is written down."""

from __future__ import annotations

import asyncio
from pathlib import Path

import pytest

from m3voip.phones import Answer, Decline, NeverAnswer
from m3voip.phones.outgoing import OutgoingCall
from tests.support.eventually import eventually
from tests.support.fixtures import OpenPhone
from tests.support.office import DID, Api, Json
from tests.support.tones import has_tone

pytestmark = [pytest.mark.asterisk, pytest.mark.usefixtures("stack_unchanged")]


async def talk(seconds: float) -> None:
    """Let the story's people go on for a while: time is what is being recorded and measured here."""
    await asyncio.sleep(seconds)


async def in_queue(open_caller: OpenPhone, number: str, digit: str = "1", tone: int = 440) -> OutgoingCall:
    """Call, choose, and wait in the queue."""
    phone = await open_caller()
    call = await phone.dial(DID, caller_id=number, tone=tone)
    await call.answered()
    await call.hear_sound()
    await call.send_digits(digit)
    return call


async def test_a_caller_talks_to_an_agent_and_both_are_recorded_on_their_own_side(
    trunk_caller: OpenPhone, agent_phone: OpenPhone, api: Api, number: str, tmp_path: Path
) -> None:
    agent = await agent_phone("101")
    agent.on_invite = Answer(after=0.3, tone=1870)
    call = await in_queue(trunk_caller, number)
    await call.hear_tone(1870, within=20, seconds=1.0)
    await agent.received[0].hear_tone(440)
    talking = await api.in_state(number, "talking")
    assert talking["agentExtension"] == "101"
    await talk(2.5)
    await agent.received[0].hangup()
    await call.ended()

    ended = await api.ended(number)
    assert (ended["endReason"], ended["agentExtension"], ended["queue"]) == ("agent_hung_up", "101", "sales")
    assert ended["talkTimeSec"] >= 2.0
    assert ended["queueVisits"][0]["outcome"] == "answered"
    kinds = await api.kinds(ended["id"])
    expected = ["call.started", "queue.entered", "agent.offered", "call.connected", "call.talk_ended", "call.ended"]
    assert [kind for kind in kinds if kind in expected] == expected
    recording = await api.recording(ended["id"], tmp_path / "call.flac")
    assert has_tone(recording, 0, 440, 0.5)
    assert has_tone(recording, 1, 1870, 0.5)
    assert not has_tone(recording, 0, 1870, 0.5)
    assert not has_tone(recording, 1, 440, 0.5)


async def test_an_agent_who_does_not_answer_or_declines_is_passed_over(
    trunk_caller: OpenPhone, agent_phone: OpenPhone, api: Api, number: str
) -> None:
    decliner, taker = await agent_phone("102"), await agent_phone("103")
    decliner.on_invite = Decline(status=486)
    taker.on_invite = Answer(after=0.5, tone=1870)
    call = await in_queue(trunk_caller, number)
    await call.hear_tone(1870, within=30, seconds=1.0)
    await call.hangup()
    ended = await api.ended(number)
    assert ended["agentExtension"] == "103"
    assert (ended["endReason"], ended["queueVisits"][0]["outcome"]) == ("caller_hung_up", "answered")


async def test_an_agent_whose_phone_has_vanished_is_passed_over(
    trunk_caller: OpenPhone, agent_phone: OpenPhone, api: Api, number: str
) -> None:
    ghost, taker = await agent_phone("101"), await agent_phone("102")
    ghost.vanish()
    taker.on_invite = Answer(after=0.2, tone=1870)
    call = await in_queue(trunk_caller, number)
    await call.hear_tone(1870, within=60, seconds=1.0)
    await call.hangup()
    ended = await api.ended(number)
    story = [(event["kind"], event["payload"].get("extension")) for event in await api.events(ended["id"])]
    assert ended["agentExtension"] == "102", story
    ghost.come_back()


async def test_the_wallboard_shows_who_waits_and_what_agents_do(
    trunk_caller: OpenPhone, agent_phone: OpenPhone, api: Api, number: str
) -> None:
    agent = await agent_phone("104")
    agent.on_invite = NeverAnswer()
    support = next(q for q in (await api.get("/v1/tm/queues"))["items"] if q["name"] == "support")
    who = next(a for a in (await api.get("/v1/tm/agents"))["items"] if a["extension"] == "104")

    async def agent_is(state: str) -> bool:
        live = (await api.get(f"/v1/tm/agents/{who['id']}"))["live"]
        return bool(live and live["state"] == state)

    await eventually(lambda: agent_is("available"), 5, what="the agent to be available")
    call = await in_queue(trunk_caller, number, "2")

    async def waits() -> Json | None:
        live = (await api.get(f"/v1/tm/queues/{support['id']}"))["live"]
        return live if live and len(live["waiting"]) == 1 else None

    live = await eventually(waits, 5, what="the caller to be seen waiting")
    assert live["waiting"][0]["callId"] == (await api.call_from(number))["id"]
    await eventually(lambda: agent_is("reserved"), 5, what="the agent to be reserved")
    agent.received[0].answer(1870)
    await eventually(lambda: agent_is("on_call"), 5, what="the agent to be on the call")
    await call.hangup()
    await eventually(lambda: agent_is("available"), 5, what="the agent to be free again")


async def test_callers_without_an_agent_overflow_to_voicemail_which_lights_the_lamp(
    trunk_caller: OpenPhone, agent_phone: OpenPhone, api: Api, number: str
) -> None:
    ringer = await agent_phone("105")
    ringer.on_invite = NeverAnswer()
    boxes = (await api.get("/v1/tm/mailboxes"))["items"]
    who = next(a for a in (await api.get("/v1/tm/agents"))["items"] if a["extension"] == "105")
    box = next(b for b in boxes if b["box"] == "803")
    await api.ask("PATCH", f"/v1/tm/agents/{who['id']}", json={"mailboxId": box["id"]})
    call = await in_queue(trunk_caller, number, "3")
    await api.in_state(number, "voicemail", within=50)
    await call.hear_silence(within=40, seconds=1.0)
    await talk(6)  # a message shorter than a few seconds is not one
    await call.hangup()
    ended = await api.ended(number)
    kinds = await api.kinds(ended["id"])
    assert "queue.left" in kinds
    assert ended["queueVisits"][0]["outcome"] == "timeout"
    stored = await eventually(lambda: _voicemail(api, ended["id"]), 20, what="the message in the vault")
    assert stored["durationSec"] > 0
    await ringer.register(expires=60)
    await eventually(lambda: ringer.messages_waiting, 10, what="the lamp of the agent who has this mailbox")


async def _voicemail(api: Api, call_id: str) -> Json | None:
    call = await api.get(f"/v1/tm/calls/{call_id}")
    return call["voicemails"][0] if call["voicemails"] else None
