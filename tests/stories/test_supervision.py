"""Supervision: who hears whom in each mode, told by the tones that each of them says, and what is in the recording."""

from __future__ import annotations

import asyncio
from collections.abc import Sequence
from pathlib import Path

import pytest

from m3voip.phones import Answer, Decline, NeverAnswer, Softphone
from m3voip.phones.incoming import IncomingCall
from m3voip.phones.outgoing import OutgoingCall
from tests.support.eventually import eventually
from tests.support.fixtures import OpenPhone
from tests.support.hearing import hears_all, hears_music, hears_none
from tests.support.office import DID, Api, Json
from tests.support.tones import share_seconds

pytestmark = [pytest.mark.asterisk, pytest.mark.usefixtures("stack_unchanged")]

CALLER, AGENT, BOSS, COLLEAGUE = 440, 1870, 1230, 2350
"""What the caller, agent 101, the supervisor at 104, and another agent or caller say (Hz)."""
PATH = "/v1/tm/supervisions"


class Floor:
    """A caller and agent 101 who talk, and the supervisor's phone at 104."""

    def __init__(self, api: Api, call_id: str, caller: OutgoingCall, agent: IncomingCall, boss: Softphone) -> None:
        self.api, self.call, self.caller, self.agent, self.boss = api, call_id, caller, agent, boss
        self.id = ""

    async def supervise(self, mode: str = "listen") -> IncomingCall:
        """Begin at 101; returns the supervisor's call once they hear both."""
        self.boss.on_invite = Answer(after=0.1, tone=BOSS)
        body = {"agentExtension": "101", "extension": "104", "mode": mode, "reason": "training"}
        self.id = (await self.api.ask("POST", PATH, expect=201, json=body))["id"]
        ear = await self.boss.next_call(10, after=0)
        await hears_all(ear, CALLER, AGENT)
        return ear

    async def change(self, **body: str) -> Json:
        return await self.api.ask("PATCH", f"{PATH}/{self.id}", expect=200, json=body)

    async def end(self) -> None:
        await self.api.ask("DELETE", f"{PATH}/{self.id}", expect=204)

    async def over(self, why: str) -> Json:
        """The supervision, once its row is closed for this reason."""

        async def closed() -> Json | None:
            row = await self.api.get(f"{PATH}/{self.id}")
            return row if row["endedAt"] else None

        row = await eventually(closed, 5, what="the end of the supervision")
        assert row["endReason"] == why
        return row

    async def listens(self) -> None:
        """Caller and agent hear each other and nobody else."""
        await self.caller.hear_tone(AGENT)
        await self.agent.hear_tone(CALLER)
        await stops_hearing(self.caller, BOSS)
        await stops_hearing(self.agent, BOSS)

    async def whispers(self) -> None:
        await hears_all(self.agent, CALLER, BOSS)
        await self.caller.hear_tone(AGENT)
        hears_none(self.caller, BOSS)

    async def barges(self) -> None:
        await hears_all(self.agent, CALLER, BOSS)
        await hears_all(self.caller, AGENT, BOSS)


async def stops_hearing(call: OutgoingCall | IncomingCall, tone: int) -> None:
    """Whatever is on the way has been heard; then this is no more."""

    def quiet() -> bool:
        hears_none(call, tone)
        return True

    await eventually(quiet, 5, what=f"no {tone} Hz")


async def talking(
    api: Api, phone: Softphone, desk: Softphone, number: str, says: Sequence[int]
) -> tuple[OutgoingCall, str]:
    """A caller through the tree to the queue's free agent, until both hear each other."""
    caller = await phone.dial(DID, caller_id=number, tone=says[0])
    await caller.answered()
    await caller.hear_sound()
    await caller.send_digits("1")
    await caller.hear_tone(says[1], within=20)
    await desk.received[-1].hear_tone(says[0])
    return caller, str((await api.in_state(number, "talking"))["id"])


@pytest.fixture
async def floor(trunk_caller: OpenPhone, agent_phone: OpenPhone, api: Api, number: str) -> Floor:
    desk = await agent_phone("101")
    desk.on_invite = Answer(after=0.2, tone=AGENT)
    caller, call = await talking(api, await trunk_caller(), desk, number, (CALLER, AGENT))
    boss = await agent_phone("104")
    return Floor(api, call, caller, desk.received[0], boss)


async def test_who_listens_or_whispers_is_never_heard_by_the_caller_nor_recorded(
    floor: Floor, number: str, tmp_path: Path
) -> None:
    ear = await floor.supervise()
    await floor.listens()
    before = await floor.api.kinds(floor.call)
    await floor.change(mode="whisper")
    await floor.whispers()
    await hears_all(ear, CALLER, AGENT)
    hears_none(ear, BOSS)
    await asyncio.sleep(1.0)  # something to record
    await floor.whispers()
    assert await floor.api.kinds(floor.call) == before, "a supervision is no part of the call"
    await floor.end()
    await ear.ended()
    await floor.listens()
    assert (await floor.over("ended"))["mode"] == "whisper"
    await floor.caller.hangup()
    await floor.agent.ended()
    recording = await floor.api.recording((await floor.api.ended(number))["id"], tmp_path / "call.flac")
    assert share_seconds(recording, 0, CALLER) > 1.5
    assert share_seconds(recording, 1, AGENT) > 1.5
    assert [share_seconds(recording, channel, BOSS, least=0.01) for channel in (0, 1)] == [0, 0]


async def test_who_barges_in_is_heard_by_everybody_and_recorded_on_the_agents_side(
    floor: Floor, number: str, tmp_path: Path
) -> None:
    ear = await floor.supervise("barge")
    await floor.barges()
    await hears_all(ear, CALLER, AGENT)
    await asyncio.sleep(1.0)  # something to record
    await floor.change(mode="listen")
    await floor.listens()
    await hears_all(ear, CALLER, AGENT)
    await floor.change(mode="barge")
    await floor.barges()
    await ear.hangup()
    await floor.over("supervisor_left")
    await floor.listens()
    await floor.agent.hangup()
    await floor.caller.ended()
    recording = await floor.api.recording((await floor.api.ended(number))["id"], tmp_path / "call.flac")
    assert share_seconds(recording, 0, BOSS, least=0.01) == 0
    assert share_seconds(recording, 1, BOSS) >= 1.0


async def test_the_supervisor_is_where_the_agent_is_on_hold_and_consulting(
    floor: Floor, agent_phone: OpenPhone
) -> None:
    ear = await floor.supervise("whisper")
    await floor.api.ask("POST", f"/v1/tm/calls/{floor.call}/hold")
    await hears_music(floor.caller, AGENT, BOSS)
    await floor.agent.hear_tone(BOSS)
    await stops_hearing(ear, CALLER)
    await floor.api.ask("POST", f"/v1/tm/calls/{floor.call}/resume")
    await floor.whispers()
    await hears_all(ear, CALLER, AGENT)
    other = await agent_phone("102")
    other.on_invite = Answer(after=0.1, tone=COLLEAGUE)
    await floor.api.ask("POST", f"/v1/tm/calls/{floor.call}/consult", json={"extension": "102"})
    await hears_all(ear, AGENT, COLLEAGUE, within=10)
    await hears_all(floor.agent, COLLEAGUE, BOSS)
    hears_none(other.received[0], BOSS)
    assert len(floor.boss.received) == 1
    await floor.agent.hangup()  # the colleague has the call
    await ear.ended()
    await floor.over("agent_left")
    await floor.caller.hear_tone(COLLEAGUE)
    await floor.caller.hangup()
    await other.received[0].ended()


@pytest.mark.parametrize("where", ["queue", "hold"])
async def test_a_supervisor_takes_the_call_over(floor: Floor, number: str, where: str) -> None:
    ear = await floor.supervise()
    if where == "hold":
        await floor.api.ask("POST", f"/v1/tm/calls/{floor.call}/hold")
        await hears_music(floor.caller, AGENT)
    await floor.api.ask("POST", f"{PATH}/{floor.id}/take-over", expect=202)
    await floor.agent.ended()
    await floor.caller.hear_tone(BOSS)
    await ear.hear_tone(CALLER)
    await floor.over("taken_over")
    assert (await floor.api.in_state(number, "in_hand"))["agentExtension"] == "104"
    await floor.api.ask("POST", f"/v1/tm/calls/{floor.call}/hold")  # it is a call like any other
    await hears_music(floor.caller, BOSS)
    await floor.api.ask("POST", f"/v1/tm/calls/{floor.call}/resume")
    await floor.caller.hear_tone(BOSS)
    await ear.hangup()
    await floor.caller.ended()
    ended = await floor.api.ended(number)
    assert (ended["endReason"], ended["agentExtension"]) == ("agent_hung_up", "104")
    assert [leg["extension"] for leg in ended["legs"]] == ["", "101", "104"]
    refused = await floor.api.ask("POST", f"{PATH}/{floor.id}/take-over", expect=409)
    assert "has ended" in refused["error"]["message"]


@pytest.mark.parametrize("who", ["caller", "transfer"])
async def test_a_supervision_ends_with_the_agents_part_in_the_call(floor: Floor, number: str, who: str) -> None:
    ear = await floor.supervise()
    if who == "caller":
        await floor.caller.hangup()
    else:
        target = {"kind": "voicemail", "name": "801"}
        await floor.api.ask("POST", f"/v1/tm/calls/{floor.call}/transfer", json=target)
    await ear.ended()
    await floor.over("agent_left")
    await floor.agent.ended()
    await floor.caller.hangup()
    await floor.api.ended(number)


async def test_a_phone_that_is_not_picked_up_hears_nobody(floor: Floor) -> None:
    body = {"callId": floor.call, "extension": "104", "reason": "training"}
    floor.boss.on_invite = Decline(status=486)
    floor.id = (await floor.api.ask("POST", PATH, expect=201, json=body))["id"]
    await floor.over("not_answered")
    floor.boss.on_invite = NeverAnswer()
    floor.id = (await floor.api.ask("POST", PATH, expect=201, json=body))["id"]
    rings = await floor.boss.next_call(5, after=1)
    refused = await floor.api.ask("POST", f"{PATH}/{floor.id}/take-over", expect=409)
    assert "has not answered" in refused["error"]["message"]
    refused = await floor.api.ask("POST", PATH, expect=409, json=body)
    assert "104 supervises already" in refused["error"]["message"]
    await floor.end()
    await rings.ended()
    assert (await floor.over("ended"))["answeredAt"] is None
    own = {"callId": floor.call, "extension": "101", "reason": "training"}
    refused = await floor.api.ask("POST", PATH, expect=409, json=own)
    assert "their own call" in refused["error"]["message"]
    await floor.listens()
    await floor.caller.hangup()
    await floor.agent.ended()


async def test_a_supervisor_goes_from_agent_to_agent_and_their_phone_rings_once(
    floor: Floor, trunk_caller: OpenPhone, agent_phone: OpenPhone
) -> None:
    ear = await floor.supervise("whisper")
    desk = await agent_phone("102")
    desk.on_invite = Answer(after=0.2, tone=COLLEAGUE)
    caller, call = await talking(floor.api, await trunk_caller(), desk, "15550207700", (850, COLLEAGUE))
    moved = await floor.change(agentExtension="102")
    assert (moved["agentExtension"], moved["callId"], moved["mode"]) == ("102", call, "listen")
    await hears_all(ear, 850, COLLEAGUE)
    await stops_hearing(ear, CALLER)
    hears_none(ear, AGENT)
    await floor.listens()
    await desk.received[0].hear_tone(850)
    hears_none(desk.received[0], BOSS)
    await floor.change(mode="whisper")
    await hears_all(desk.received[0], 850, BOSS)
    await floor.change(callId=floor.call, mode="barge")
    await floor.barges()
    await hears_all(ear, CALLER, AGENT)
    assert len(floor.boss.received) == 1
    await caller.hangup()  # nobody listens there any more
    await desk.received[0].ended()
    await floor.barges()
    await floor.caller.hangup()
    await ear.ended()
    await floor.over("agent_left")
