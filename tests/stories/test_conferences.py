"""Conferences on real phones: who hears whom, who gets in, what moderators and the API can do, and what is left behind."""

from __future__ import annotations

import asyncio
import os
import random
import signal
from contextlib import AsyncExitStack
from itertools import count
from pathlib import Path
from typing import Any

import aiohttp
import pytest

from m3voip.phones import PhoneError
from m3voip.phones.call import Call
from m3voip.stack.stack import Stack
from tests.stories.rooms import conference, hears, join, roster, shares, steer
from tests.support.eventually import eventually
from tests.support.fixtures import OpenPhone
from tests.support.office import Api, Json
from tests.support.tones import read, tone_share

pytestmark = [pytest.mark.asterisk, pytest.mark.usefixtures("stack_unchanged")]

_numbers = count(8000)

TONES = {"101": 440, "102": 1000, "103": 1700, "104": 2300}

TREE = """\
version: 1
entry: room
nodes:
  room: {{conference: {{number: "{number}", then: thanks, on_refused: sorry}}}}
  thanks: {{hangup: Thank you.}}
  sorry: {{hangup: You cannot be let in.}}
"""


@pytest.fixture
def free() -> str:
    """A conference's number that no other story uses."""
    return str(next(_numbers))


async def gather(
    agent_phone: OpenPhone, api: Api, made: Json, who: tuple[str, ...], pins: dict[str, str] | None = None
) -> dict[str, Any]:
    """These agents join, one after the other."""
    calls: dict[str, Any] = {}
    for extension in who:
        phone = await agent_phone(extension)
        calls[extension] = await join(phone, made["number"], TONES[extension], (pins or {}).get(extension, ""))
        await roster(api, made, len(calls), within=20)
    return calls


async def meeting_of(api: Api, made: Json) -> Json:
    """The newest meeting, whole, once it has ended."""

    async def over() -> Json | None:
        items = (await api.get("/v1/tm/meetings", conference=made["id"]))["items"]
        return items[0] if items and items[0]["endedAt"] else None

    newest = await eventually(over, 10, what="the meeting to end")
    return await api.get(f"/v1/tm/meetings/{newest['id']}")


async def test_three_hear_each_other_and_nobody_themselves_and_it_is_written_down(
    agent_phone: OpenPhone, api: Api, free: str
) -> None:
    async with conference(api, free, announce=False) as made:
        calls = await gather(agent_phone, api, made, ("101", "102", "103"))
        now = await roster(api, made, 3)
        assert [party["number"] for party in now["parties"]] == ["101", "102", "103"]
        assert (now["locked"], now["recording"]) == (False, False)
        await hears(calls, {who: TONES[who] for who in calls})

        second = now["parties"][1]["partyId"]
        await steer(api, made, f"parties/{second}/mute")
        await hears(calls, TONES, silent=frozenset({"102"}))
        assert [party["muted"] for party in (await roster(api, made, 3))["parties"]] == [False, True, False]
        await steer(api, made, f"parties/{second}/unmute")
        await hears(calls, {who: TONES[who] for who in calls})

        await steer(api, made, "mute")
        await hears(calls, TONES, silent=frozenset(calls))
        await steer(api, made, "unmute")
        await hears(calls, {who: TONES[who] for who in calls})

        await steer(api, made, f"parties/{second}/kick")
        assert (await calls.pop("102").ended()).by == "them"
        await roster(api, made, 2)
        await hears(calls, {who: TONES[who] for who in ("101", "103")})
        await calls.pop("101").hangup()
        await roster(api, made, 1)
        await calls.pop("103").hangup()
        meeting = await meeting_of(api, made)
        assert (meeting["id"], meeting["parties"]) == (now["meetingId"], 3)
        assert [stay["number"] for stay in meeting["stays"]] == ["101", "102", "103"]
        assert all(stay["joinedAt"] < stay["leftAt"] <= meeting["endedAt"] for stay in meeting["stays"])
        assert (await roster(api, made, 0))["meetingId"] is None
        await steer(api, made, "lock", expect=409)


async def test_a_moderator_s_pin_makes_a_moderator_whose_keys_mute_lock_and_kick(
    agent_phone: OpenPhone, api: Api, free: str
) -> None:
    async with conference(api, free, pin="2468", moderatorPin="13579", announce=False) as made:
        pins = {"101": "13579", "102": "2468", "103": "2468"}
        calls = await gather(agent_phone, api, made, ("101", "102"), pins)
        assert [party["moderator"] for party in (await roster(api, made, 2))["parties"]] == [True, False]
        await calls["101"].send_digits("*2")
        await hears(calls, TONES, silent=frozenset({"102"}))
        await calls["101"].send_digits("*2")
        await hears(calls, {who: TONES[who] for who in calls})
        await calls["102"].send_digits("*2")  # not a participant's key
        await calls["101"].send_digits("*3")

        async def locked() -> bool:
            return bool((await roster(api, made, 2))["locked"])

        await eventually(locked, 5, what="the moderator's lock")
        late = await join(await agent_phone("103"), made["number"], TONES["103"], "2468")
        end = await late.ended(within=15)
        assert (end.by, len((await roster(api, made, 2))["parties"])) == ("them", 2)
        told = late.ear.samples()
        assert len(told) / 8000 > 3, "the prompt for the PIN and the words that it is locked"
        await calls["101"].send_digits("*4")
        assert (await calls.pop("102").ended()).by == "them"
        await roster(api, made, 1)
        await calls["101"].send_digits("*0")
        await calls["101"].ended()


async def test_a_wrong_pin_is_refused_three_times_and_never_stored(
    agent_phone: OpenPhone, api: Api, free: str, stack: Stack
) -> None:
    async with conference(api, free, pin="2468") as made:
        assert made["hasPin"]
        assert "2468" not in str(made)
        call = await join(await agent_phone("101"), made["number"], 440, "1111")
        for wrong in ("2222", "3333"):
            await eventually(lambda: call.ear.last(0.4).any(), 8, what="to be asked again")
            await asyncio.sleep(2.5)  # the words that it was wrong take so long; keys typed meanwhile are not heard
            await call.send_digits(f"{wrong}#")
        assert (await call.ended(within=15)).by == "them"
        await roster(api, made, 0)
        assert (await api.get("/v1/tm/meetings", conference=made["id"]))["items"] == []


async def test_a_caller_from_outside_joins_by_a_tree_and_goes_on_in_it(
    agent_phone: OpenPhone, trunk_caller: OpenPhone, api: Api, free: str, number: str
) -> None:
    async with conference(api, free, moderatorPin="13579", waitForModerator=True, announce=False) as made:
        tree = await api.ask(
            "POST", "/v1/tm/ivr-trees", json={"name": f"room-{free}", "source": TREE.format(number=free)}
        )
        did = await api.ask("POST", "/v1/tm/dids", json={"number": f"+155501{free}0", "treeId": tree["id"]})
        caller = await trunk_caller()

        async def inside() -> Call | None:
            call = await caller.dial(f"155501{free}0", tone=TONES["102"], caller_id=number)
            try:
                await call.answered()
            except PhoneError:
                return None
            return call

        call = await eventually(inside, 15, every=0.3, what="the DID to be in effect")
        await call.hear_sound()
        await call.send_digits("#")  # no PIN: a participant, who waits
        waiting = (await roster(api, made, 1))["parties"][0]
        record = await api.in_state(number, "conference")
        assert (waiting["waiting"], waiting["callId"]) == (True, record["id"])
        chair = await join(await agent_phone("101"), made["number"], TONES["101"], "13579")
        await hears({"101": chair, "102": call}, {who: TONES[who] for who in ("101", "102")})
        party = next(one for one in (await roster(api, made, 2))["parties"] if one["callId"])
        assert (party["waiting"], party["moderator"]) == (False, False)
        await steer(api, made, f"parties/{party['partyId']}/mute")
        await steer(api, made, f"parties/{party['partyId']}/kick")
        await call.ended()
        ended = await api.ended(number)
        assert (ended["node"], ended["endReason"]) == ("thanks", "completed")
        told = {e["kind"]: e["payload"] for e in await api.events(ended["id"]) if e["kind"].startswith("conference.")}
        assert list(told) == ["conference.entered", "conference.muted", "conference.left"]
        assert (told["conference.left"]["exit"], told["conference.left"]["conference"]) == ("kicked", free)
        await steer(api, made, "end")
        assert (await chair.ended()).by == "them"
        assert [stay["callId"] for stay in (await meeting_of(api, made))["stays"]] == [ended["id"], None]
        await api.ask("DELETE", f"/v1/tm/dids/{did['id']}")
        await api.ask("DELETE", f"/v1/tm/ivr-trees/{tree['id']}")
