"""An agent at work: what the state is made of, what can happen to it, and what is written down. How is in ``agent_life``.

The six states are seen from two things that change apart from each other: the agent's *duty* (signed out, on, paused), which
only people and a lost phone change, and what calls make of the agent (*busy*: free, offered, talking, wrapping up). What calls
make of them is seen first; a duty that is not "on" behind it is pending. So a pause asked for during a call takes effect after
it without anybody remembering to do so.
"""

from __future__ import annotations

from datetime import datetime, timedelta
from enum import StrEnum
from uuid import UUID

from msgspec import Struct

from m3voip.core.agent import AgentState

RING_NO_ANSWER = "ring_no_answer"
PHONE_LOST = "phone_lost"
SYSTEM_REASONS = (RING_NO_ANSWER, PHONE_LOST)
"""Reasons of pauses that nobody asked for; a tenant's own list may not hold them."""

OFFER_MARGIN_S = 15
"""How much longer than the phone may ring an offer is believed in, when nothing is heard of its end."""
LONGEST_WRAP_UP = timedelta(hours=1)
"""A wrap-up is not extended beyond this from now."""
DEFAULT_GRACE_S = 30


class Duty(StrEnum):
    """What an agent is while no call has them."""

    OFF = "off"
    ON = "on"
    PAUSED = "paused"


class Busy(StrEnum):
    """What calls make of an agent."""

    FREE = "free"
    OFFERED = "offered"
    TALKING = "talking"
    WRAPPING = "wrapping"


class Via(StrEnum):
    """How it came about."""

    API = "api"
    PHONE_CODE = "phone_code"
    PHONE = "phone"  # the device itself came or went
    CALL = "call"
    TIME = "time"
    SERVICE = "service"  # found out by comparing, or by a change of the configuration


class Agent(Struct, frozen=True, kw_only=True):
    """One agent. ``seq`` is that of the last change written down; ``since`` when the state that is seen began.

    ``by_phone``, ``by_session`` and ``grace_s`` are configuration, put in by the owner: whether the phone's coming and going
    signs the agent in and out, whether calls are joined to a line that is kept up, and how long a lost phone or line may take
    to come back.
    """

    id: UUID
    tenant_id: UUID
    seq: int = 0
    since: datetime | None = None
    duty: Duty = Duty.OFF
    reason: str = ""
    limit_s: int = 0
    limit_at: datetime | None = None
    over_limit: bool = False
    by_hand: bool = False  # signed out by a person: the phone, which was never away, does not sign in again
    busy: Busy = Busy.FREE
    call: UUID | None = None  # that rings, is talked in, or is wrapped up
    busy_until: datetime | None = None  # of an offer or a wrap-up
    wrap_up_s: int = 0  # what follows the talk
    reachable: bool = False
    line: str = ""  # the leg that is kept up
    gone_until: datetime | None = None  # the end of a lost phone's grace time
    by_phone: bool = True
    by_session: bool = False
    grace_s: int = DEFAULT_GRACE_S

    @property
    def state(self) -> AgentState:
        """What is seen."""
        return _SEEN[self.duty] if self.busy is Busy.FREE else _BY_CALLS[self.busy]

    @property
    def there(self) -> bool:
        """Whether calls could reach the agent: by the line where that is kept up, else by the phone."""
        return bool(self.line) if self.by_session else self.reachable

    @property
    def pending(self) -> AgentState | None:
        """What is to be when no call has the agent any more, where that is not "available"."""
        return None if self.busy is Busy.FREE or self.duty is Duty.ON else _SEEN[self.duty]

    @property
    def due_at(self) -> datetime | None:
        """When ``DeadlinePassed`` is to come."""
        return min((at for at in (self.busy_until, self.gone_until, self.limit_at) if at is not None), default=None)

    @property
    def held(self) -> str:
        """Why no queue may offer this agent a call; "" = queues may.

        Whose phone or line signs them in needs no holding while it is away: a queue does not ring a phone that is not there.
        So it rings one that comes while the service is away.
        """
        if self.duty is Duty.OFF:
            returns = self.by_session or self.by_phone
            return "" if returns and not self.by_hand else AgentState.LOGGED_OUT.value
        if self.duty is Duty.PAUSED:
            return self.reason or AgentState.PAUSED.value
        return AgentState.WRAP_UP.value if self.busy is Busy.WRAPPING else ""


_BY_CALLS = {
    Busy.OFFERED: AgentState.RESERVED, Busy.TALKING: AgentState.ON_CALL, Busy.WRAPPING: AgentState.WRAP_UP,
}  # fmt: skip
_SEEN = {Duty.OFF: AgentState.LOGGED_OUT, Duty.ON: AgentState.AVAILABLE, Duty.PAUSED: AgentState.PAUSED}


class Change(StrEnum):
    """What is written down. Stored for ever, so none is ever renamed."""

    SIGNED_IN = "signed_in"
    SIGNED_OUT = "signed_out"
    PAUSED = "paused"
    UNPAUSED = "unpaused"
    PAUSE_OVER_LIMIT = "pause_over_limit"
    OFFERED = "offered"
    OFFER_MISSED = "offer_missed"
    OFFER_WITHDRAWN = "offer_withdrawn"
    CONNECTED = "connected"
    TALK_ENDED = "talk_ended"
    WRAP_UP_BEGAN = "wrap_up_began"
    WRAP_UP_EXTENDED = "wrap_up_extended"
    WRAP_UP_ENDED = "wrap_up_ended"
    PHONE_LOST = "phone_lost"
    PHONE_BACK = "phone_back"
    SESSION_STARTED = "session_started"
    SESSION_ENDED = "session_ended"


class AgentFact(Struct, frozen=True, kw_only=True):
    """One change: the stored row. ``seq`` is gapless per agent from 1. ``saved`` is the agent after everything that the same
    event brought, so that of an agent's rows the last one is all that a new process needs."""

    agent_id: UUID
    tenant_id: UUID
    seq: int
    at: datetime
    kind: Change
    state: AgentState
    via: Via
    by: UUID | None = None
    reason: str = ""
    call_id: UUID | None = None
    until: datetime | None = None
    saved: Agent | None = None


class Hold(Struct, frozen=True):
    """The one command: no queue may offer this agent a call, because of ``reason``; "" = queues may again."""

    reason: str


class AgentEvent(Struct, frozen=True, kw_only=True):
    """Base of all events; never made itself."""

    at: datetime


class Asked(AgentEvent, frozen=True, kw_only=True):
    """Base of what people ask for; ``by`` is who, where that is known."""

    via: Via = Via.API
    by: UUID | None = None


class SignInAsked(Asked, frozen=True, kw_only=True):
    """Begin to work."""


class SignOutAsked(Asked, frozen=True, kw_only=True):
    """Stop working, after the call if there is one."""


class PauseAsked(Asked, frozen=True, kw_only=True):
    """No calls for now, after the one there is. ``limit_s``: how long the reason allows, 0 = no limit."""

    reason: str = ""
    limit_s: int = 0


class UnpauseAsked(Asked, frozen=True, kw_only=True):
    """Calls again."""


class AvailableAsked(Asked, frozen=True, kw_only=True):
    """Whatever keeps calls away shall do so no longer: sign in, unpause, end the wrap-up."""


class WrapUpEndAsked(Asked, frozen=True, kw_only=True):
    """Done with the work after the call."""


class WrapUpExtendAsked(Asked, frozen=True, kw_only=True):
    """The work after the call takes longer."""

    seconds: int


class Offered(AgentEvent, frozen=True, kw_only=True):
    """The agent's phone rings for a call; believed in for ``limit_s`` at most."""

    call: UUID
    limit_s: int


class OfferEnded(AgentEvent, frozen=True, kw_only=True):
    """It rings no more, and the agent did not take the call: ``missed`` if it was up to them. ``pause``: a missed offer
    pauses."""

    call: UUID
    missed: bool = False
    pause: bool = False


class Connected(AgentEvent, frozen=True, kw_only=True):
    """Agent and caller talk; a wrap-up of ``wrap_up_s`` follows (0 = none)."""

    call: UUID
    wrap_up_s: int = 0


class TalkEnded(AgentEvent, frozen=True, kw_only=True):
    """They talk no more."""

    call: UUID


class PhoneGone(AgentEvent, frozen=True, kw_only=True):
    """The phone cannot be reached any more."""


class PhoneBack(AgentEvent, frozen=True, kw_only=True):
    """The phone can be reached."""


class LineUp(AgentEvent, frozen=True, kw_only=True):
    """The agent's line is up, as ``leg``: calls are joined to it from now on."""

    leg: str


class LineDown(AgentEvent, frozen=True, kw_only=True):
    """The line is no more. ``hung_up``: somebody ended it, and the session with it; else it was lost."""

    leg: str
    hung_up: bool = False


class DeadlinePassed(AgentEvent, frozen=True, kw_only=True):
    """``due_at`` has come."""


class Recovered(AgentEvent, frozen=True, kw_only=True):
    """What calls really make of the agent, when some events may have been missed: the call that rings, the call that is
    talked in (a wrap-up of ``wrap_up_s`` follows), or neither."""

    offered: UUID | None = None
    talking: UUID | None = None
    wrap_up_s: int = 0
