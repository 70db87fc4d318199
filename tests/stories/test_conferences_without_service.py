"""A conference does not need the service: it is killed, people talk on, come and go, and all of it is known afterwards."""

from __future__ import annotations

import os
import signal
from collections.abc import AsyncIterator
from datetime import UTC, datetime

import pytest

from m3voip.phones import PhoneError
from m3voip.phones.call import Call
from m3voip.stack.stack import Stack
from tests.stories.rooms import conference, hears, join, roster
from tests.support import leaks
from tests.support.eventually import eventually
from tests.support.fixtures import OpenPhone
from tests.support.office import Api, Json

pytestmark = [pytest.mark.asterisk, pytest.mark.usefixtures("nothing_left")]

TONES = {"101": 440, "102": 1000, "103": 1700, "outside": 2300}
NUMBER, DID = "8900", "15550189000"
TREE = """\
version: 1
entry: room
nodes:
  room: {conference: "8900"}
"""


@pytest.fixture
async def nothing_left(stack: Stack) -> AsyncIterator[None]:
    """The leak check without the service, which does not outlive this story."""
    pid = stack.processes["asterisk"].pid
    assert pid
    async with leaks.nothing_left(stack.cli, {"asterisk": pid}):
        yield


async def test_a_killed_service_ends_no_meeting_and_knows_afterwards_who_came_and_went(
    stack: Stack, agent_phone: OpenPhone, trunk_caller: OpenPhone, api: Api, number: str
) -> None:
    await stack.processes["service"].wait_ready()  # a story before this one may have killed it
    async with conference(api, NUMBER, announce=False) as made:
        tree = await api.ask("POST", "/v1/tm/ivr-trees", json={"name": "killed-room", "source": TREE})
        did = await api.ask("POST", "/v1/tm/dids", json={"number": f"+{DID}", "treeId": tree["id"]})
        caller = await trunk_caller()

        async def reached() -> Call | None:
            call = await caller.dial(DID, tone=TONES["outside"], caller_id=number)
            try:
                await call.answered()
            except PhoneError:  # nobody has this number yet
                return None
            return call

        phones = {who: await agent_phone(who) for who in ("101", "102", "103")}
        calls = {"outside": await eventually(reached, 15, every=0.3, what="the DID to be in effect")}
        for who in ("101", "102"):
            calls[who] = await join(phones[who], NUMBER, TONES[who])
        before = await roster(api, made, 3)
        assert (await api.in_state(number, "conference"))["state"] == "conference"

        service = stack.processes["service"]
        killed, died = service.pid, datetime.now(UTC)
        assert killed
        os.kill(killed, signal.SIGKILL)
        await calls.pop("101").hangup()
        calls["103"] = await join(phones["103"], NUMBER, TONES["103"])
        await hears(calls, {who: TONES[who] for who in calls})
        alone = datetime.now(UTC)
        await eventually(lambda: service.pid not in (None, killed), 30, what="the next process")
        await service.wait_ready()

        async def caught_up() -> Json | None:
            meeting = await api.get(f"/v1/tm/meetings/{before['meetingId']}")
            stays = {stay["number"]: stay for stay in meeting["stays"]}
            return stays if len(stays) == 4 and stays["101"]["leftAt"] else None

        stays = await eventually(caught_up, 15, what="what was missed to be written down")
        now = await roster(api, made, 3)
        assert now["meetingId"] == before["meetingId"]
        assert {party["number"] for party in now["parties"]} == {f"+{number}", "102", "103"}
        left, came = (
            datetime.fromisoformat(stays[who][when]) for who, when in (("101", "leftAt"), ("103", "joinedAt"))
        )
        assert died < left < alone
        assert died < came < alone
        kinds = await api.kinds((await api.call_from(number))["id"])
        assert kinds[-1] == "call.resumed"
        await hears(calls, {who: TONES[who] for who in calls})
        await calls.pop("outside").hangup()
        ended = await api.ended(number)
        assert (ended["endReason"], (await api.kinds(ended["id"])).count("call.ended")) == ("caller_hung_up", 1)
        for call in calls.values():
            await call.hangup()
        await api.ask("DELETE", f"/v1/tm/dids/{did['id']}")
        await api.ask("DELETE", f"/v1/tm/ivr-trees/{tree['id']}")
