"""Calls out in a talk: two carriers on addresses of this machine, and what reaches them. Nothing does that the gate refuses."""

from __future__ import annotations

from collections.abc import AsyncIterator
from contextlib import AsyncExitStack
from typing import NamedTuple

import pytest

from m3voip.phones import Answer, Decline, Softphone
from m3voip.phones.media.ticker import Ticker
from m3voip.stack.stack import Stack
from tests.stories.talk import CALLER, FIRST, Talk
from tests.support.eventually import eventually
from tests.support.hearing import hears_all, hears_music
from tests.support.office import Api, Json

pytestmark = [pytest.mark.asterisk, pytest.mark.usefixtures("stack_unchanged")]

OUTSIDE = 2310
"""What the one outside says (Hz)."""
NUMBER, SHOWN, LISTED = "+12025550143", "+12025550100", "+12025550199"


class Carriers(NamedTuple):
    """Two carriers; calls are tried through the first before the second."""

    first: Softphone
    second: Softphone

    @property
    def called(self) -> tuple[int, int]:
        return len(self.first.received), len(self.second.received)


@pytest.fixture
async def carriers(stack: Stack, ticker: Ticker, api: Api) -> AsyncIterator[Carriers]:
    async with AsyncExitStack() as exits:
        phones = []
        for n, host in enumerate(("127.0.0.2", "127.0.0.3"), 1):
            carrier = Softphone(
                stack.settings.sip_address, stack.settings.sip_udp_port, local_host=host, ticker=ticker
            )  # fmt: skip
            phones.append(await exits.enter_async_context(carrier))
            trunk = await api.ask("POST", "/v1/tm/trunks", json={
                "name": f"carrier-{n}", "kind": "ip", "host": host, "port": carrier.address[1], "addresses": [host],
                "priority": n,
            })  # fmt: skip
            exits.push_async_callback(api.ask, "DELETE", f"/v1/tm/trunks/{trunk['id']}")
        await api.ask("PUT", "/v1/tm/dial-settings", json={"region": "US", "callerId": SHOWN})
        shown = await api.ask("POST", "/v1/tm/caller-ids", json={"number": SHOWN, "proof": "a contract"})
        exits.push_async_callback(api.ask, "DELETE", f"/v1/tm/caller-ids/{shown['id']}")

        async def known() -> bool:
            contacts = await stack.cli("pjsip show contacts")
            return all(f"{phone.address[0]}:{phone.address[1]}" in contacts for phone in phones)

        await eventually(known, 10, what="the carriers in Asterisk")
        yield Carriers(*phones)


async def _attempts(talk: Talk) -> list[Json]:
    """Those of this call, oldest first."""
    found: list[Json] = (await talk.api.get("/v1/tm/attempts", call=talk.id))["items"]
    return found[::-1]


async def _over(talk: Talk, *results: str) -> None:
    async def so() -> bool:
        found = [one["result"] for one in await _attempts(talk) if one["cleared"]]
        assert found == list(results)
        return True

    await eventually(so, 10, what=f"attempts to end {results}")


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
    parties = (await talk.api.get(f"/v1/tm/calls/{talk.id}/parties"))["parties"]
    assert [(party["role"], party["number"]) for party in parties][-1] == ("guest", NUMBER)
    await talk.agent.hangup()  # who was added keeps the caller
    await talk.caller.hear_tone(OUTSIDE)
    await outside.hangup()
    await talk.caller.ended()
    await talk.ended(number)
    await _over(talk, "answered")
    assert (await _attempts(talk))[0]["trunk"] == "carrier-2"
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
    await _over(talk, "busy", "answered")


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
    refusals = [one["refusals"] for one in await _attempts(talk)]
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
