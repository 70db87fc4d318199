"""Calls out in a talk: two carriers on addresses of this machine, and what reaches them. Nothing does that the gate refuses."""

from __future__ import annotations

import pytest

from m3voip.phones import Answer, Decline
from tests.stories.carriers import NUMBER, OUTSIDE, SHOWN, Carriers, attempts, over
from tests.stories.talk import CALLER, FIRST, Talk
from tests.support.hearing import hears_all, hears_music

pytestmark = [pytest.mark.asterisk, pytest.mark.usefixtures("stack_unchanged")]

LISTED = "+12025550199"


async def test_a_number_outside_is_added_through_the_next_trunk_and_three_hear_each_other(
    talk: Talk, carriers: Carriers, number: str
) -> None:
    carriers.first.on_invite = Decline(status=503)
    carriers.second.on_invite = Answer(after=0.2, tone=OUTSIDE)
    await talk.ask("add", number="(202) 555-0143")
    await hears_all(talk.caller, FIRST, OUTSIDE, within=10)
    await hears_all(talk.agent, CALLER, OUTSIDE)
    outside = carriers.second.received[0]
    await hears_all(outside, CALLER, FIRST)
    assert carriers.called == (1, 1)
    assert (outside.caller_id, outside.invite.uri.split("@")[0]) == (SHOWN, f"sip:{NUMBER}")
    assert [(party["role"], party["number"]) for party in await talk.all_parties()][-1] == ("guest", NUMBER)
    await talk.agent.hangup()  # who was added keeps the caller
    await talk.caller.hear_tone(OUTSIDE)
    await outside.hangup()
    await talk.caller.ended()
    await talk.ended(number)
    await over(talk, "answered")
    assert (await attempts(talk))[0]["trunk"] == "carrier-2"
    assert "party.rerouted" in await talk.api.kinds(talk.id)


async def test_a_consulted_number_gets_the_caller_and_one_that_is_busy_gives_them_back(
    talk: Talk, carriers: Carriers, number: str
) -> None:
    carriers.first.on_invite = Decline(status=486, after=1.0)
    await talk.ask("transfer", number=NUMBER)
    await talk.agent.ended()
    await hears_music(talk.caller, FIRST)
    await talk.caller.hear_tone(FIRST, within=15)  # busy is the callee's word: no other trunk, back to the agent
    assert carriers.called == (1, 0)
    talk.agent = talk.agent_phone.received[-1]
    await talk.agent.hear_tone(CALLER)
    carriers.first.on_invite = Answer(after=0.3, tone=OUTSIDE)
    await talk.api.in_state(number, "talking")
    await talk.ask("consult", number=NUMBER)
    await talk.agent.hear_tone(OUTSIDE, within=10)
    await hears_music(talk.caller, FIRST, OUTSIDE)
    await talk.ask("complete")
    await talk.agent.ended()
    await talk.caller.hear_tone(OUTSIDE)
    await talk.caller.hangup()
    await carriers.first.received[-1].ended()
    await talk.ended(number)
    await over(talk, "busy", "answered")


async def test_what_the_gate_refuses_reaches_no_carrier_and_help_always_does(
    talk: Talk, carriers: Carriers, number: str
) -> None:
    entry = await talk.api.ask("POST", "/v1/tm/dnc", json={"phone": LISTED, "reason": "asked for it"})
    for body, status, code in (
        ({"number": LISTED}, 409, "DNC_BLOCKED"),
        ({"number": NUMBER, "callerId": "+12025550111"}, 409, "CONFLICT"),
        ({"number": "+442079460123"}, 403, "FORBIDDEN"),
        ({"number": "+19002345678"}, 403, "FORBIDDEN"),
        ({"number": "+1202"}, 422, "VALIDATION_FAILED"),
    ):
        refused = await talk.ask("add", expect=status, **body)
        assert refused["error"]["code"] == code
    await talk.api.ask("PUT", "/v1/tm/dial-settings", json={"region": "US", "callerId": SHOWN, "maxCalls": 0})
    refused = await talk.ask("add", expect=429, number=NUMBER)
    assert "calls_at_once" in refused["error"]["message"]
    assert carriers.called == (0, 0)
    carriers.first.on_invite = Answer(after=0.1, tone=OUTSIDE)
    await talk.ask("add", number="911")
    await hears_all(talk.caller, FIRST, OUTSIDE, within=10)
    assert carriers.called == (1, 0)
    await talk.caller.hangup()
    await talk.agent.ended()
    await talk.ended(number)
    refusals = [one["refusals"] for one in await attempts(talk)]
    assert refusals == [
        ["do_not_call"],
        ["caller_id"],
        ["country"],
        ["country"],
        ["number", "country"],
        ["calls_at_once"],
        [],
    ]
    await talk.api.ask("DELETE", f"/v1/tm/dnc/{entry['id']}")
