"""SIPp callers call a softphone: keys, tone, times and failures are what both sides say they are."""

from collections.abc import Callable

import pytest

from m3voip.phones import Answer, Decline, Softphone
from m3voip.phones import sipp as runner
from m3voip.phones.media.tones import is_tone
from m3voip.phones.sipp import Load
from m3voip.phones.sipp_scenario import HangUp, Plan, Press, Wait, WaitForEnd, render

pytestmark = pytest.mark.skipif(not runner.is_installed(), reason="SIPp is not installed")
needs_keys = pytest.mark.skipif(not runner.can_press_keys(), reason="SIPp's keys need a raw socket")
Make = Callable[[], Softphone]


@needs_keys
async def test_keys_and_tone_of_a_sipp_caller_arrive(phone: Make) -> None:
    async with phone() as bob:
        bob.on_invite = Answer(after=0)
        plan = Plan(steps=(Wait(0.8), Press("1*"), Wait(0.2), Press("0#")))
        result = await runner.run(bob.address, "123", plan, Load(tone=440, caller_id="15550002222"))
        assert (result.successful, result.failed) == (1, 0), result.errors
        call = bob.received[0]
        assert call.digits_heard == "1*0#"
        assert call.caller_id == "15550002222"
        assert is_tone(call.ear.samples()[:4000], 8000, 440)
        assert result.calls[0].ended_at == pytest.approx(call.moments["ended"].wall, abs=0.2)
        assert result.calls[0].answered_at == pytest.approx(call.moments["answered"].wall, abs=0.2)


async def test_keys_by_sip_info_arrive_from_a_caller_without_telephone_event(phone: Make) -> None:
    async with phone() as bob:
        bob.on_invite = Answer(after=0)
        result = await runner.run(bob.address, "123", Plan(steps=(Wait(0.2), Press("42")), keys="info"))
        assert result.successful == 1, result.errors
        assert bob.received[0].digits_heard == "42"


async def test_ten_callers_at_five_a_second_are_all_ended_by_the_agent(phone: Make) -> None:
    async with phone() as bob:
        bob.on_invite = Answer(after=0.1, hangup_after=0.5)
        result = await runner.run(bob.address, "123", Plan(ending=WaitForEnd(5)), Load(calls=10, per_second=5))
        assert (result.successful, result.failed) == (10, 0), result.errors
        assert len(result.calls) == len(result.answer_ms) == 10
        assert min(result.answer_ms) >= 90
        begun = [call.moments["invite"].mono for call in bob.received]
        assert 1.5 < begun[-1] - begun[0] < 3


async def test_a_refused_call_counts_as_failed_and_the_log_says_why(phone: Make) -> None:
    async with phone() as bob:
        bob.on_invite = Decline(status=486)
        result = await runner.run(bob.address, "123", Plan(ending=HangUp()))
        assert (result.successful, result.failed) == (0, 1)
        assert "486 Busy Here" in result.errors
        assert result.calls == ()


def test_a_plan_with_wrong_keys_is_refused_before_anything_runs() -> None:
    with pytest.raises(ValueError, match="no keys"):
        render(Plan(steps=(Press("1x"),)), "15550001111")


def test_only_rfc_4733_keys_need_the_raw_socket() -> None:
    assert Plan(steps=(Press("1"),)).needs_raw_socket
    assert not Plan(steps=(Press("1"),), keys="info").needs_raw_socket
    assert not Plan(steps=(Wait(1),)).needs_raw_socket
