"""The pure parts of AMI: cutting the stream, reading events."""

from __future__ import annotations

from datetime import UTC, datetime
from itertools import pairwise
from typing import cast

import pytest
from hypothesis import given
from hypothesis import strategies as st
from panoramisk.message import Message

from m3voip.core.device import LoginRefused, NameUnknown, PhoneEvent
from m3voip.providers.asterisk.ami import events as ev
from m3voip.providers.asterisk.ami.protocol import AmiProtocol, Peer
from m3voip.providers.asterisk.observe import phone_event

pytestmark = pytest.mark.unit

WANTED = frozenset(name.encode() for name in ev.EVENTS)


class FakeTransport:
    aborted = False

    def abort(self) -> None:
        self.aborted = True


def reading() -> tuple[AmiProtocol, list[dict[str, str]], list[int], FakeTransport]:
    """A protocol, the events it hands over, and how many it dropped."""
    seen: list[dict[str, str]] = []
    dropped: list[int] = []

    def take(message: Message) -> None:
        seen.append(dict(message.items()))

    protocol = AmiProtocol(Peer(on_event=take, on_lost=lambda _reason: None), WANTED, lambda: dropped.append(1))
    transport = FakeTransport()
    protocol.connection_made(transport)
    return protocol, seen, dropped, transport


STREAM = (
    "Asterisk Call Manager/11.0.0\r\n"
    "Event: FullyBooted\r\nStatus: Fully Booted\r\n\r\n"
    "Event: VarSet\r\nVariable: X\r\nValue: Event: QueueCallerJoin\r\n\r\n"
    "Event: QueueMemberPause\r\nQueue: sales\r\nPaused: 1\r\nPausedReason: Кофе ☕\r\nStatus: 6\r\n\r\n"
).encode()


@given(cuts=st.lists(st.integers(1, len(STREAM) - 1), max_size=8))
def test_any_chopping_gives_the_same_events_in_any_alphabet(cuts: list[int]) -> None:
    protocol, seen, dropped, _ = reading()
    places = [0, *sorted(cuts), len(STREAM)]
    for begin, end in pairwise(places):
        protocol.data_received(STREAM[begin:end])
    assert [event["Event"] for event in seen] == ["FullyBooted", "QueueMemberPause"]
    assert seen[1]["PausedReason"] == "Кофе ☕"
    assert len(dropped) == 1


@given(noise=st.binary(max_size=500))
def test_noise_never_raises(noise: bytes) -> None:
    protocol, _, _, _ = reading()
    protocol.data_received(noise + b"\r\n\r\n" + noise)


def test_a_message_without_an_end_is_not_collected_for_ever() -> None:
    protocol, _, _, transport = reading()
    for _ in range(40):
        protocol.data_received(b"x" * 65_536)
    assert transport.aborted


def test_texts_become_numbers_and_flags() -> None:
    event = ev.read(
        ev.EVENTS,
        {
            "Event": "QueueMemberStatus",
            "Timestamp": "1795430825.100436",
            "Queue": "sales",
            "MemberName": "101",
            "Interface": "PJSIP/e0123456789",
            "Paused": "1",
            "InCall": "0",
            "Status": "2",
            "Privilege": "agent,all",
        },
    )
    member = cast("ev.QueueMemberStatus", event)
    assert (member.paused, member.in_call, member.status, member.member_name) == (True, False, 2, "101")
    assert member.timestamp == 1795430825.100436


def test_unknown_callers_have_no_name() -> None:
    event = ev.read(
        ev.EVENTS, {"Event": "QueueCallerJoin", "CallerIDNum": "<unknown>", "CallerIDName": "Ann", "Position": "3"}
    )
    join = cast("ev.QueueCallerJoin", event)
    assert (join.caller_number, join.caller_name, join.position) == ("", "Ann", 3)


def test_events_nobody_reads_are_none() -> None:
    assert ev.read(ev.EVENTS, {"Event": "Newexten"}) is None
    assert ev.read(ev.EVENTS, {}) is None


def test_of_a_name_that_nobody_has_only_the_source_is_kept_and_what_its_requests_share() -> None:
    def told(call_id: str, name: str, event: str = "InvalidAccountID") -> PhoneEvent | None:
        message = {"Event": event, "Service": "PJSIP", "AccountID": name, "SessionID": call_id, "Timestamp": "1.5"}
        read = ev.read(ev.EVENTS, {**message, "RemoteAddress": "IPV4/UDP/203.0.113.7/5071"})
        assert read is not None
        return phone_event(read, datetime(2026, 11, 25, tzinfo=UTC))

    once = told("abc", "+15550100100")
    assert isinstance(once, NameUnknown)
    assert once.address == "203.0.113.7"
    assert "5550100100" not in repr(once)
    assert once == told("abc", "+15550100100")
    assert once != told("abc", "101")
    assert once != told("abd", "+15550100100")
    wrong = told("abc", "e0000000101", "ChallengeResponseFailed")
    assert isinstance(wrong, LoginRefused)
    assert (wrong.endpoint, wrong.address) == ("e0000000101", "203.0.113.7")
