"""Every digit path of the mission's tree, walked by callers from outside (bar E-09)."""

from __future__ import annotations

import asyncio

import pytest

from tests.support.eventually import eventually
from tests.support.fixtures import OpenPhone
from tests.support.office import DID, Api

pytestmark = [pytest.mark.asterisk, pytest.mark.usefixtures("stack_unchanged")]


async def press_and_wait(open_caller: OpenPhone, api: Api, number: str, digits: str) -> list[str]:
    """Call, press, wait to be in a queue, hang up; what happened."""
    phone = await open_caller()
    call = await phone.dial(DID, caller_id=number)
    await call.answered()
    await call.hear_sound()
    for digit in digits:
        await call.send_digits(digit)
        await asyncio.sleep(0.3)
    if digits:
        await api.in_state(number, "queued")
    await call.hangup()
    ended = await api.ended(number)
    return await api.kinds(ended["id"])


@pytest.mark.parametrize(
    ("digits", "queue"), [("1", "sales"), ("2", "support"), ("3", "billing"), ("0", "support"), ("*1", "sales")]
)
async def test_each_key_leads_to_its_queue(
    trunk_caller: OpenPhone, api: Api, number: str, digits: str, queue: str
) -> None:
    kinds = await press_and_wait(trunk_caller, api, number, digits)
    call = await api.ended(number)
    assert call["queue"] == queue
    assert kinds[:2] == ["call.started", "ivr.node_entered"]
    assert kinds[-2:] == ["queue.abandoned", "call.ended"]
    assert call["endReason"] == "caller_hung_up"
    assert call["queueVisits"][0]["outcome"] == "abandoned"


async def test_an_invalid_key_is_refused_and_the_menu_comes_again(
    trunk_caller: OpenPhone, api: Api, number: str
) -> None:
    kinds = await press_and_wait(trunk_caller, api, number, "72")
    assert "ivr.invalid" in kinds
    assert (await api.ended(number))["queue"] == "support"


async def test_a_caller_who_presses_nothing_reaches_the_operator_after_the_retries(
    trunk_caller: OpenPhone, api: Api, number: str
) -> None:
    phone = await trunk_caller()
    call = await phone.dial(DID, caller_id=number)
    await call.answered()
    record = await api.in_state(number, "queued", within=90)
    assert record["queue"] == "support"
    await call.hangup()
    ended = await api.ended(number)
    kinds = await api.kinds(ended["id"])
    assert kinds.count("ivr.no_input") >= 3


async def test_a_caller_who_hangs_up_in_the_menu_is_written_down(
    trunk_caller: OpenPhone, api: Api, number: str
) -> None:
    phone = await trunk_caller()
    call = await phone.dial(DID, caller_id=number)
    await call.answered()
    await call.hear_sound()
    await call.hangup()
    ended = await api.ended(number)
    assert ended["endReason"] == "caller_hung_up"
    assert ended["queue"] == ""
    assert ended["node"] == "welcome"


async def test_a_number_that_nobody_has_is_refused(trunk_caller: OpenPhone, api: Api, number: str) -> None:
    phone = await trunk_caller()
    call = await phone.dial("15550199999", caller_id=number)
    end = await call.ended()
    assert end.status >= 400, "it was answered"
    ended = await api.ended(number)
    assert (ended["endReason"], ended["hangupCause"]) == ("rejected", 21)


async def test_a_caller_who_cancels_before_the_answer_leaves_nothing_behind(trunk_caller: OpenPhone, api: Api) -> None:
    phone = await trunk_caller()
    call = await phone.dial(DID, caller_id="15550201999")
    await call.hangup()
    await eventually(lambda: not phone.calls, what="the call to be gone")
