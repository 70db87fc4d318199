"""Conferences: how the telephony node calls them, who is in one, and what it tells of them.

The node mixes, asks for PINs and keeps count by itself, with or without us; these are the words in which it tells.
"""

from __future__ import annotations

import re
from datetime import datetime
from hashlib import sha1
from uuid import UUID

from msgspec import Struct

_NODE_NAME = re.compile(r"c([0-9a-f]{32})")


def conference_name(conference_id: UUID) -> str:
    """The node's name of a conference: made of its id, so it is unique over tenants and stays when the number changes."""
    return f"c{conference_id.hex}"


def conference_id(name: str) -> UUID | None:
    """Which conference the node means; None for one that is not ours."""
    match = _NODE_NAME.fullmatch(name)
    return UUID(match[1]) if match else None


def pin_digest(conference: UUID, pin: str) -> str:
    """What is stored of a PIN: the dialplan computes the same (dialplans/to-conference.conf). "" for no PIN."""
    return _digest(conference, pin) if pin else ""


def pin_of_nothing(conference: UUID) -> str:
    """The digest of no digits at all: with it whoever types nothing gets in."""
    return _digest(conference, "")


def _digest(conference: UUID, pin: str) -> str:
    text = f"{conference_name(conference)}{pin}"
    return sha1(text.encode(), usedforsecurity=False).hexdigest()


class Party(Struct, frozen=True, kw_only=True):
    """Somebody in a conference now. ``waiting`` for a moderator, hearing music. ``channel`` is for orders about them."""

    leg: str
    channel: str
    number: str
    moderator: bool
    muted: bool
    waiting: bool


class Roster(Struct, frozen=True, kw_only=True):
    """Who is in a conference now, in the order in which they joined."""

    locked: bool
    parties: tuple[Party, ...]


class ConferenceEvent(Struct, frozen=True, kw_only=True):
    """Something happened in a conference."""

    conference: UUID
    at: datetime


class ConferenceBegan(ConferenceEvent, frozen=True, kw_only=True):
    """The first party comes in."""


class PartyJoined(ConferenceEvent, frozen=True, kw_only=True):
    """A leg is in."""

    leg: str
    number: str
    moderator: bool


class PartyLeft(ConferenceEvent, frozen=True, kw_only=True):
    """A leg is out, for whatever reason."""

    leg: str


class PartyMuted(ConferenceEvent, frozen=True, kw_only=True):
    """A party is no longer heard, or is again."""

    leg: str
    muted: bool


class RecordingTurned(ConferenceEvent, frozen=True, kw_only=True):
    """Recording began or stopped."""

    on: bool
