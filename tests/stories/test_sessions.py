"""Agents whose line is kept up: calls are joined to it without ringing, whatever happens to phones, callers and the service.
Tones tell who hears whom."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from contextlib import AsyncExitStack
from dataclasses import dataclass, field
from pathlib import Path

import aiohttp
import pytest

from m3voip.phones import Answer, Softphone, Ticker
from m3voip.phones.call import Call
from m3voip.phones.media.g711 import RATE
from m3voip.phones.outgoing import OutgoingCall
from m3voip.stack.stack import Stack
from tests.chaos.faults import dead, ready
from tests.support import leaks
from tests.support.eventually import eventually
from tests.support.fixtures import OpenPhone
from tests.support.hearing import hears_music, hears_none
from tests.support.office import Api, Json, api_of, registered_phone
from tests.support.queues import waits
from tests.support.tones import tone_seconds, tone_share

pytestmark = pytest.mark.asterisk

ANN, BOB = "184", "185"
NUMBER, TOLD_NUMBER = "15550100781", "15550100782"
QUEUE, TOLD = "lines", "lines-told"
"""Two queues of the same agents; the second tells them what kind of call it is."""
CALLER, SECOND, THIRD = 440, 620, 830
VOICE = {ANN: 1870, BOB: 1230}
LOST = 44
"""The cause that Asterisk gives a phone from which no packet comes any more."""


@dataclass
class Floor:
    """Two agents who work by session, in one queue; Ann is first."""

    stack: Stack
    api: Api
    agents: dict[str, Json] = field(default_factory=dict)
    lines: dict[str, Call] = field(default_factory=dict)

    async def open(self) -> None:
        make = self.api.ask
        quiet = {"announceIntervalSec": 0, "announcePosition": False, "announceHoldtime": "no", "wrapupSec": 0}
        told = {**quiet, "wrapupSec": 600, "agentAnnouncement": {"text": "A call about a viewing of a house."}}
        queues = [
            await make("POST", "/v1/tm/queues", json={"name": name, "record": True, "strategy": "linear", **settings})
            for name, settings in ((QUEUE, quiet), (TOLD, told))
        ]
        for extension in (ANN, BOB):
            body = {"extension": extension, "displayName": "A", "phoneKind": "desk_udp", "works": "session"}
            agent = self.agents[extension] = await make("POST", "/v1/tm/agents", json=body)
            for queue in queues:
                await make("POST", f"/v1/tm/queues/{queue['id']}/members", json={"agentId": agent["id"]})
        for number, queue in zip((NUMBER, TOLD_NUMBER), queues, strict=True):
            await make("POST", "/v1/tm/dids", json={"number": f"+{number}", "queueId": queue["id"]})
        await eventually(self._in_effect, 20, what="the agents to be in effect in Asterisk")

    async def _in_effect(self) -> bool:
        known = "M3_FLOOR_QUEUE" in await self.stack.cli(f"dialplan show {TOLD_NUMBER}@did-floor")
        return known and (await self.stack.cli(f"queue show {TOLD}")).count("@join") == 2

    def path(self, extension: str) -> str:
        return f"/v1/tm/agents/{self.agents[extension]['id']}"

    async def now(self, extension: str) -> Json:
        return await self.api.get(f"{self.path(extension)}/state")

    async def until(self, extension: str, within: float = 10.0, **wanted: object) -> None:
        async def is_so() -> bool:
            now = await self.now(extension)
            assert {name: now[name] for name in wanted} == wanted
            return True

        await eventually(is_so, within, what=f"{extension} to be {wanted}")

    async def begins(self, extension: str, phone: Softphone, *, by_api: bool = False) -> Call:
        """The agent's session, until calls are joined to it: a new line takes some seconds."""
        if by_api:
            rung = len(phone.received)
            phone.on_invite = Answer(after=0.1, tone=VOICE[extension])
            began = await self.api.ask("POST", f"{self.path(extension)}/session", expect=202)
            assert began["session"] is False
            line: Call = await phone.next_call(after=rung)
        else:
            dialled = await phone.dial("*56", tone=VOICE[extension])
            await dialled.answered()
            line = dialled
        self.lines[extension] = line
        await self.until(extension, agentState="available", session=True, phone="reachable")
        await eventually(lambda: self.free(extension), 10, what="the line to be free in the queue")
        return line

    async def free(self, extension: str) -> bool:
        return await self.shows(extension, "(Not in use)") and not await self.shows(extension, "paused")

    async def shows(self, extension: str, what: str) -> bool:
        """Whether the queue says so of the agent."""
        shown = (await self.stack.cli(f"queue show {QUEUE}")).splitlines()
        return what in next(line for line in shown if self.agents[extension]["sipUsername"] in line)

    async def loses(self, extension: str) -> None:
        """What Asterisk does when nothing comes from a phone any more, without the half minute that it waits before."""
        settings, user = self.stack.settings, self.agents[extension]["sipUsername"]
        shown = (await self.stack.cli("core show channels concise")).splitlines()
        leg = next(line for line in shown if line.startswith(f"PJSIP/{user}-")).rpartition("!")[2]
        key = f"{settings.ari_user}:{settings.ari_password.get_secret_value()}"
        url = f"http://{settings.ari_host}:{settings.ari_port}/ari/channels/{leg}"
        async with (
            aiohttp.ClientSession() as session,
            session.delete(url, params={"reason_code": str(LOST), "api_key": key}) as reply,
        ):
            assert reply.status == 204, await reply.text()


@pytest.fixture(scope="module")
async def floor(stack: Stack) -> AsyncIterator[Floor]:
    async with api_of(stack) as api:
        made = Floor(stack, api)
        await made.open()
        yield made


@pytest.fixture
async def phone_of(floor: Floor, ticker: Ticker) -> AsyncIterator[OpenPhone]:
    """``await phone_of(ANN)``: the agent's registered phone. Afterwards all lines are down."""
    async with AsyncExitStack() as exits:

        async def open_phone(extension: str) -> Softphone:
            phone = await registered_phone(exits, floor.stack, floor.agents[extension], ticker)
            await eventually(lambda: reachable(floor, extension), 10, what="the phone to be known to the service")
            return phone

        yield open_phone
    for extension in floor.agents:
        await floor.until(extension, session=False)


async def reachable(floor: Floor, extension: str) -> bool:
    return bool((await floor.api.get(floor.path(extension)))["phone"]["registered"])


@pytest.fixture
def call(trunk_caller: OpenPhone, number: str) -> OpenPhone:
    """``await call(1)``: a caller in the queue, each with a number of their own."""

    async def dial(who: int, tone: int = CALLER, to: str = NUMBER) -> OutgoingCall:
        phone = await trunk_caller()
        made = await phone.dial(to, caller_id=f"{number}{who}", tone=tone)
        await made.answered()
        return made

    return dial  # type: ignore[return-value]  # a call, not a phone


async def talk(caller: Call, tone: int, line: Call, voice: int, within: float = 5.0) -> None:
    """They hear each other."""
    await line.hear_tone(tone, within=within)
    await caller.hear_tone(voice, within=within)


async def both_talk_for_a_second(caller: Call, tone: int, line: Call, voice: int) -> None:
    """Nothing but the other is heard for so long."""

    def so() -> bool:
        heard = caller.ear.last(1.0), line.ear.last(1.0)
        assert min(len(samples) for samples in heard) > 0.95 * RATE
        shares = tone_share(heard[0], RATE, voice), tone_share(heard[1], RATE, tone)
        assert min(shares) > 0.9, shares
        return True

    await eventually(so, 5, what="a second of talk")


@pytest.mark.usefixtures("stack_unchanged")
async def test_one_sign_in_and_two_calls_in_a_row_are_joined_without_ringing(
    floor: Floor, phone_of: OpenPhone, call: OpenPhone, number: str, tmp_path: Path
) -> None:
    ann = await phone_of(ANN)
    refused = await floor.api.ask("POST", f"{floor.path(ANN)}/state", json={"state": "available"}, expect=409)
    assert "*56" in refused["error"]["message"]
    line = await floor.begins(ANN, ann)
    first: OutgoingCall = await call(1)  # type: ignore[assignment]
    await talk(first, CALLER, line, VOICE[ANN])
    await floor.until(ANN, agentState="on_call")
    await both_talk_for_a_second(first, CALLER, line, VOICE[ANN])
    refused = await floor.api.ask("DELETE", f"{floor.path(ANN)}/session", expect=409)
    assert "in a call" in refused["error"]["message"]
    await first.hangup()
    await floor.until(ANN, agentState="available", session=True)
    second: OutgoingCall = await call(2, SECOND, TOLD_NUMBER)  # type: ignore[assignment]
    await hears_music(line, CALLER, SECOND)  # the announcement, which is the agent's alone
    hears_none(second, VOICE[ANN])
    await talk(second, SECOND, line, VOICE[ANN])
    await floor.api.in_state(f"{number}2", "talking")
    await line.send_digits("*0")  # let the caller go, keep the line
    await second.ended(within=5)
    await floor.until(ANN, agentState="wrap_up", session=True)
    await eventually(lambda: floor.shows(ANN, "paused:wrap_up"), 5, what="the line to be held off")
    await floor.api.ask("POST", f"{floor.path(ANN)}/wrap-up/end")
    await floor.until(ANN, agentState="available", session=True)
    assert ann.received == []
    ended = await floor.api.ended(f"{number}2")
    assert (ended["agentExtension"], ended["endReason"]) == (ANN, "completed")
    recording = await floor.api.recording((await floor.api.ended(f"{number}1"))["id"], tmp_path / "first.flac")
    recorded = tone_seconds(recording, 0, CALLER), tone_seconds(recording, 1, VOICE[ANN])
    assert min(recorded) > 0.8, recorded
    await floor.api.ask("DELETE", f"{floor.path(ANN)}/session", expect=202)
    await line.ended(within=5)
    await floor.until(ANN, agentState="logged_out", session=False)


@pytest.mark.usefixtures("stack_unchanged")
async def test_the_caller_of_a_phone_that_drops_is_at_the_head_of_the_queue_and_the_next_agent_s(
    floor: Floor, phone_of: OpenPhone, call: OpenPhone, api: Api, number: str
) -> None:
    ann, bob = await phone_of(ANN), await phone_of(BOB)
    _, line = await asyncio.gather(floor.begins(ANN, ann), floor.begins(BOB, bob, by_api=True))
    first: OutgoingCall = await call(1)  # type: ignore[assignment]
    await talk(first, CALLER, floor.lines[ANN], VOICE[ANN])
    other: OutgoingCall = await call(2, SECOND)  # type: ignore[assignment]
    await talk(other, SECOND, line, VOICE[BOB])
    waiting: OutgoingCall = await call(3, THIRD)  # type: ignore[assignment]
    await waits(api, f"{number}3", 1)
    await floor.loses(ANN)
    await waits(api, f"{number}1", 1)
    await waits(api, f"{number}3", 2)
    await hears_music(first, VOICE[ANN], VOICE[BOB])
    await floor.until(ANN, session=False, phone="unreachable", agentState="available")
    await other.hangup()
    await talk(first, CALLER, line, VOICE[BOB])
    record = await api.in_state(f"{number}1", "talking")
    await first.hangup()
    await talk(waiting, THIRD, line, VOICE[BOB])
    await waiting.hangup()
    kinds = await api.kinds(record["id"])
    assert kinds.count("queue.entered") == kinds.count("call.connected") == 2
    visits = (await api.ended(f"{number}1"))["queueVisits"]
    assert [visit["outcome"] for visit in visits] == ["answered", "answered"]
    await line.hangup()


@pytest.fixture
async def nothing_left(stack: Stack) -> AsyncIterator[None]:
    """The service is another process afterwards, so only Asterisk's descriptors are counted."""
    async with leaks.nothing_left(stack.cli, {"asterisk": stack.processes["asterisk"].pid or 0}):
        yield


@pytest.mark.usefixtures("nothing_left")
async def test_sessions_go_on_while_the_service_is_dead_are_adopted_and_can_be_held_and_transferred(
    floor: Floor, phone_of: OpenPhone, call: OpenPhone, api: Api, stack: Stack, number: str
) -> None:
    ann, bob = await phone_of(ANN), await phone_of(BOB)
    lines = await asyncio.gather(floor.begins(ANN, ann), floor.begins(BOB, bob))
    first: OutgoingCall = await call(1)  # type: ignore[assignment]
    await talk(first, CALLER, lines[0], VOICE[ANN])
    record = await api.in_state(f"{number}1", "talking")
    async with dead(stack, "service"):
        other: OutgoingCall = await call(2, SECOND)  # type: ignore[assignment]
        await talk(other, SECOND, lines[1], VOICE[BOB])
        await first.hear_tone(VOICE[ANN])
    await ready(stack, "service")
    await floor.until(ANN, agentState="on_call", session=True)
    await floor.until(BOB, agentState="on_call", session=True)
    path = f"/v1/tm/calls/{record['id']}"
    await api.ask("POST", f"{path}/hold", expect=202)
    await hears_music(first, VOICE[ANN])
    await api.ask("POST", f"{path}/resume", expect=202)
    await talk(first, CALLER, lines[0], VOICE[ANN])
    await other.hangup()
    await floor.until(BOB, agentState="available", session=True)
    await api.ask("POST", f"{path}/transfer", json={"kind": "extension", "name": BOB}, expect=202)
    await talk(first, CALLER, lines[1], VOICE[BOB])
    await floor.until(ANN, agentState="available", session=True)
    await floor.until(BOB, agentState="on_call", session=True)
    assert ann.received == bob.received == []
    await first.hangup()
    await floor.until(BOB, agentState="available", session=True)
    for line in lines:
        await line.hangup()
    await floor.until(ANN, agentState="logged_out", session=False)
