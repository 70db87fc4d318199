"""A supervision: somebody with the right to it hears an agent at work, speaks to them alone, or to everybody.

Theory of operation. A supervision is no part of the call. The supervisor's phone rings once and stands in a bridge of its
own; with it there stands an *ear*, a leg at the agent's leg that hears what the agent says and hears, and speaks where the mode
says. Whatever becomes of the call, the ear is where the agent is: on hold, consulting, in a conference. An ear cannot change;
another mode, or another agent, is another ear, opened when the one before is gone, so that two never hear each other. What is
wanted is in the supervision, what there is in its ear; ``settled`` orders what is missing, and every order can be repeated.

A supervision ends with the agent's leg, with the supervisor's phone, by request, or because the supervisor has taken the call.
"""

from __future__ import annotations

from datetime import datetime
from enum import StrEnum
from uuid import UUID

from msgspec import Struct
from msgspec.structs import replace

from m3voip.core import commands as do
from m3voip.core import events as ev
from m3voip.core.modes import Mode
from m3voip.core.watched import Watched

PREFIX = "supervision-"
"""How the names of all our legs begin."""
RINGS_S = 25
"""How long the supervisor's phone rings."""
EARS_LOST = 5
"""An ear that goes although the agent stays is opened anew, so many times."""
SHOWN = "Supervision"
"""What the supervisor's phone shows, with the agent's extension."""


class Parting(StrEnum):
    """Why a supervision is over."""

    ENDED = "ended"  # by request
    SUPERVISOR_LEFT = "supervisor_left"
    NOT_ANSWERED = "not_answered"
    AGENT_LEFT = "agent_left"  # the call ended, or went on without this agent
    TAKEN_OVER = "taken_over"
    LOST = "lost"  # its legs were gone when the service came back
    FAILED = "failed"


class Ear(Struct, frozen=True, kw_only=True):
    """A leg that hears at ``of``. ``here``: it stands in our application; ``leaving``: it is being let go."""

    leg: str
    of: str
    mode: Mode
    here: bool = False
    leaving: bool = False


class Supervision(Struct, frozen=True, kw_only=True):
    """One supervision. ``extension`` is the supervisor's phone."""

    id: UUID
    tenant_id: UUID
    subject: UUID
    extension: str
    watched: Watched
    mode: Mode
    started_at: datetime
    answered_at: datetime | None = None
    ear: Ear | None = None
    ears: int = 0
    lost: int = 0
    parting: Parting | None = None

    @property
    def phone(self) -> str:
        """The leg of the supervisor's phone."""
        return phone_of(self.id)

    @property
    def up(self) -> bool:
        """Whether the supervisor's phone was answered."""
        return self.answered_at is not None


class Turn(Struct, frozen=True):
    """What one event led to: the supervision as it is now, and what is ordered, in this order."""

    supervision: Supervision
    commands: tuple[do.Command, ...] = ()

    def do(self, *commands: do.Command) -> Turn:
        """Order more."""
        return Turn(self.supervision, self.commands + commands)

    def now(self, **changes: object) -> Turn:
        """Change the supervision."""
        return Turn(replace(self.supervision, **changes), self.commands)


class Seen(Struct, frozen=True, kw_only=True):
    """What the telephony node holds of a supervision: the supervisor's phone (``answered``: in our application), its ears."""

    phone: bool
    answered: bool
    ears: frozenset[str]


def phone_of(supervision_id: UUID) -> str:
    """The leg of the supervisor's phone."""
    return f"{PREFIX}{supervision_id}"


def bridge_of(supervision_id: UUID) -> str:
    """Where the supervisor's phone and the ear are."""
    return f"{PREFIX}{supervision_id}-bridge"


def id_of(leg: str) -> UUID | None:
    """The supervision that a leg was made for."""
    try:
        return UUID(leg[len(PREFIX) : len(PREFIX) + 36]) if leg.startswith(PREFIX) else None
    except ValueError:
        return None


def begin(supervision: Supervision) -> Turn:
    """Ring the supervisor's phone."""
    who = supervision.watched
    ring = do.Invite(
        leg=supervision.phone, tenant_id=supervision.tenant_id, call_id=who.call_id, extension=supervision.extension,
        timeout_s=RINGS_S, caller=who.agent, caller_name=SHOWN,
    )  # fmt: skip
    return Turn(supervision).do(ring)


def step(supervision: Supervision, leg: str, event: ev.Event) -> Turn:
    """Answer what happened to one of its legs."""
    so_far = Turn(supervision)
    if supervision.parting is not None:
        return so_far
    if leg == supervision.phone:
        return _phone(so_far, event)
    if supervision.ear is not None and leg == supervision.ear.leg:
        return _ear(so_far, supervision.ear, event)
    if isinstance(event, ev.LegArrived):
        return so_far.do(do.Hangup(leg=leg))  # an ear that is wanted no more
    return so_far


def change(supervision: Supervision, mode: Mode, watched: Watched) -> Turn:
    """Hear another agent, or speak to others than before."""
    if supervision.parting is not None:
        return Turn(supervision)
    return settled(Turn(replace(supervision, mode=mode, watched=watched)))


def end(supervision: Supervision, why: Parting) -> Turn:
    """It is over: everything that was made for it goes, but for a phone that has the call now."""
    if supervision.parting is not None:
        return Turn(supervision)
    so_far = Turn(replace(supervision, parting=why, ear=None))
    if supervision.ear is not None:
        so_far = so_far.do(do.Hangup(leg=supervision.ear.leg))
    if why is not Parting.TAKEN_OVER:
        so_far = so_far.do(do.Hangup(leg=supervision.phone))
    return so_far.do(do.Dissolve(leg=supervision.phone, bridge=bridge_of(supervision.id)))


def resume(supervision: Supervision, seen: Seen, at: datetime) -> Turn:
    """Events were missed, or this process is new: go on from what there is."""
    if supervision.parting is not None:
        return Turn(supervision)
    if not seen.phone:
        return _without(seen.ears, end(supervision, Parting.SUPERVISOR_LEFT if supervision.up else Parting.LOST))
    mine = supervision.ear
    if mine is not None:  # that it is let go may not have been heard
        mine = replace(mine, leaving=False) if mine.leg in seen.ears else None
    # A number that no ear has had: one that is on its way out may still be there.
    ears = max([supervision.ears, *(_number(leg) for leg in seen.ears)])
    answered_at = supervision.answered_at or (at if seen.answered else None)
    so_far = Turn(replace(supervision, answered_at=answered_at, ear=mine, ears=ears))
    so_far = _without(seen.ears - ({mine.leg} if mine else set()), so_far)
    if so_far.supervision.up:
        so_far = so_far.do(_placed(so_far.supervision, supervision.phone))
    if mine is not None:
        return _ear(so_far, mine, ev.LegArrived(at=at))
    return settled(so_far)


def settled(so_far: Turn) -> Turn:
    """Order what is missing between what is wanted and what there is."""
    it = so_far.supervision
    if not it.up or it.parting is not None:
        return so_far
    if it.ear is None:
        number = it.ears + 1
        ear = Ear(leg=f"{PREFIX}{it.id}-{number}", of=it.watched.leg, mode=it.mode)
        return so_far.now(ear=ear, ears=number).do(do.Overhear(leg=ear.leg, of=ear.of, mode=ear.mode))
    wanted = (it.ear.of, it.ear.mode) == (it.watched.leg, it.mode)
    if it.ear.here and not it.ear.leaving and not wanted:
        return so_far.now(ear=replace(it.ear, leaving=True)).do(do.Hangup(leg=it.ear.leg))
    return so_far


def _phone(so_far: Turn, event: ev.Event) -> Turn:
    it = so_far.supervision
    match event:
        case ev.LegArrived():
            return settled(so_far.now(answered_at=it.answered_at or event.at).do(_placed(it, it.phone)))
        case ev.CallerHungUp() | ev.LegLeft() | ev.CommandFailed(gone=True):
            return end(it, Parting.SUPERVISOR_LEFT if it.up else Parting.NOT_ANSWERED)
        case ev.CommandFailed():
            return end(it, Parting.FAILED)
        case ev.PhoneTransfers():
            return so_far.do(do.AnswerTransfer(leg=it.phone, done=False))
        case _:
            return so_far


def _ear(so_far: Turn, ear: Ear, event: ev.Event) -> Turn:
    it = so_far.supervision
    match event:
        case ev.LegArrived():
            so_far = settled(so_far.now(ear=replace(ear, here=True)))
            now = so_far.supervision.ear
            return so_far if now is None or now.leaving else so_far.do(_placed(it, ear.leg))
        case ev.CallerHungUp() | ev.LegLeft() | ev.CommandFailed(gone=True):
            return _ear_gone(so_far.now(ear=None), ear)
        case ev.CommandFailed() if it.lost >= EARS_LOST:
            return end(it, Parting.FAILED)
        case ev.CommandFailed():
            return so_far.now(ear=replace(ear, leaving=True), lost=it.lost + 1).do(do.Hangup(leg=ear.leg))
        case _:
            return so_far


def _ear_gone(so_far: Turn, ear: Ear) -> Turn:
    """Because we wanted it; because the agent's leg is gone; or by a fault, then there is another one."""
    it = so_far.supervision
    if ear.leaving or ear.of != it.watched.leg:
        return settled(so_far)
    if not ear.here or it.lost >= EARS_LOST:
        return end(it, Parting.AGENT_LEFT)
    return settled(so_far.now(lost=it.lost + 1))


def _placed(it: Supervision, leg: str) -> do.Place:
    return do.Place(leg=leg, bridge=bridge_of(it.id))


def _without(ears: frozenset[str] | set[str], so_far: Turn) -> Turn:
    return so_far.do(*(do.Hangup(leg=leg) for leg in sorted(ears)))


def _number(leg: str) -> int:
    tail = leg.rpartition("-")[2]
    return int(tail) if tail.isdigit() and len(tail) < 9 else 0
