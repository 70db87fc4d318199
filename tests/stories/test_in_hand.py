"""Calls in hand: who talks to whom after every request, told by the tones that each of them says."""

from __future__ import annotations

import asyncio
from pathlib import Path

import pytest

from m3voip.phones import Answer, Decline, NeverAnswer
from tests.stories.talk import CALLER, FIRST, SECOND, Talk
from tests.support.eventually import eventually
from tests.support.hearing import hears_all, hears_music, hears_none
from tests.support.tones import has_tone, tone_seconds

pytestmark = [pytest.mark.asterisk, pytest.mark.usefixtures("stack_unchanged")]


async def test_a_caller_on_hold_hears_music_and_is_recorded_in_one_piece(
    talk: Talk, number: str, tmp_path: Path
) -> None:
    await asyncio.sleep(1.0)  # something to record
    await talk.ask("hold")
    await hears_music(talk.caller, FIRST)
    await talk.agent.hear_silence()
    assert await talk.parties() == {"": ("caller", "main"), "101": ("agent", "aside")}
    await talk.ask("hold")  # asking twice changes nothing
    await talk.ask("resume")
    await talk.caller.hear_tone(FIRST)
    await talk.agent.hear_tone(CALLER)
    await asyncio.sleep(1.5)
    await talk.agent.hangup()
    await talk.caller.ended()
    ended = await talk.ended(number)
    assert (ended["endReason"], ended["agentExtension"]) == ("agent_hung_up", "101")
    recording = await talk.api.recording(ended["id"], tmp_path / "call.flac")
    assert tone_seconds(recording, 0, CALLER) >= ended["talkTimeSec"] - 1.0, "the caller's side has a hole"
    assert 2.0 <= tone_seconds(recording, 1, FIRST) < ended["talkTimeSec"] - 0.3, "the agent is not heard as they were"
    assert has_tone(recording, 1, FIRST, ended["talkTimeSec"] - 1.0, ended["talkTimeSec"] - 0.2)
    kinds = await talk.api.kinds(ended["id"])
    assert kinds.count("call.taken_in_hand") == 1
    assert kinds.count("party.placed") == 2


async def test_who_is_muted_is_not_heard(talk: Talk) -> None:
    await talk.ask("mute", extension="101")
    await talk.caller.hear_silence()
    await talk.agent.hear_tone(CALLER)
    await talk.ask("mute", extension="101", on=False)
    await talk.caller.hear_tone(FIRST)
    await talk.ask("mute", on=True)
    await talk.agent.hear_silence()
    await talk.ask("mute", on=False)
    await talk.agent.hear_tone(CALLER)
    await talk.ask("digits", digits="42#")
    await talk.caller.hear_digits("42#")
    await talk.caller.hangup()
    await talk.agent.ended()


@pytest.mark.parametrize("how", ["complete", "hang up"])
async def test_an_attended_transfer_leaves_caller_and_second_agent_together(
    talk: Talk, number: str, tmp_path: Path, how: str
) -> None:
    second = await talk.consult()
    assert await talk.parties() == {"": ("caller", "main"), "101": ("agent", "aside"), "104": ("guest", "aside")}
    await talk.ask("swap")
    await talk.caller.hear_tone(FIRST)
    await hears_music(second, FIRST, CALLER)
    await talk.ask("swap")
    await second.hear_tone(FIRST)
    if how == "complete":
        await talk.ask("complete")
        await talk.agent.ended()
    else:
        await talk.agent.hangup()
    await talk.caller.hear_tone(SECOND)
    await second.hear_tone(CALLER)
    assert await talk.parties() == {"": ("caller", "main"), "104": ("agent", "main")}
    assert (await talk.api.in_state(number, "in_hand"))["agentExtension"] == "104"
    await asyncio.sleep(1.0)  # something to record
    await second.hangup()
    await talk.caller.ended()
    ended = await talk.ended(number)
    assert (ended["endReason"], ended["agentExtension"]) == ("agent_hung_up", "104")
    assert [(leg["role"], leg["extension"]) for leg in ended["legs"]] == [
        ("caller", ""), ("agent", "101"), ("agent", "104"),
    ]  # fmt: skip
    recording = await talk.api.recording(ended["id"], tmp_path / "call.flac")
    assert tone_seconds(recording, 1, SECOND) >= 0.8
    assert tone_seconds(recording, 0, FIRST) == 0


async def test_an_attended_transfer_can_be_completed_while_the_second_phone_rings(talk: Talk, number: str) -> None:
    talk.other.on_invite = NeverAnswer()
    await talk.ask("consult", extension="104")
    second = await talk.other.next_call(10, after=0)
    await hears_music(talk.caller, FIRST)
    await talk.ask("complete")
    await talk.agent.ended()
    await hears_music(talk.caller, FIRST)
    second.answer(SECOND)
    await talk.caller.hear_tone(SECOND)
    await second.hear_tone(CALLER)
    await talk.caller.hangup()
    await second.ended()
    assert (await talk.ended(number))["agentExtension"] == "104"


async def test_a_consult_that_is_cancelled_or_declined_gives_the_caller_back(talk: Talk) -> None:
    second = await talk.consult()
    await talk.ask("cancel")
    await second.ended()
    await talk.caller.hear_tone(FIRST)
    await talk.agent.hear_tone(CALLER)
    talk.other.on_invite = Decline(status=486, after=1.5)
    await talk.ask("consult", extension="104")
    await hears_music(talk.caller, FIRST)
    await talk.caller.hear_tone(FIRST, within=10)
    assert await talk.parties() == {"": ("caller", "main"), "101": ("agent", "main")}
    await talk.agent.hangup()
    await talk.caller.ended()


@pytest.mark.parametrize("leaves", ["agent", "guest", "caller"])
async def test_three_hear_each_other_and_any_of_them_may_leave(talk: Talk, number: str, leaves: str) -> None:
    second = await talk.consult()
    await talk.ask("conference")
    await hears_all(talk.caller, FIRST, SECOND)
    await hears_all(talk.agent, CALLER, SECOND)
    await hears_all(second, CALLER, FIRST)
    hears_none(talk.caller, CALLER)
    if leaves == "agent":
        await talk.agent.hangup()
        await talk.caller.hear_tone(SECOND)
        await talk.caller.hangup()
    elif leaves == "guest":
        await second.hangup()
        await talk.caller.hear_tone(FIRST)
        await talk.agent.hear_tone(CALLER)
        await talk.caller.hangup()
    else:
        await talk.caller.hangup()
    await talk.agent.ended()
    await second.ended()
    assert (await talk.ended(number))["agentExtension"] == ("104" if leaves == "agent" else "101")


async def test_another_agent_is_added_and_dropped(talk: Talk) -> None:
    talk.other.on_invite = Answer(after=0.2, tone=SECOND)
    await talk.ask("add", extension="104")
    await hears_all(talk.caller, FIRST, SECOND, within=10)
    await talk.ask("drop", extension="104")
    await talk.other.received[0].ended()
    await talk.caller.hear_tone(FIRST)
    await talk.caller.hangup()
    await talk.agent.ended()


async def test_a_blind_transfer_to_an_agent_ends_with_that_agent(talk: Talk, number: str) -> None:
    talk.other.on_invite = Answer(after=0.3, tone=SECOND)
    await talk.ask("transfer", kind="extension", name="104")
    await talk.agent.ended()
    await talk.caller.hear_tone(SECOND, within=10)
    await talk.other.received[0].hear_tone(CALLER)
    await talk.other.received[0].hangup()
    await talk.caller.ended()
    ended = await talk.ended(number)
    assert (ended["endReason"], ended["agentExtension"]) == ("agent_hung_up", "104")
    assert [leg["extension"] for leg in ended["legs"]] == ["", "101", "104"]


async def test_a_blind_transfer_that_nobody_takes_comes_back_to_the_agent_who_made_it(talk: Talk, number: str) -> None:
    talk.other.on_invite = Decline(status=486)
    await talk.ask("hold")
    await hears_music(talk.caller, FIRST)
    await talk.ask("transfer", kind="extension", name="104")
    await talk.agent.ended()
    await talk.caller.hear_tone(FIRST, within=10)
    await talk.caller.hangup()
    assert (await talk.ended(number))["agentExtension"] == "101"


async def test_a_blind_transfer_to_a_queue_a_mailbox_and_a_node(talk: Talk, number: str) -> None:
    talk.other.on_invite = Answer(after=0.3, tone=SECOND)
    await talk.ask("transfer", kind="queue", name="support")
    await talk.agent.ended()
    await talk.caller.hear_tone(SECOND, within=20)
    second = talk.other.received[0]
    await second.hear_tone(CALLER)
    await talk.ask("transfer", kind="node", name="welcome")
    await second.ended()
    record = await talk.api.in_state(number, "ivr")
    assert (record["node"], record["queue"]) == ("welcome", "support")
    await talk.caller.hangup()
    ended = await talk.ended(number)
    assert [(visit["queue"], visit["outcome"]) for visit in ended["queueVisits"]] == [
        ("sales", "answered"), ("support", "answered"),
    ]  # fmt: skip


async def test_a_blind_transfer_to_a_mailbox_ends_with_a_message(talk: Talk, number: str) -> None:
    await talk.ask("transfer", kind="voicemail", name="801")
    await talk.agent.ended()
    await talk.api.in_state(number, "voicemail")
    await talk.caller.hangup()
    assert (await talk.ended(number))["endReason"] == "caller_hung_up"


async def test_a_parked_caller_is_picked_up_by_another_agent(talk: Talk, number: str) -> None:
    slot = (await talk.ask("park"))["slot"]
    await talk.agent.ended()
    await hears_music(talk.caller, FIRST)
    assert (await talk.api.get(f"/v1/tm/calls/{talk.id}/parties"))["slot"] == slot
    refused = await talk.ask("hold", expect=409)
    assert f"parked in slot {slot}" in refused["error"]["message"]
    talk.other.on_invite = Answer(after=0.2, tone=SECOND)
    await talk.ask("pick-up", extension="104")
    await talk.caller.hear_tone(SECOND, within=10)
    await talk.other.received[0].hear_tone(CALLER)
    assert await talk.parties() == {"": ("caller", "main"), "104": ("agent", "main")}
    await talk.caller.hangup()
    await talk.other.received[0].ended()
    assert (await talk.ended(number))["agentExtension"] == "104"


async def test_a_parked_caller_is_taken_by_dialling_the_slot(talk: Talk, number: str) -> None:
    slot = (await talk.ask("park"))["slot"]
    await talk.agent.ended()
    wrong = await talk.other.dial("*8799")
    await wrong.ended(15)
    await hears_music(talk.caller, FIRST)
    taking = await talk.other.dial(f"*8{slot}", tone=SECOND)
    await talk.caller.hear_tone(SECOND, within=10)
    await taking.hear_tone(CALLER)
    assert await talk.parties() == {"": ("caller", "main"), "104": ("agent", "main")}
    await taking.hangup()
    await talk.caller.ended()
    ended = await talk.ended(number)
    assert (ended["agentExtension"], ended["endReason"]) == ("104", "agent_hung_up")


async def test_a_phone_transfers_and_holds_by_its_own_keys(talk: Talk, number: str) -> None:
    await talk.agent.hold()
    await hears_music(talk.caller, FIRST)
    await talk.agent.hold(False)
    await talk.caller.hear_tone(FIRST)
    talk.other.on_invite = Answer(after=0.3, tone=SECOND)
    await talk.agent.transfer("sip:104@127.0.0.1")
    await talk.caller.hear_tone(SECOND, within=10)
    await eventually(
        lambda: talk.agent.end is not None or talk.agent.transfer_status == 200, 5, what="the phone's word"
    )
    await talk.caller.hangup()
    ended = await talk.ended(number)
    events = await talk.api.events(ended["id"])
    holds = [event["payload"]["on"] for event in events if event["kind"] == "party.phone_hold"]
    ordered = next(event["payload"] for event in events if event["kind"] == "call.transfer_ordered")
    assert holds == [True, False]
    assert (ordered["extension"], ordered["by_phone"], ordered["target"]["name"]) == ("101", True, "104")
    assert ended["agentExtension"] == "104"


async def test_what_cannot_be_done_is_refused_with_a_reason(talk: Talk, number: str) -> None:
    for what, body, words in (
        ("swap", {}, "nobody is consulted"),
        ("complete", {}, "nobody is consulted"),
        ("drop", {"extension": "104"}, "104 is not a guest"),
        ("mute", {"extension": "104"}, "104 is not in this call"),
        ("transfer", {"kind": "extension", "name": "101"}, "101 is in this call already"),
        ("transfer", {"kind": "node", "name": "nowhere"}, "no node 'nowhere'"),
        ("consult", {"extension": "101"}, "101 is in this call already"),
        ("pick-up", {"extension": "104"}, "not parked"),
    ):
        refused = await talk.ask(what, expect=409, **body)
        assert words.lower() in refused["error"]["message"].lower()
    for body in ({"kind": "queue", "name": "nothing"}, {"kind": "extension", "name": "999"}):
        refused = await talk.ask("transfer", expect=422, **body)
        assert refused["error"]["details"][0]["path"] == "name"
    await talk.caller.hear_tone(FIRST)
    await talk.caller.hangup()
    await talk.ended(number)
    assert "ended" in (await talk.ask("hold", expect=409))["error"]["message"]


async def test_two_transfers_at_once_hand_the_caller_on_once(talk: Talk, number: str) -> None:
    talk.other.on_invite = Answer(after=0.3, tone=SECOND)
    answers = await asyncio.gather(
        *(
            talk.api.session.post(
                f"{talk.api.base}/v1/tm/calls/{talk.id}/transfer", json={"kind": "extension", "name": "104"}
            )
            for _ in range(2)
        )
    )
    assert sorted(answer.status for answer in answers) == [202, 409]
    await talk.caller.hear_tone(SECOND, within=10)
    assert len(talk.other.received) == 1
    await talk.caller.hangup()
    await talk.ended(number)
