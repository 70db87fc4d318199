"""Supervision: who hears whom in each mode, told by the tones that each of them says, and what is in the recording."""

from __future__ import annotations

import asyncio
from collections.abc import Sequence
from pathlib import Path

import pytest

from m3voip.phones import Answer, Decline, NeverAnswer, Softphone
from m3voip.phones.incoming import IncomingCall
from m3voip.phones.outgoing import OutgoingCall
from m3voip.stack.stack import Stack
from tests.chaos.faults import kill
from tests.support.eventually import eventually
from tests.support.fixtures import OpenPhone
from tests.support.hearing import hears_all, hears_music, hears_none
from tests.support.office import DID, Api, Json
from tests.support.tones import tone_seconds

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
        hears_none(self.caller, BOSS)
        hears_none(self.agent, BOSS)

    async def whispers(self) -> None:
        await hears_all(self.agent, CALLER, BOSS)
        await self.caller.hear_tone(AGENT)
        hears_none(self.caller, BOSS)

    async def barges(self) -> None:
        await hears_all(self.agent, CALLER, BOSS)
        await hears_all(self.caller, AGENT, BOSS)


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


async def test_listen_whisper_and_barge_are_heard_by_whom_they_are_meant_for(
    floor: Floor, number: str, tmp_path: Path
) -> None:
    ear = await floor.supervise()
    await floor.listens()
    await asyncio.sleep(1.0)  # something to record
    await floor.change(mode="whisper")
    await floor.whispers()
    await hears_all(ear, CALLER, AGENT)
    hears_none(ear, BOSS)
    await asyncio.sleep(1.0)
    recorded_so_far = await floor.api.kinds(floor.call)
    await floor.change(mode="barge")
    await floor.barges()
    await asyncio.sleep(1.0)
    await floor.change(mode="listen")
    await floor.caller.hear_tone(AGENT)
    await floor.agent.hear_tone(CALLER)
    hears_none(floor.caller, BOSS)
    assert await floor.api.kinds(floor.call) == recorded_so_far, "a supervision is no part of the call"
    await floor.end()
    await ear.ended()
    await floor.listens()
    await floor.caller.hangup()
    await floor.agent.ended()
    ended = await floor.api.ended(number)
    recording = await floor.api.recording(ended["id"], tmp_path / "call.flac")
    assert tone_seconds(recording, 0, BOSS) == 0
    print("BARGE", tone_seconds(recording, 1, BOSS), ended["talkTimeSec"])
    assert 0.9 <= tone_seconds(recording, 1, BOSS) <= 3.0
