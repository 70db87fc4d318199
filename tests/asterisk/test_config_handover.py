"""What the service hands over to the dialplan, and what comes back, with a stand-in for the service on ARI."""

from __future__ import annotations

import asyncio
import wave
from collections.abc import AsyncIterator, Mapping
from pathlib import Path

import aiohttp
import numpy as np
import numpy.typing as npt
import pytest

from m3voip.phones import Answer, CallState, Decline, NeverAnswer, Softphone, Ticker
from m3voip.phones.media.sounds import silence
from m3voip.stack.stack import Stack
from tests.support.eventually import eventually
from tests.support.fixtures import OpenPhone
from tests.support.leaks import Baseline
from tests.support.tones import is_tone, read

pytestmark = pytest.mark.asterisk

CALL_ID = "0190c0de-0000-7000-8000-000000000001"
DID = "15550100100"


class StandIn:
    """Is the application; sends every new caller to ``context`` with ``variables``, and lets go who comes back."""

    def __init__(self, session: aiohttp.ClientSession, base: str, socket: aiohttp.ClientWebSocketResponse) -> None:
        self._session = session
        self._base = base
        self._socket = socket
        self.context = ""
        self.variables: Mapping[str, str] = {}
        self.came_back: list[list[str]] = []

    async def leave(self) -> None:
        """From now on nobody is the application."""
        await self._socket.close()

    async def serve(self) -> None:
        async for message in self._socket:
            event = message.json()
            if event["type"] != "StasisStart":
                continue
            channel = f"{self._base}/channels/{event['channel']['id']}"
            if event["args"][0] != "inbound":
                self.came_back.append(event["args"])
                await self._session.delete(channel)
                continue
            await self._session.post(f"{channel}/variables", json={"variables": dict(self.variables)})
            where = {"context": self.context, "extension": "s", "priority": "1"}
            await self._session.post(f"{channel}/continue", params=where)


@pytest.fixture
async def service(asterisk: Stack) -> AsyncIterator[StandIn]:
    settings = asterisk.settings
    base = f"http://127.0.0.1:{settings.ari_port}/ari"
    login = aiohttp.encode_basic_auth(settings.ari_user, settings.ari_password.get_secret_value())
    async with (
        aiohttp.ClientSession(headers={"Authorization": login}) as session,
        session.ws_connect(f"{base}/events", params={"app": settings.ari_app}) as socket,
    ):
        stand_in = StandIn(session, base, socket)
        serving = asyncio.create_task(stand_in.serve(), name="stand-in service")
        yield stand_in
        await stand_in.leave()
        await serving


@pytest.fixture
async def caller(asterisk: Stack, ticker: Ticker) -> AsyncIterator[Softphone]:
    async with Softphone(asterisk.settings.sip_address, asterisk.settings.sip_udp_port, ticker=ticker) as phone:
        yield phone


@pytest.fixture(autouse=True)
def spool(asterisk: Stack) -> Path:
    """Recordings end here; none is left from another test."""
    folder = asterisk.folders.asterisk_spool / "monitor"
    for old in folder.iterdir():
        old.unlink()
    return folder


@pytest.mark.parametrize(
    ("context", "variables", "back"),
    [
        (
            "to-queue",
            {"M3_QUEUE": "sales", "M3_QUEUE_TIMEOUT": "1"},
            ["queue_left", "sales", "TIMEOUT"],
        ),  # later by an announcement
        ("to-queue", {"M3_QUEUE": "nosuch"}, ["queue_left", "nosuch", "UNKNOWN"]),
        ("to-queue", {"M3_QUEUE": ""}, ["queue_left", "", "UNKNOWN"]),
        ("to-agent", {"M3_AGENT": "e0000000103", "M3_EXTENSION": "103"}, ["dial_left", "103", "CHANUNAVAIL"]),
        ("to-agent", {"M3_AGENT": "", "M3_EXTENSION": "103"}, ["dial_left", "103", "CHANUNAVAIL"]),
        ("to-voicemail", {"M3_BOX": ""}, ["voicemail_left", "", "FAILED"]),
    ],
)
async def test_a_caller_comes_back_with_the_reason(
    context: str, variables: dict[str, str], back: list[str],
    asterisk_unchanged: Baseline, service: StandIn, caller: Softphone,
) -> None:  # fmt: skip
    service.context, service.variables = context, variables
    call = await caller.dial(DID)
    await call.ended(12)
    assert service.came_back == [back]


async def test_an_agent_who_does_not_or_will_not_answer_sends_the_caller_back(
    asterisk_unchanged: Baseline, service: StandIn, caller: Softphone, desk: OpenPhone
) -> None:
    agent = await desk("101")
    service.context = "to-agent"
    service.variables = {"M3_AGENT": "e0000000101", "M3_EXTENSION": "101", "M3_DIAL_TIMEOUT": "1"}
    for behaviour in (NeverAnswer(), Decline(status=486)):
        agent.on_invite = behaviour
        await (await caller.dial(DID)).ended(5)
    assert service.came_back == [["dial_left", "101", "NOANSWER"], ["dial_left", "101", "BUSY"]]


@pytest.mark.parametrize("after", ["", "yes"])
@pytest.mark.parametrize("away", [False, True])
async def test_a_caller_whose_agent_hangs_up_comes_back_only_if_that_is_wanted(
    after: str, away: bool, asterisk_unchanged: Baseline, service: StandIn, caller: Softphone, desk: OpenPhone
) -> None:  # fmt: skip
    agent = await desk("102")
    agent.on_invite = Answer(after=0.1, tone=1700)
    service.context, service.variables = "to-queue", {"M3_QUEUE": "sales", "M3_AFTER": after}
    call = await caller.dial(DID)
    await call.hear_tone(1700, within=15)
    if away:
        await service.leave()
    await agent.received[0].hangup()
    assert (await call.ended(5)).by == "them", "no mailbox for who has talked to an agent"
    assert service.came_back == ([["queue_left", "sales", "CONTINUE"]] if after and not away else [])


@pytest.mark.parametrize(
    ("context", "variables"),
    [("to-queue", {"M3_QUEUE": "sales"}), ("to-agent", {"M3_AGENT": "e0000000102", "M3_EXTENSION": "102"})],
)
@pytest.mark.parametrize("recorded", ["yes", "no"])
async def test_a_talk_is_recorded_only_where_that_was_decided_each_side_apart_and_in_step(
    context: str, variables: dict[str, str], recorded: str, asterisk_unchanged: Baseline, service: StandIn,
    caller: Softphone, desk: OpenPhone, spool: Path,
) -> None:  # fmt: skip
    agent = await desk("102")
    agent.on_invite = Answer(after=0.6)
    service.context = context
    service.variables = {**variables, "M3_RECORD": recorded, "M3_CALL_ID": CALL_ID}
    call = await caller.dial(DID)
    talk = await agent.next_call(after=0)
    await call.answered()
    await eventually(lambda: talk.state is CallState.ANSWERED, what="the agent's answer")
    call.say(500)
    await talk.hear_tone(500)
    call.say(silence())
    await talk.hear_silence()
    call.say(800)  # both at once
    talk.say(800)
    await asyncio.gather(call.hear_tone(800), talk.hear_tone(800))
    await call.hangup()
    await talk.ended()
    talked = talk.seconds("answered", "ended")
    if recorded == "no":
        assert _names(spool) == []
        return
    rx, tx = (spool / f"{CALL_ID}-{way}.wav" for way in ("rx", "tx"))
    await eventually(lambda: _is_finished(rx) and _is_finished(tx), what="both recordings complete")
    assert _names(spool) == [rx.name, tx.name]
    says, hears = _loud(rx, 800), _loud(tx, 800)
    assert abs(says.size - hears.size) <= 6  # hundredths of a second, here and below
    assert abs(says.size - 100 * talked) <= 25  # the 0.6 s of ringing are not in it
    assert abs(int(says.argmax()) - int(hears.argmax())) <= 6
    assert _loud(rx, 500).any()
    assert not _loud(tx, 500).any()


async def test_a_queue_speaks_before_during_and_after_the_wait_and_the_agent_s_announcement_is_the_agent_s_alone(
    asterisk_unchanged: Baseline, service: StandIn, caller: Softphone, desk: OpenPhone
) -> None:
    service.context, service.variables = "to-queue", {"M3_QUEUE": "spoken"}
    call = await caller.dial(DID)
    await call.hear_tone(700)  # joining
    await call.hear_tone(1300, within=12)  # waiting
    agent = await desk("101")
    agent.on_invite = Answer(after=0.1, tone=1870)
    talk = await agent.next_call(after=0, within=10)
    await talk.hear_tone(2310)
    call.say(440)
    await call.hear_tone(1870)
    await talk.hear_tone(440)
    await call.hangup()
    await talk.ended()
    for hz, heard in ((700, True), (1300, True), (2310, False), (1870, True)):
        assert _ever(call.ear.samples(), hz) is heard, hz
    for hz, heard in ((700, False), (1300, False), (2310, True), (440, True)):
        assert _ever(talk.ear.samples(), hz) is heard, hz


def _ever(samples: npt.NDArray[np.int16], hz: float) -> bool:
    """Whether this tone was heard for a tenth of a second at any time."""
    return any(is_tone(samples[at : at + 800], 8000, hz) for at in range(0, len(samples) - 800, 400))


def _names(folder: Path) -> list[str]:
    return sorted(path.name for path in folder.iterdir())


def _is_finished(path: Path) -> bool:
    """The file has the size that its heading promises."""
    try:
        with wave.open(str(path)) as file:
            return bool(path.stat().st_size == 44 + file.getnframes() * file.getsampwidth())
    except (wave.Error, EOFError, FileNotFoundError):
        return False


def _loud(path: Path, hz: float) -> npt.NDArray[np.bool_]:
    """For each hundredth of a second whether this tone is what is heard."""
    samples, rate = read(path)
    assert rate == 8000
    return np.array([is_tone(samples[at : at + 400], rate, hz) for at in range(0, len(samples), 80)])
