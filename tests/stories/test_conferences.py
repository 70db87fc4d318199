"""Conferences on real phones: who hears whom, who gets in, what moderators and the API can do, and what is left behind."""

from __future__ import annotations

import asyncio
import random
import time
from contextlib import suppress
from itertools import count
from pathlib import Path
from typing import Any

import aiohttp
import pytest

from m3voip.phones import PhoneError
from m3voip.phones.call import Call
from m3voip.phones.media.tones import level_dbfs
from tests.stories.rooms import THERE, conference, hears, join, roster, steer
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
    agent_phone: OpenPhone, api: Api, free: str, tmp_path: Path
) -> None:
    async with conference(api, free, announce=False, record="on_demand") as made:
        calls = await gather(agent_phone, api, made, ("101", "102", "103"))
        now = await roster(api, made, 3)
        assert [party["number"] for party in now["parties"]] == ["101", "102", "103"]
        assert (now["locked"], now["recording"]) == (False, False)
        await hears(calls, {who: TONES[who] for who in calls})

        await steer(api, made, "recording/start")
        await recording_is(api, made, 3, on=True)
        await steer(api, made, "recording/start", expect=409)
        await hears(calls, {who: TONES[who] for who in calls})
        await asyncio.sleep(1.5)  # something to record
        await steer(api, made, "recording/stop")
        await recording_is(api, made, 3, on=False)

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
        await steer(api, made, "recording/start")  # and nobody stops it: it ends with the meeting
        await recording_is(api, made, 2, on=True)
        await hears(calls, {who: TONES[who] for who in ("101", "103")})
        await asyncio.sleep(1.5)
        await calls.pop("101").hangup()
        await roster(api, made, 1)
        await calls.pop("103").hangup()
        meeting = await meeting_of(api, made)
        assert (meeting["id"], meeting["parties"]) == (now["meetingId"], 3)
        assert [stay["number"] for stay in meeting["stays"]] == ["101", "102", "103"]
        assert all(stay["joinedAt"] < stay["leftAt"] <= meeting["endedAt"] for stay in meeting["stays"])
        assert (await roster(api, made, 0))["meetingId"] is None
        await steer(api, made, "lock", expect=409)
        first, later = await recordings(api, meeting, 2, tmp_path)
        assert loud(first) == {"101", "102", "103"}
        assert loud(later) == {"101", "103"}


async def recording_is(api: Api, made: Json, parties: int, *, on: bool) -> None:
    async def so() -> bool:
        return bool((await roster(api, made, parties))["recording"]) is on

    await eventually(so, 5, what=f"recording to be {on}")


async def recordings(api: Api, meeting: Json, count: int, folder: Path) -> list[Path]:
    """A meeting's recordings, downloaded, in the order in which they were made."""

    async def stored() -> list[Json] | None:
        items: list[Json] = (await api.get(f"/v1/tm/meetings/{meeting['id']}"))["recordings"]
        return items if len(items) == count else None

    files = []
    for number, item in enumerate(await eventually(stored, 20, what=f"{count} recordings")):
        link = await api.ask("POST", f"/v1/tm/recordings/{item['id']}/link")
        async with aiohttp.ClientSession() as stranger, stranger.get(link["url"]) as reply:
            assert reply.status == 200
            files.append(folder / f"{number}.flac")
            files[-1].write_bytes(await reply.read())
    return sorted(files, key=lambda file: len(loud(file)), reverse=True)


def loud(file: Path, share: float = THERE) -> set[str]:
    """Whose tones make up at least this ``share`` of a recording."""
    samples, rate = read(file)
    return {who for who, hz in TONES.items() if tone_share(samples, rate, hz) > share}


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
        typed = time.monotonic()
        end = await late.ended(within=15)
        assert (end.by, len((await roster(api, made, 2))["parties"])) == ("them", 2)
        assert level_dbfs(late.ear.samples(since=typed + 0.3)) > -40, "the words that it is locked"
        await calls["101"].send_digits("*4")
        assert (await calls.pop("102").ended()).by == "them"
        await roster(api, made, 1)
        with suppress(PhoneError):  # it ends while the key is still down
            await calls["101"].send_digits("*0")
        await calls["101"].ended()


async def test_who_is_not_let_in_is_told_why_wrong_pin_three_times_locked_full(
    agent_phone: OpenPhone, api: Api, free: str
) -> None:
    async with asyncio.TaskGroup() as at_once:
        at_once.create_task(wrong_pins(agent_phone, api, free), name="tests.wrong_pins")
        at_once.create_task(locked_and_full(agent_phone, api, str(next(_numbers))), name="tests.locked_and_full")


async def wrong_pins(agent_phone: OpenPhone, api: Api, free: str) -> None:
    async with conference(api, free, pin="2468") as made:
        assert made["hasPin"]
        assert "2468" not in str(made)
        call = await join(await agent_phone("104"), made["number"], 440, "1111")
        for wrong in ("2222", "3333"):
            await call.send_digits(f"{wrong}#")
        assert (await call.ended(within=15)).by == "them"
        await roster(api, made, 0)
        assert (await api.get("/v1/tm/meetings", conference=made["id"]))["items"] == []


async def locked_and_full(agent_phone: OpenPhone, api: Api, free: str) -> None:
    settings = {"moderatorPin": "13579", "lockedAtStart": True, "maxParties": 2, "announce": False}
    async with conference(api, free, **settings) as made:
        early = await join(await agent_phone("102"), made["number"], TONES["102"])
        await early.hear_sound()
        await early.send_digits("#")
        assert (await early.ended(within=15)).by == "them"
        chair = await join(await agent_phone("101"), made["number"], TONES["101"], "13579")

        async def locked() -> bool:
            return bool((await roster(api, made, 1))["locked"])

        await eventually(locked, 5, what="the lock at the start")
        await steer(api, made, "unlock")
        second = await join(await agent_phone("102"), made["number"], TONES["102"])
        await second.hear_sound()
        await second.send_digits("#")
        await roster(api, made, 2)
        third = await join(await agent_phone("103"), made["number"], TONES["103"])
        await third.hear_sound()
        await third.send_digits("#")
        asked = time.monotonic()
        assert (await third.ended(within=15)).by == "them"
        assert level_dbfs(third.ear.samples(since=asked + 0.3)) > -40, "the words that it is full"
        await steer(api, made, "end")
        await asyncio.gather(chair.ended(), second.ended())
        meeting = await meeting_of(api, made)
        assert [stay["moderator"] for stay in meeting["stays"]] == [True, False]


async def test_a_caller_from_outside_joins_by_a_tree_and_goes_on_in_it(
    agent_phone: OpenPhone, trunk_caller: OpenPhone, api: Api, free: str, number: str, tmp_path: Path
) -> None:
    settings = {"moderatorPin": "13579", "waitForModerator": True, "announce": False, "record": "always"}
    async with conference(api, free, **settings) as made:
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
        meeting = await meeting_of(api, made)
        assert [stay["callId"] for stay in meeting["stays"]] == [ended["id"], None]
        (whole,) = await recordings(api, meeting, 1, tmp_path)
        assert {"101", "102"} <= loud(whole, 0.03)
        await api.ask("DELETE", f"/v1/tm/dids/{did['id']}")
        await api.ask("DELETE", f"/v1/tm/ivr-trees/{tree['id']}")


async def test_twenty_come_and_go_at_random_and_every_stay_is_written_down(
    agent_phone: OpenPhone, api: Api, free: str
) -> None:
    chance = random.Random(12)
    phones = [await agent_phone(extension) for extension in ("101", "102", "103", "104", "105")]
    async with conference(api, free, announce=False) as made:
        inside = [await join(phones[0], made["number"], 400)]
        joined = 1
        for _ in range(60):
            if len(inside) < 20 and (joined < 20 or chance.random() < 0.5):
                call = await phones[joined % 5].dial(made["number"], tone=400 + 20 * joined)
                await call.answered()
                await call.hear_sound()  # answered is not yet inside
                inside.append(call)
                joined += 1
            else:
                await inside.pop(chance.randrange(len(inside))).hangup()
        present = await roster(api, made, len(inside), within=15)
        assert len({party["partyId"] for party in present["parties"]}) == len(inside)
        await asyncio.gather(*(call.hangup() for call in inside))
        meeting = await meeting_of(api, made)
        assert (meeting["parties"], len(meeting["stays"])) == (joined, joined)
        assert all(stay["leftAt"] for stay in meeting["stays"])
