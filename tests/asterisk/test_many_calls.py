"""Call after call between the same phones: not only the first one has audio (docs/reference/what-peers-complain-of.md)."""

from __future__ import annotations

import pytest

from m3voip.phones import Answer
from tests.support.fixtures import OpenPhone

pytestmark = [pytest.mark.asterisk, pytest.mark.usefixtures("asterisk_unchanged")]

PAIRS = [("101", "103"), ("201", "103")]


@pytest.mark.parametrize(("calling", "called"), PAIRS, ids=["plain", "encrypted"])
async def test_every_call_of_a_row_is_heard_in_both_directions(desk: OpenPhone, calling: str, called: str) -> None:
    ann, bob = await desk(calling), await desk(called)
    for number in range(5):
        hers, his = 440 + 110 * number, 1300 + 130 * number
        bob.on_invite = Answer(after=0.05, tone=his)
        call = await ann.dial(called, tone=hers)
        await call.answered()
        await call.hear_tone(his)
        await bob.received[number].hear_tone(hers)
        await (call if number % 2 else bob.received[number]).hangup()
        await (bob.received[number] if number % 2 else call).ended()
