"""What reaches a call's mailbox. Past tense; every event says when it happened (``at``, aware UTC).

An HTTP click, a digit, a timer and a hang-up are all events. Providers translate into these and know nothing else.
"""

from __future__ import annotations

from datetime import datetime
from uuid import UUID

from msgspec import Struct

from m3voip.core.causes import NORMAL_CLEARING, ConferenceExit, QueueExit
from m3voip.core.clearance import Clearance
from m3voip.core.dial_result import DialResult
from m3voip.core.facts import Remark


class Event(Struct, frozen=True, kw_only=True):
    """Base of all events; never made itself."""

    at: datetime


class CallArrived(Event, frozen=True, kw_only=True):
    """A caller's leg stands in the application; ``answered``: the dialplan knew the number and has answered. ``did`` and
    ``caller`` are digits with or without ``+``.

    ``node`` and ``created`` (when the telephony node made the leg) with ``leg`` name the call for ever (ids.derived_id).
    """

    leg: str
    node: str
    created: datetime
    did: str
    caller: str
    caller_name: str = ""
    answered: bool = True


class CallerPressed(Event, frozen=True, kw_only=True):
    """One DTMF digit from the caller: ``0``-``9 * # A``-``D``."""

    digit: str


class PromptFinished(Event, frozen=True, kw_only=True):
    """A prompt played to its end, was stopped, or failed: the caller now hears nothing."""

    prompt: str


class TimeUp(Event, frozen=True, kw_only=True):
    """The call's deadline has passed."""


class CrmAnswered(Event, frozen=True, kw_only=True):
    """The CRM answered an ``http`` node in time; ``values`` holds what the node asked for."""

    request: str
    status: int
    values: dict[str, str]


class CrmFailed(Event, frozen=True, kw_only=True):
    """The CRM did not answer in the budget, or answered nonsense."""

    request: str
    why: str


class AgentFound(Event, frozen=True, kw_only=True):
    """The agent whom the caller should have first is free; ``extension`` "" when there is none, or not known in time."""

    request: str
    extension: str


class QueueJoined(Event, frozen=True, kw_only=True):
    """The caller stands in a queue, ``position`` 1 is next."""

    queue: str
    position: int


class AgentOffered(Event, frozen=True, kw_only=True):
    """A queue or dial rings this agent for the call."""

    extension: str


class AgentDidNotAnswer(Event, frozen=True, kw_only=True):
    """The offer ended without an answer: rung out, declined, or gone."""

    extension: str
    rang_ms: int = 0


class AgentAnswered(Event, frozen=True, kw_only=True):
    """Agent and caller are talking. ``agent_leg`` is the agent's leg, "" where only the ledger tells of the answer; ``line``:
    it is a line that is kept up. ``survey``: the tree by which the queue wants the caller asked afterwards; put in by the
    calls' owner."""

    extension: str
    agent_leg: str = ""
    line: bool = False
    survey: str = ""


class DialAnswered(Event, frozen=True, kw_only=True):
    """The one phone that a dial node rings was picked up. Queues ring phones too; for them AgentAnswered says it."""

    agent_leg: str = ""


class AgentLeft(Event, frozen=True, kw_only=True):
    """The talk is over; ``by_caller`` when the caller hung up, else the agent did."""

    extension: str
    by_caller: bool


class QueueAbandoned(Event, frozen=True, kw_only=True):
    """The queue lost its caller: hung up while waiting, or (Asterisk says the same) waited too long."""

    queue: str
    position: int


class QueueLeft(Event, frozen=True, kw_only=True):
    """The caller is back in the application after a queue."""

    queue: str
    exit: QueueExit


class DialLeft(Event, frozen=True, kw_only=True):
    """The caller is back in the application after ringing one agent; ``status`` is Asterisk's DIALSTATUS."""

    extension: str
    status: str


class VoicemailLeft(Event, frozen=True, kw_only=True):
    """The caller is back in the application after a mailbox; ``status`` is SUCCESS, FULL or FAILED."""

    box: str
    status: str


class ConferenceLeft(Event, frozen=True, kw_only=True):
    """The caller is back in the application after a conference, or was not let in."""

    conference: str
    exit: ConferenceExit


class ConferenceMuted(Event, frozen=True, kw_only=True):
    """The caller is no longer heard in the conference, or is again."""

    muted: bool


class SurveyReady(Event, frozen=True, kw_only=True):
    """The tree of the survey that the caller was sent to is what the call follows now, if there is one."""


class CallerHungUp(Event, frozen=True, kw_only=True):
    """The caller's leg is gone, whoever ended it."""

    cause: int = NORMAL_CLEARING
    status: int | None = None  # SIP's, where it is known


class DialRings(Event, frozen=True, kw_only=True):
    """The phone at the other end of a leg that we dial rings, or is said to: whoever carries the call got through."""


class DialFailed(Event, frozen=True, kw_only=True):
    """A number outside was not reached through a trunk. With ``clearance`` the next ``trunk`` is worth a try."""

    result: DialResult
    why: str
    trunk: str = ""
    clearance: Clearance | None = None


class LegLeft(Event, frozen=True, kw_only=True):
    """The caller's leg left our application: where we sent it, or, if we sent it nowhere, for good."""


class LegArrived(Event, frozen=True, kw_only=True):
    """A leg that we called for stands in our application: taken out of its queue or dial, or answered."""


class PhoneHeld(Event, frozen=True, kw_only=True):
    """The phone on a leg put the other side on hold by itself (re-INVITE), or took it back (``on`` false)."""

    on: bool


class PhoneTransfers(Event, frozen=True, kw_only=True):
    """The phone on a leg asks to hand its call on (REFER); ``to`` is digits, or "" for what can be nobody's number."""

    to: str


class OfParty(Event, frozen=True, kw_only=True):
    """What happened to another leg of a call than the caller's."""

    leg: str
    event: Event


class CommandFailed(Event, frozen=True, kw_only=True):
    """A command of ours was refused or its fate is unknown; ``gone`` when the leg no longer exists."""

    command: str
    why: str
    gone: bool = False


class TelephonyRestarted(Event, frozen=True, kw_only=True):
    """The telephony node lost everything it held, this call included."""


class FloorTook(Event, frozen=True, kw_only=True):
    """While the service was away plain Asterisk served this call (queue, then voicemail), and may do so still.

    The fields are those of CallArrived: the service may never have heard of the call before.
    """

    leg: str
    node: str
    created: datetime
    did: str
    caller: str


class ServiceLeaves(Event, frozen=True, kw_only=True):
    """The service stops for good: who still needs its commands is handed to plain Asterisk."""


class Recovered(Event, frozen=True, kw_only=True):
    """The service is back after a crash or a lost connection and the caller's leg still lives.

    ``in_application``: the leg waits for our commands (else a queue, a mailbox or an agent has it).
    ``playing``: the prompt that was playing still plays.
    """

    in_application: bool
    playing: bool = False


class Remarked(Event, frozen=True, kw_only=True):
    """Somebody said something about the call that changes nothing in it: a note, a disposition."""

    remark: Remark


class HangupRequested(Event, frozen=True, kw_only=True):
    """Somebody with the right to it ends the call (API, drain)."""

    by: UUID | None = None
