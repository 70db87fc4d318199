"""SRTP of the softphone: RFC 3711's vectors, and a call that only the right key opens."""

from collections.abc import Callable

import pytest

from m3voip.phones import Answer, CallRefusedError, Softphone
from m3voip.phones.media.srtp import Protect, Unprotect, derive, new_key

KEY, SALT = bytes.fromhex("E1F97A0D3E018BE0D64FA32C06DE4139"), bytes.fromhex("0EC675AD498AFEEBB6960B3AABE6")


def test_session_keys_are_those_of_rfc_3711_appendix_b3() -> None:
    assert derive(KEY, SALT, 0, 16).hex().upper() == "C61E7A93744F39EE10734AFE3FF7A087"
    assert derive(KEY, SALT, 2, 14).hex().upper() == "30CBBC08863D8C85D49DB34A9AE1"
    assert derive(KEY, SALT, 1, 20).hex().upper() == "CEBE321F6FF7716B6FD4AB49AF256A156D38BAA4"


def _packet(sequence: int) -> bytes:
    return bytes([0x80, 0]) + sequence.to_bytes(2, "big") + bytes(4) + b"SSRC" + bytes(range(160))


def test_packets_survive_the_wrap_of_the_sequence_number_and_reordering() -> None:
    key = new_key()
    protect, unprotect = Protect(key), Unprotect(key)
    numbers = [65533, 65534, 65535, 0, 1, 2, 3]
    sealed = [protect(_packet(n)) for n in numbers]
    order = [0, 1, 3, 2, 4, 6, 5]
    assert [unprotect(sealed[n]) for n in order] == [_packet(numbers[n]) for n in order]


def test_a_changed_packet_or_another_key_opens_nothing() -> None:
    key = new_key()
    sealed = Protect(key)(_packet(7))
    assert Unprotect(new_key())(sealed) is None
    assert Unprotect(key)(sealed[:-1] + bytes([sealed[-1] ^ 1])) is None
    assert Unprotect(key)(sealed[:20] + bytes([sealed[20] ^ 1]) + sealed[21:]) is None


async def test_two_phones_hear_each_other_over_srtp(secure_phone: Callable[[], Softphone]) -> None:
    async with secure_phone() as alice, secure_phone() as bob:
        bob.on_invite = Answer(after=0, tone=600)
        call = await alice.dial(bob.uri, tone=440)
        await call.answered()
        await call.hear_tone(600)
        await bob.received[0].hear_tone(440)
        await call.send_digits("42")
        await bob.received[0].hear_digits("42")


async def test_a_phone_that_wants_srtp_refuses_a_plain_call(
    phone: Callable[[], Softphone], secure_phone: Callable[[], Softphone]
) -> None:
    async with phone() as alice, secure_phone() as bob:
        bob.on_invite = Answer(after=0)
        call = await alice.dial(bob.uri)
        with pytest.raises(CallRefusedError, match="488"):
            await call.answered()
