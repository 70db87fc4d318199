"""Two softphones call each other over loopback UDP."""

import asyncio
from collections.abc import Callable

import pytest

from m3voip.phones import (
    Answer,
    CallRefusedError,
    Decline,
    NeverAnswer,
    PhoneError,
    PhoneTimeoutError,
    Softphone,
    Vanish,
)
from m3voip.phones.call import Call

Make = Callable[[], Softphone]


async def test_an_answered_call_carries_both_tones(phone: Make) -> None:
    async with phone() as alice, phone() as bob:
        bob.on_invite = Answer(after=0.05, tone=600)
        call = await alice.dial(bob.uri, tone=440, caller_id="15550001111", headers={"X-Test": "yes"})
        await call.answered()
        there = bob.received[0]
        assert there.caller_id == "15550001111"
        assert there.invite.get("x-test") == "yes"
        await call.hear_tone(600, within=2)
        await there.hear_tone(440, within=2)
        assert 0.04 < call.seconds("invite", "answered") < 1
        assert "first_rtp" in call.moments
        end = await call.hangup()
        assert end.by == "us"
        assert (await there.ended()).by == "them"
        assert alice.calls == bob.calls == []


async def test_pressed_keys_arrive_once_and_in_order(phone: Make) -> None:
    async with phone() as alice, phone() as bob:
        bob.on_invite = Answer(after=0)
        call = await alice.dial(bob.uri, tone=440)
        await call.answered()
        await call.send_digits("1159*0#")
        await bob.received[0].hear_digits("#")
        assert bob.received[0].digits_heard == "1159*0#"
        await bob.received[0].hear_tone(440)  # the tone goes on after the keys


async def test_a_wrong_tone_is_not_heard(phone: Make) -> None:
    async with phone() as alice, phone() as bob:
        bob.on_invite = Answer(after=0, tone=600)
        call = await alice.dial(bob.uri)
        await call.answered()
        with pytest.raises(PhoneTimeoutError, match=r"440 Hz not heard .* now 600 Hz"):
            await call.hear_tone(440, within=0.6)
        await bob.received[0].hear_silence(within=1)


@pytest.mark.parametrize("status", [486, 603])
async def test_a_declined_call_says_with_which_status(phone: Make, status: int) -> None:
    async with phone() as alice, phone() as bob:
        bob.on_invite = Decline(status=status, after=0.1)
        call = await alice.dial(bob.uri)
        with pytest.raises(CallRefusedError) as refused:
            await call.answered()
        assert refused.value.status == status
        assert bob.received[0].end is not None


async def test_an_unanswered_call_is_cancelled(phone: Make) -> None:
    async with phone() as alice, phone() as bob:
        bob.on_invite = NeverAnswer()
        call = await alice.dial(bob.uri)
        await call.ringing()
        with pytest.raises(PhoneTimeoutError):
            await call.answered(within=0.2)
        end = await call.hangup()
        assert (end.by, end.status) == ("us", 487)
        assert (await bob.received[0].ended()).status == 487


async def test_a_vanished_phone_answers_nothing(phone: Make) -> None:
    async with phone() as alice, phone() as bob:
        bob.on_invite = Vanish()
        call = await alice.dial(bob.uri)
        with pytest.raises(PhoneTimeoutError):
            await call.ringing(within=0.5)
        alice.drop()
        bob.drop()


async def test_a_phone_that_vanishes_in_the_call_goes_silent_without_a_bye(phone: Make) -> None:
    async with phone() as alice, phone() as bob:
        bob.on_invite = Answer(after=0, tone=600, vanish_after=0.4)
        call = await alice.dial(bob.uri, tone=440)
        await call.answered()
        await call.hear_tone(600)
        await call.hear_silence()
        assert call.end is None
        alice.drop()


async def test_a_phone_behind_a_dead_link_answers_again_when_the_link_is_back(phone: Make) -> None:
    async with phone() as alice, phone() as bob:
        bob.on_invite = Answer(after=0, tone=600)
        bob.vanish()
        call = await alice.dial(bob.uri)
        with pytest.raises(PhoneTimeoutError):
            await call.answered(within=0.3)
        bob.come_back()
        await call.answered(within=3)  # the INVITE is repeated after 0.5 s, 1.5 s ...
        await call.hear_tone(600)


async def test_the_called_phone_hangs_up_after_its_time(phone: Make) -> None:
    async with phone() as alice, phone() as bob:
        bob.on_invite = Answer(after=0, hangup_after=0.3)
        call = await alice.dial(bob.uri)
        await call.answered()
        assert (await call.ended(within=2)).by == "them"
        assert 0.25 < call.seconds("answered", "ended") < 1
        with pytest.raises(PhoneError):
            await call.send_digits("1")


async def test_hold_silences_the_holder_and_resume_brings_the_tone_back(phone: Make) -> None:
    async with phone() as alice, phone() as bob:
        bob.on_invite = Answer(after=0, tone=600)
        call = await alice.dial(bob.uri, tone=440)
        await call.answered()
        await call.hear_tone(600)
        await call.hold()
        await call.hear_silence()
        assert "held" in bob.received[0].moments
        await call.hold(False)
        await call.hear_tone(600)


async def test_a_behaviour_can_be_chosen_per_call(phone: Make) -> None:
    async with phone() as alice, phone() as bob:
        bob.on_invite = lambda _: Answer(after=0) if len(bob.calls) == 1 else Decline(status=486)
        first = await alice.dial(bob.uri)
        await first.answered()
        second = await alice.dial(bob.uri)
        with pytest.raises(CallRefusedError, match="486"):
            await second.answered()


async def test_fifty_calls_at_once_in_one_pair_of_phones_all_hear_each_other(phone: Make) -> None:
    async with phone() as alice, phone() as bob:
        bob.on_invite = Answer(after=0.1, tone=600)
        calls: list[Call] = []
        for _ in range(50):
            calls.append(await alice.dial(bob.uri, tone=440))
            await asyncio.sleep(0.01)
        for call in calls:
            await call.answered()
        for call in [*calls, *bob.received]:
            await call.hear_tone(600 if call in calls else 440)
        for call in calls:
            await call.hangup()
        for call in bob.received:
            assert (await call.ended()).by == "them"
