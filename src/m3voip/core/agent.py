"""The six states of an agent, and what the telephony node shows of phones and queue members.

What an agent does is decided by ``agent_life``; a queue member is what the queue sees of that.
"""

from __future__ import annotations

from enum import StrEnum

from msgspec import Struct


class AgentState(StrEnum):
    """What an agent is doing."""

    LOGGED_OUT = "logged_out"
    AVAILABLE = "available"
    RESERVED = "reserved"  # an offer rings
    ON_CALL = "on_call"
    WRAP_UP = "wrap_up"
    PAUSED = "paused"


class Device(StrEnum):
    """A phone's state: Asterisk's device states by name (include/asterisk/devicestate.h)."""

    UNKNOWN = "unknown"
    NOT_INUSE = "not_inuse"
    INUSE = "inuse"
    BUSY = "busy"
    INVALID = "invalid"
    UNAVAILABLE = "unavailable"
    RINGING = "ringing"
    RINGINUSE = "ringinuse"
    ONHOLD = "onhold"


DEVICE_NUMBERS = (
    Device.UNKNOWN, Device.NOT_INUSE, Device.INUSE, Device.BUSY, Device.INVALID, Device.UNAVAILABLE, Device.RINGING,
    Device.RINGINUSE, Device.ONHOLD,
)  # fmt: skip
"""By the number that AMI uses in QueueMemberStatus."""


def device_of(text: str) -> Device:
    """A device state from AMI: its number or its name; what we do not know is UNKNOWN."""
    if text.isdigit() and int(text) < len(DEVICE_NUMBERS):
        return DEVICE_NUMBERS[int(text)]
    try:
        return Device(text.lower())
    except ValueError:
        return Device.UNKNOWN


def member_state(device: Device, *, paused: bool) -> AgentState:
    """What a queue sees of a member. A talk outweighs a pause: a paused agent may still be on the call that came before."""
    match device:
        case Device.INUSE | Device.BUSY | Device.ONHOLD | Device.RINGINUSE:
            return AgentState.ON_CALL
        case Device.UNAVAILABLE | Device.INVALID | Device.UNKNOWN:
            return AgentState.LOGGED_OUT
        case _ if paused:
            return AgentState.PAUSED
        case Device.RINGING:
            return AgentState.RESERVED
        case _:
            return AgentState.AVAILABLE


class BoardEvent(Struct, frozen=True, kw_only=True):
    """Something that changes what queues and agents look like right now. ``queue`` is the telephony node's name."""


class BoardCleared(BoardEvent, frozen=True, kw_only=True):
    """A fresh reading of everything follows."""


class MemberSeen(BoardEvent, frozen=True, kw_only=True):
    """A member of a queue, whole. ``line``: the queue joins calls to the agent's line, and ``device`` is that line's."""

    queue: str
    endpoint: str
    extension: str
    device: Device
    paused: bool = False
    reason: str = ""
    penalty: int = 0
    calls_taken: int = 0
    line: bool = False


class MemberGone(BoardEvent, frozen=True, kw_only=True):
    """No longer a member."""

    queue: str
    endpoint: str


class QueueSeen(BoardEvent, frozen=True, kw_only=True):
    """This queue exists."""

    queue: str


class CallerWaiting(BoardEvent, frozen=True, kw_only=True):
    """A caller joined a queue, ``waited_s`` ago."""

    queue: str
    leg: str
    position: int
    waited_s: float = 0.0


class CallerGone(BoardEvent, frozen=True, kw_only=True):
    """A caller no longer waits: answered, hung up, or sent on. Those behind move up."""

    queue: str
    leg: str


class DeviceSeen(BoardEvent, frozen=True, kw_only=True):
    """A phone's state, whether it is in a queue or not; with ``line`` that of the line that is kept up at it."""

    endpoint: str
    device: Device
    line: bool = False


class LineSeen(BoardEvent, frozen=True, kw_only=True):
    """A session: this phone's line is up and waits for calls."""

    endpoint: str
    leg: str


class LineGone(BoardEvent, frozen=True, kw_only=True):
    """A session's line is no more. ``hung_up``: somebody ended it; else the phone or the way to it is gone."""

    endpoint: str
    leg: str
    hung_up: bool


class ContactSeen(BoardEvent, frozen=True, kw_only=True):
    """A phone's registration came, went, or was asked whether somebody is there. Only this tells that a phone is lost while
    its line is in use. ``contact`` is the address that it registered from."""

    endpoint: str
    contact: str
    reachable: bool
