"""What somebody with the right to it asks of a call: by the API, or by keys of their own phone. Events like any other.

``core.hand.refusal`` says what cannot be done and why, before anything is done.
"""

from __future__ import annotations

from enum import StrEnum
from uuid import UUID

from m3voip.core.clearance import Clearance
from m3voip.core.events import Event
from m3voip.core.parties import Target


class Request(Event, frozen=True, kw_only=True):
    """Base of all requests; ``by`` is the subject of whoever asked."""

    by: UUID | None = None


class HoldRequested(Request, frozen=True, kw_only=True):
    """The agent steps aside; a caller who is left alone hears music."""


class ResumeRequested(Request, frozen=True, kw_only=True):
    """The agent is back with the caller."""


class MuteRequested(Request, frozen=True, kw_only=True):
    """What ``extension`` says is no longer heard, or is again; "" is the caller."""

    extension: str
    on: bool


class DigitsRequested(Request, frozen=True, kw_only=True):
    """Send keys to the caller's side: ``0``-``9 * # A``-``D``."""

    digits: str


class TransferRequested(Request, frozen=True, kw_only=True):
    """Hand the caller on at once (blind). ``by_phone``: asked for by REFER."""

    target: Target
    by_phone: bool = False


class ConsultRequested(Request, frozen=True, kw_only=True):
    """Talk to another agent aside; the caller hears music."""

    extension: str


class SwapRequested(Request, frozen=True, kw_only=True):
    """From the caller to the one consulted, or back (toggle); the other hears music."""


class HandOverRequested(Request, frozen=True, kw_only=True):
    """The agent leaves the caller to the one consulted: an attended transfer is complete."""


class ConsultCancelled(Request, frozen=True, kw_only=True):
    """The one consulted is let go; the caller is back with the agent."""


class ConferenceRequested(Request, frozen=True, kw_only=True):
    """Everybody hears everybody."""


class AddRequested(Request, frozen=True, kw_only=True):
    """Ring another agent's phone to join the conversation."""

    extension: str


class How(StrEnum):
    """What a number outside is dialled for."""

    ADD = "add"
    CONSULT = "consult"
    TRANSFER = "transfer"


class DialRequested(Request, frozen=True, kw_only=True):
    """Dial a number outside: to join the conversation, to talk to aside, or to have the caller. Without a clearance this only
    asks whether it could be done."""

    number: str
    how: How
    clearance: Clearance | None = None
    trunk: str = ""


class DropRequested(Request, frozen=True, kw_only=True):
    """Let one of the guests go."""

    extension: str


class ParkRequested(Request, frozen=True, kw_only=True):
    """Leave the caller with music in a slot; the agent is free."""

    slot: int


class PickUpDialled(Request, frozen=True, kw_only=True):
    """An agent dialled the slot where the call is parked; ``leg``, theirs, stands in our application."""

    extension: str
    leg: str


class PickUpRequested(Request, frozen=True, kw_only=True):
    """An agent's phone rings to take a parked call."""

    extension: str


class TakeOverRequested(Request, frozen=True, kw_only=True):
    """A supervisor, whose leg stands in our application, has the call from now on; its agent is let go."""

    leg: str
    extension: str
