"""AMI actions about conferences. Their names are ours (core.conference.conference_name); a channel is Asterisk's own."""

from __future__ import annotations

import re
from collections.abc import Callable, Sequence

from m3voip.providers.asterisk.ami.actions import AmiAction, Message
from m3voip.providers.asterisk.ami.errors import UnsafeValue
from m3voip.providers.asterisk.ami.events import ITEMS, ConfbridgeList, ConfbridgeListRooms, read

_CHANNEL = re.compile(r"[A-Za-z0-9_.:;@/-]{1,149}").fullmatch
_CONFERENCE = re.compile(r"c[0-9a-f]{32}").fullmatch
EVERYBODY, PARTICIPANTS = "all", "participants"
"""Instead of a channel: all parties; all but moderators."""


def _checked(what: str, value: str, matches: Callable[[str], object]) -> str:
    if not matches(value):
        raise UnsafeValue(what)
    return value


def _of(conference: str) -> tuple[str, str]:
    return "Conference", _checked("a conference's name", conference, _CONFERENCE)


def _about(name: str, conference: str, channel: str) -> AmiAction[None]:
    return AmiAction(name, (_of(conference), ("Channel", _checked("a channel", channel, _CHANNEL))))


def _parties(messages: Sequence[Message]) -> tuple[ConfbridgeList, ...]:
    return tuple(one for message in messages if isinstance(one := read(ITEMS, message), ConfbridgeList))


def _rooms(messages: Sequence[Message]) -> tuple[ConfbridgeListRooms, ...]:
    return tuple(one for message in messages if isinstance(one := read(ITEMS, message), ConfbridgeListRooms))


def parties(conference: str) -> AmiAction[tuple[ConfbridgeList, ...]]:
    """Who is in a conference, in the order of joining. Refused when nobody is."""
    return AmiAction("ConfbridgeList", (_of(conference),), items=True, parse=_parties)


def running() -> AmiAction[tuple[ConfbridgeListRooms, ...]]:
    """All conferences with somebody in them. Refused when there is none."""
    return AmiAction("ConfbridgeListRooms", items=True, parse=_rooms)


def mute(conference: str, channel: str, *, on: bool) -> AmiAction[None]:
    """Mute or unmute a party, PARTICIPANTS or EVERYBODY."""
    return _about("ConfbridgeMute" if on else "ConfbridgeUnmute", conference, channel)


def kick(conference: str, channel: str) -> AmiAction[None]:
    """Put a party out, or EVERYBODY."""
    return _about("ConfbridgeKick", conference, channel)


def lock(conference: str, *, on: bool) -> AmiAction[None]:
    """While locked only moderators get in."""
    return AmiAction("ConfbridgeLock" if on else "ConfbridgeUnlock", (_of(conference),))
