"""What an operator changes is in effect for the next call at once, and for calls in progress not at all."""

from __future__ import annotations

import asyncio
import time
from itertools import count

import pytest

from m3voip.phones import Answer, PhoneError, PhoneTimeoutError, RegistrationRefusedError, Softphone
from m3voip.phones.outgoing import OutgoingCall
from m3voip.stack.stack import Stack
from tests.support.eventually import eventually
from tests.support.fixtures import OpenPhone
from tests.support.office import DID, Api

pytestmark = [pytest.mark.asterisk, pytest.mark.usefixtures("stack_unchanged")]

_tries = count()

TREE = """\
version: 1
entry: greet
nodes:
  greet:
    menu:
      prompt: {prompt}
      keys: {{7: {target}}}
      timeout_s: 20
  sales: {{queue: {{name: sales, overflow: bye}}}}
  support: {{queue: {{name: support, overflow: bye}}}}
  bye: {{hangup: Goodbye.}}
"""


async def test_a_changed_tree_is_what_the_next_call_gets_while_a_call_in_progress_keeps_its_own(
    trunk_caller: OpenPhone, api: Api
) -> None:
    first = TREE.format(prompt="This is the first tree.", target="sales")
    second = TREE.format(prompt="This is another tree.", target="support")
    made = await api.ask("POST", "/v1/tm/ivr-trees", json={"name": "changing", "source": first})
    number = {"number": "+15550100777", "treeId": made["id"]}
    did = await api.ask("POST", "/v1/tm/dids", json=number)
    phone = await trunk_caller()

    async def begin(caller: str) -> OutgoingCall:
        call = await phone.dial("15550100777", caller_id=caller)
        await call.answered()
        await api.in_state(caller, "ivr")
        return call

    await eventually(lambda: _version_in_effect(api, phone, 1), 15, what="the DID to be in effect")
    old = await begin("15550203001")
    await api.ask("PUT", f"/v1/tm/ivr-trees/{made['id']}", json={"source": second})
    await eventually(lambda: _version_in_effect(api, phone, 2), 15, what="the new tree")
    await old.send_digits("7")
    assert (await api.in_state("15550203001", "queued"))["queue"] == "sales"
    new = await begin("15550203002")
    await new.hear_sound()
    await new.send_digits("7")
    record = await api.in_state("15550203002", "queued")
    assert (record["queue"], record["treeVersion"]) == ("support", 2)
    for call in (old, new):
        await call.hangup()
    await api.ask("DELETE", f"/v1/tm/dids/{did['id']}")


async def _version_in_effect(api: Api, phone: Softphone, version: int) -> bool:
    """Ask the way callers do: by calling."""
    caller = f"1555021{next(_tries):04}"
    call = await phone.dial("15550100777", caller_id=caller)
    record = await api.call_from(caller)
    await call.hangup()
    return bool(record["treeVersion"] == version)


async def test_a_new_agent_s_phone_registers_within_a_second_and_takes_calls(
    stack: Stack, api: Api, trunk_caller: OpenPhone
) -> None:
    queue = await api.ask("POST", "/v1/tm/queues", json={"name": "fresh", "ringTimeoutSec": 10})
    agent = await api.ask(
        "POST", "/v1/tm/agents", json={"extension": "190", "displayName": "New One", "phoneKind": "desk_udp"}
    )
    created = time.monotonic()
    await api.ask("POST", f"/v1/tm/queues/{queue['id']}/members", json={"agentId": agent["id"]})
    settings = stack.settings
    async with Softphone(
        settings.sip_address, settings.sip_udp_port, "udp", agent["sipUsername"], agent["sipSecret"]
    ) as phone:

        async def registers() -> bool:
            try:
                await phone.register(expires=60)
            except RegistrationRefusedError:
                return False
            return True

        await eventually(registers, 5, what="the phone to be known to Asterisk")
        print(f"registered {time.monotonic() - created:.2f} s after it was created")
        phone.on_invite = Answer(after=0.1, tone=1700)
        did = await api.ask("POST", "/v1/tm/dids", json={"number": "+15550100778", "queueId": queue["id"]})
        caller = await trunk_caller()

        async def reached() -> bool:
            call = await caller.dial("15550100778", caller_id="15550203100")
            try:
                await call.answered()
                await call.hear_tone(1700, within=8, seconds=1.0)
            except PhoneError:  # the number, or the queue's new member, is not in effect yet
                return False
            finally:
                await call.hangup()
            return True

        await eventually(reached, 20, what="the new agent to be reached")
        await asyncio.sleep(0)
    await api.ask("DELETE", f"/v1/tm/dids/{did['id']}")
    await api.ask("DELETE", f"/v1/tm/agents/{agent['id']}")
    await api.ask("DELETE", f"/v1/tm/queues/{queue['id']}")


async def test_a_blocked_caller_is_turned_away_until_unblocked(api: Api, trunk_caller: OpenPhone) -> None:
    blocked = await api.ask("POST", "/v1/tm/blocked-callers", json={"number": "+15550203200", "reason": "nuisance"})
    phone = await trunk_caller()

    async def turned_away() -> bool:
        call = await phone.dial(DID, caller_id="15550203200")
        try:
            end = await call.ended(within=2)
        except PhoneTimeoutError:  # the tree still welcomes this caller
            await call.hangup()
            return False
        return end.by == "them"

    await eventually(turned_away, 10, what="the block to be in effect")
    assert (await api.ended("15550203200"))["endReason"] == "rejected"
    await api.ask("DELETE", f"/v1/tm/blocked-callers/{blocked['id']}")
