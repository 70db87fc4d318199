"""Voicemail on real parts: left, heard, deleted, forwarded, by phone and by the API, which always agree; and every way in
which leaving a message can end."""

from __future__ import annotations

import asyncio
import io
from pathlib import Path

import aiohttp
import numpy as np
import pytest
import soundfile

from m3voip.phones import Softphone
from m3voip.phones.outgoing import OutgoingCall
from tests.support.eventually import eventually
from tests.support.fixtures import OpenPhone
from tests.support.office import Api, Json
from tests.support.tones import tone_seconds

pytestmark = [pytest.mark.asterisk, pytest.mark.usefixtures("stack_unchanged")]

TREE = """\
version: 1
entry: message
nodes:
  message:
    voicemail:
      box: "{box}"
      then: bye
      on_error: sorry
  sorry: {{hangup: Please call again.}}
  bye: {{hangup: Thank you.}}
"""
GREETING = 1300
"""Hz of the greeting in these stories."""
BEEP = 700


class Office:
    """A mailbox of its own for a story, the agent's phone that has it, and a number that leads straight to it."""

    def __init__(self, api: Api, box: Json, did: str, agent: str) -> None:
        self.api, self.box, self.did, self.agent = api, box, did, agent
        self.number: str = box["box"]

    async def messages(self, **filters: str) -> list[Json]:
        items: list[Json] = (await self.api.get("/v1/tm/voicemails", mailbox=self.number, **filters))["items"]
        return items

    async def some(self, count: int = 1, **filters: str) -> list[Json]:
        """The box's messages as soon as there are so many."""

        async def there() -> list[Json] | None:
            found = await self.messages(**filters)
            return found if len(found) == count else None

        return await eventually(there, 15, what=f"{count} messages {filters}")

    async def change(self, **values: object) -> None:
        await self.api.ask("PATCH", f"/v1/tm/mailboxes/{self.box['id']}", json=values)


async def make_office(api: Api, box: str, did: str, agent: str, **more: object) -> Office:
    """Through the API, as an operator does it."""
    made = await api.ask("POST", "/v1/tm/mailboxes", json={"box": box, **more})
    who = next(a for a in (await api.get("/v1/tm/agents"))["items"] if a["extension"] == agent)
    await api.ask("PATCH", f"/v1/tm/agents/{who['id']}", json={"mailboxId": made["id"]})
    tree = await api.ask("POST", "/v1/tm/ivr-trees", json={"name": f"box-{box}", "source": TREE.format(box=box)})
    await api.ask("POST", "/v1/tm/dids", json={"number": f"+{did}", "treeId": tree["id"]})
    known = api.stack.folders.generated / "dids.conf"
    await eventually(lambda: did in known.read_text(), 15, what="the number to be known")
    file = io.BytesIO()
    soundfile.write(file, 0.2 * np.sin(2 * np.pi * GREETING * np.arange(16000 * 2) / 16000), 16000, format="WAV")
    greeting = await api.ask("PUT", f"/v1/tm/mailboxes/{made['id']}/greeting", data=file.getvalue())
    assert greeting["played"] == "recording"
    return Office(api, made, did, agent)


@pytest.fixture
async def office(api: Api) -> Office:
    """Box 860 with agent 102; made by the first story that needs it."""
    known = [box for box in (await api.get("/v1/tm/mailboxes"))["items"] if box["box"] == "860"]
    if not known:
        return await make_office(api, "860", "15550100860", "102")
    office = Office(api, known[0], "15550100860", "102")
    for message in await office.messages():
        await api.ask("DELETE", f"/v1/tm/voicemails/{message['id']}")
    await office.change(maxMessages=100, maxMessageSec=300)
    return office


async def speak(phone: Softphone, office: Office, number: str, hz: int, seconds: float = 1.2) -> OutgoingCall:
    """Call, hear the greeting and the beep, say a tone; the call goes on."""
    call = await phone.dial(office.did, caller_id=number)
    await call.answered()
    await call.hear_tone(GREETING, within=15, seconds=0.3)
    await call.send_digits("1")  # any key ends the greeting
    await call.hear_tone(BEEP, within=15, seconds=0.1)
    call.say(hz)
    await asyncio.sleep(seconds)  # the length of the message
    return call


async def press(call: OutgoingCall, *keys: str) -> None:
    """As a person does, who listens for a moment before each."""
    for some in keys:
        await asyncio.sleep(1)
        await call.send_digits(some)


async def removed(office: Office, message: Json) -> bool:
    return message["id"] in [one["id"] for one in await office.messages(state="deleted")]


async def lamp(phone: Softphone, on: bool, within: float = 5.0) -> None:
    await eventually(lambda: phone.messages_waiting is on, within, what=f"the lamp {'on' if on else 'off'}")


async def sound_of(office: Office, message: Json, target: Path) -> Path:
    """By a link, as a CRM plays it."""
    link = await office.api.ask("POST", f"/v1/tm/voicemails/{message['id']}/link")
    async with aiohttp.ClientSession() as stranger, stranger.get(link["url"]) as reply:
        assert reply.status == 200
        target.write_bytes(await reply.read())
    return target


async def test_a_message_is_left_lights_the_lamp_and_is_heard_by_link(
    trunk_caller: OpenPhone, agent_phone: OpenPhone, office: Office, number: str, tmp_path: Path
) -> None:
    agent, caller = await agent_phone("102"), await trunk_caller()
    call = await speak(caller, office, number, 440)
    await call.hangup()
    (message,) = await office.some()
    assert (message["caller"], message["heardAt"]) == (f"+{number}", None)
    await lamp(agent, True)
    ended = await office.api.ended(number)
    events = await office.api.events(ended["id"])
    assert [e["kind"] for e in events][-2:] == ["call.ended", "voicemail.stored"]
    assert (events[-1]["payload"]["caller"], events[-1]["payload"]["voicemail"]) == (number, message["id"])
    heard = await sound_of(office, message, tmp_path / "message.flac")
    assert tone_seconds(heard, 0, 440) > 0.4
    assert tone_seconds(heard, 0, GREETING) == 0
    spool = office.api.stack.settings.asterisk_spool / "message"
    assert [path.name for path in spool.iterdir() if ended["id"] in path.name] == []


async def phone_and_api_agree_whichever_side_changes_a_message(
    office: Office, agent: Softphone, caller: Softphone, number: str
) -> None:
    for hz in (440, 520):
        await (await speak(caller, office, number, hz)).hangup()
        await office.some(1 if hz == 440 else 2)
    second, first = await office.messages()
    await lamp(agent, True)
    menu = await agent.dial("*97")
    await menu.hear_tone(440, within=20, seconds=0.3)  # the older of the new ones comes first
    await menu.send_digits("6")
    await menu.hear_tone(520, within=15, seconds=0.3)
    await eventually(lambda: office.messages(state="read"), 5, what="the first message read")
    await menu.send_digits("7")
    await eventually(lambda: removed(office, second), 10, what="the second message deleted")
    await lamp(agent, False)
    await press(menu, "7")  # taken back
    await office.some(2)
    await menu.hangup()

    path = f"/v1/tm/voicemails/{first['id']}"
    await office.api.ask("PATCH", path, json={"read": False})
    await lamp(agent, True)
    await office.api.ask("DELETE", path)
    await lamp(agent, False)
    menu = await agent.dial("*97")
    await menu.hear_tone(520, within=20, seconds=0.3)  # what the API deleted is not in the list
    await press(menu, "4", "#")
    assert (await menu.ended(15)).by == "them"
    kinds = await office.api.kinds(first["callId"])
    assert kinds[-4:] == ["voicemail.stored", "voicemail.read", "voicemail.unread", "voicemail.deleted"]
    by = [(e["kind"], e["payload"]["by"]) for e in await office.api.events(second["callId"]) if "by" in e["payload"]]
    assert by == [("voicemail.read", "phone"), ("voicemail.deleted", "phone"), ("voicemail.restored", "phone")]


async def test_every_way_to_leave_a_message_ends_well(
    trunk_caller: OpenPhone, office: Office, api: Api, number: str
) -> None:
    """All at once: they share a box, and each has a file of its own; but for the box that is full."""
    small = await make_office(api, "863", "15550100863", "105", maxMessages=1)
    callers = {name: f"{number}{n}" for n, name in enumerate(("greeting", "silent", "long", "one", "two"))}
    await office.change(maxMessageSec=5)
    phone = await trunk_caller()

    async def in_the_greeting() -> None:
        call = await phone.dial(office.did, caller_id=callers["greeting"])
        await call.hear_tone(GREETING, within=15, seconds=0.3)
        await call.hangup()

    async def saying_nothing() -> None:
        call = await phone.dial(office.did, caller_id=callers["silent"])
        await call.hear_tone(BEEP, within=15, seconds=0.1)
        assert (await call.ended(30)).by == "them"

    async def without_end() -> None:
        call = await speak(phone, office, callers["long"], 480)
        assert (await call.ended(30)).by == "them"

    async def pressing_pound(name: str, hz: int) -> None:
        call = await speak(phone, office, callers[name], hz)
        await call.send_digits("#")
        assert (await call.ended(30)).by == "them"

    async def into_a_full_box() -> None:
        await (await speak(phone, small, f"{number}7", 440)).hangup()
        await small.some()
        call = await phone.dial(small.did, caller_id=f"{number}8")
        await call.hear_sound()
        assert (await call.ended(20)).by == "them"
        ended = await api.ended(f"{number}8")
        left = next(e for e in await api.events(ended["id"]) if e["kind"] == "voicemail.left")
        assert (left["payload"]["status"], ended["node"]) == ("FULL", "sorry")  # told so, and the tree goes on

    await asyncio.gather(
        in_the_greeting(), saying_nothing(), without_end(), pressing_pound("one", 440), pressing_pound("two", 560),
        into_a_full_box(),
    )  # fmt: skip
    stored = {message["caller"]: message for message in await office.some(3)}
    assert set(stored) == {f"+{callers[name]}" for name in ("long", "one", "two")}
    assert 4.5 < stored[f"+{callers['long']}"]["durationSec"] < 5.5
    stories = {name: await office.api.ended(caller) for name, caller in callers.items()}
    assert {name: call["endReason"] for name, call in stories.items()} == {
        "greeting": "caller_hung_up", "silent": "completed", "long": "completed", "one": "completed", "two": "completed",
    }  # fmt: skip
    hung_up = await office.api.kinds(stories["greeting"]["id"])
    assert [kind for kind in hung_up if kind.startswith("voicemail")] == ["voicemail.entered"]

    async def discarded() -> list[Json]:
        events = await office.api.events(stories["silent"]["id"])
        return [event for event in events if event["kind"] == "voicemail.discarded"]

    (nothing,) = await eventually(discarded, 10, what="the fact that nothing was said")
    assert (nothing["payload"]["why"], nothing["payload"]["box"]) == ("silent", office.number)


async def a_greeting_is_spoken_into_the_owner_s_phone(
    office: Office, agent: Softphone, caller: Softphone, number: str
) -> None:
    api = office.api
    menu = await agent.dial("*97")
    await menu.hear_sound()
    await press(menu, "0", "1")
    await menu.hear_tone(BEEP, within=20, seconds=0.1)
    menu.say(900)
    await asyncio.sleep(1.5)  # the greeting
    await menu.send_digits("#")

    async def spoken() -> bool:
        greeting = await api.get(f"/v1/tm/mailboxes/{office.box['id']}/greeting")
        return bool(greeting["source"] == "phone" and greeting["played"] == "recording")

    await eventually(spoken, 10, what="the greeting of the phone")
    await menu.hangup()
    call = await caller.dial(office.did, caller_id=number)
    await call.hear_tone(900, within=15, seconds=0.3)
    await call.hangup()
    await api.ask("DELETE", f"/v1/tm/mailboxes/{office.box['id']}/greeting")
    await office.change(greeting="You have reached the night desk.")
    call = await caller.dial(office.did, caller_id=number)
    await call.hear_sound()
    await call.hangup()
    assert (await api.get(f"/v1/tm/mailboxes/{office.box['id']}"))["greetingPlayed"] == "text"


async def another_phone_opens_a_box_by_its_pin_and_forwards_a_message(
    office: Office, other: Softphone, caller: Softphone, number: str
) -> None:
    api = office.api
    await api.ask("PUT", f"/v1/tm/mailboxes/{office.box['id']}/pin", json={"pin": "482913"})
    await (await speak(caller, office, number, 440)).hangup()
    (message,) = await office.some()

    async def enter(box: str, pin: str) -> OutgoingCall:
        call = await other.dial("*98")
        await call.hear_sound()
        await press(call, f"{box}#", f"{pin}#")
        return call

    wrong = await enter(office.number, "482914")
    await press(wrong, f"{office.number}#", "0000#", "4711#", "482913#")
    assert (await wrong.ended(20)).by == "them"
    assert (await office.messages())[0]["heardAt"] is None

    menu = await enter(office.number, "482913")
    await menu.hear_tone(440, within=20, seconds=0.3)
    await press(menu, "8", "803#")

    async def copied() -> list[Json]:
        items = (await api.get("/v1/tm/voicemails", mailbox="803"))["items"]
        return [one for one in items if one["forwardedFrom"] == message["id"]]

    (copy,) = await eventually(copied, 15, what="the copy in the other box")
    assert (copy["caller"], copy["heardAt"]) == (f"+{number}", None)
    await menu.hangup()
    log = (api.stack.folders.log / "agi.log").read_text() + (
        api.stack.folders.asterisk_log / "messages.log"
    ).read_text()
    assert "482913" not in log
    assert "482914" not in log


async def test_owners_and_others_use_boxes_by_phone_and_the_api_agrees(
    trunk_caller: OpenPhone, agent_phone: OpenPhone, office: Office, api: Api, number: str
) -> None:
    """Three stories at once, for they mostly wait for announcements; each has a box of its own."""
    caller = await trunk_caller()
    await asyncio.gather(
        phone_and_api_agree_whichever_side_changes_a_message(office, await agent_phone("102"), caller, f"{number}1"),
        a_greeting_is_spoken_into_the_owner_s_phone(
            await make_office(api, "861", "15550100861", "103"), await agent_phone("103"), caller, f"{number}2"
        ),
        another_phone_opens_a_box_by_its_pin_and_forwards_a_message(
            await make_office(api, "862", "15550100862", "105"), await agent_phone("104"), caller, f"{number}3"
        ),
    )
