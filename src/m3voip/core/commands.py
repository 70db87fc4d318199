"""What a call wants done. Imperative; carried out by the Telephony port (``AskCrm``: by the CRM port; ``FindAgent``:
by the port of that name).

Commands are idempotent by the ids in them. Names in them are whitelisted when a tree or a row is loaded (invariant 4),
never taken from a caller.
"""

from __future__ import annotations

from uuid import UUID

from msgspec import Struct

from m3voip.core.causes import NORMAL_CLEARING
from m3voip.core.clearance import Clearance
from m3voip.core.modes import Mode


class Command(Struct, frozen=True, kw_only=True):
    """Base of all commands; ``leg`` is the caller's leg."""

    leg: str


class Answer(Command, frozen=True, kw_only=True):
    """Answer the caller's leg. The dialplan has done so for every number that it knows already."""


class Play(Command, frozen=True, kw_only=True):
    """Play ``media`` one after the other. Each is ``prompt:<sha>`` (rendered text or file), ``digits:<0-9*#>``,
    ``number:<n>`` or ``silence:<seconds>``."""

    prompt: str
    media: tuple[str, ...]


class StopPlaying(Command, frozen=True, kw_only=True):
    """End a prompt early (barge-in). Not an error when it has ended already."""

    prompt: str


class SendToQueue(Command, frozen=True, kw_only=True):
    """Hand the caller to a queue; the leg comes back as QueueLeft, or hangs up. ``box`` is the mailbox of last resort
    when the service is away at that moment."""

    tenant_id: UUID
    call_id: UUID
    queue: str
    timeout_s: int
    record: bool
    box: str = ""
    priority: int = 0


class SendToAgent(Command, frozen=True, kw_only=True):
    """Ring one agent's phone; the leg comes back as DialLeft, or hangs up."""

    tenant_id: UUID
    call_id: UUID
    extension: str
    timeout_s: int
    record: bool
    box: str = ""


class SendToVoicemail(Command, frozen=True, kw_only=True):
    """Let the caller leave a message in a mailbox; the leg comes back as VoicemailLeft, or hangs up."""

    tenant_id: UUID
    call_id: UUID
    box: str


class SendToConference(Command, frozen=True, kw_only=True):
    """Let the caller join a conference, by its number; the leg comes back as ConferenceLeft, or hangs up."""

    tenant_id: UUID
    call_id: UUID
    conference: str


class SendToFloor(Command, frozen=True, kw_only=True):
    """Let plain Asterisk serve the caller from here on: the number's queue, then its mailbox."""


class TellAgent(Command, frozen=True, kw_only=True):
    """Say to an agent who dialled a code what came of it, and let them go. ``told`` is one of the dialplan's words."""

    told: str


class TakeInHand(Command, frozen=True, kw_only=True):
    """Bring the caller's leg, and ``other`` with it, from the queue or dial that joins them into our application. Each
    comes back as LegArrived; what joined them is over."""

    other: str = ""


class Place(Command, frozen=True, kw_only=True):
    """Put a leg into a bridge of the call, out of the one where it is. The bridge is made if it is not there."""

    bridge: str


class Music(Command, frozen=True, kw_only=True):
    """Music for all in a bridge, or no more of it."""

    bridge: str
    on: bool


class Invite(Command, frozen=True, kw_only=True):
    """Ring an agent's phone; ``leg`` is the id that its leg shall have. It comes as LegArrived when the phone is answered,
    or is told to be gone. ``caller`` and ``caller_name`` are what the phone shows."""

    tenant_id: UUID
    call_id: UUID
    extension: str
    timeout_s: int
    caller: str = ""
    caller_name: str = ""


class DialOut(Command, frozen=True, kw_only=True):
    """Dial the clearance's number through a trunk; otherwise like Invite. Law: the only command that reaches outside, and it
    takes the number and the caller id from the clearance and from nowhere else."""

    clearance: Clearance
    call_id: UUID
    trunk: str
    timeout_s: int


class Ringback(Command, frozen=True, kw_only=True):
    """Let those in a bridge hear ringing until the prompt is stopped."""

    bridge: str
    prompt: str


class Mute(Command, frozen=True, kw_only=True):
    """Nobody hears what this leg says, until ``on`` is false."""

    on: bool


class SendDigits(Command, frozen=True, kw_only=True):
    """Send keys to whoever is at this leg."""

    digits: str


class WatchLeg(Command, frozen=True, kw_only=True):
    """Hear what happens to a leg that is not in our application."""


class Overhear(Command, frozen=True, kw_only=True):
    """Make ``leg``, which hears what the leg ``of`` says and hears, and speaks to whom the mode says. It comes as LegArrived,
    or is told to be gone."""

    of: str
    mode: Mode


class AnswerTransfer(Command, frozen=True, kw_only=True):
    """Tell the phone that asked to transfer (PhoneTransfers) whether it is done."""

    done: bool


class Dissolve(Command, frozen=True, kw_only=True):
    """Remove a bridge; not an error when it is gone."""

    bridge: str


class Hangup(Command, frozen=True, kw_only=True):
    """End the caller's leg. ``cause`` is Q.850."""

    cause: int = NORMAL_CLEARING


class FindAgent(Command, frozen=True, kw_only=True):
    """Find the agent whom the caller should have first, if they are free; answered by AgentFound within ``timeout_ms``.

    ``extension``: this agent; else whoever last talked with ``caller`` (digits) within ``days``.
    """

    request: str
    tenant_id: UUID
    extension: str
    caller: str
    days: int
    timeout_ms: int


class AskCrm(Command, frozen=True, kw_only=True):
    """Ask the CRM over HTTP; answered by CrmAnswered or CrmFailed within ``timeout_ms``.

    ``extract`` names values to take from the JSON reply: variable name → dotted path.
    """

    request: str
    method: str
    url: str
    body: dict[str, str]
    extract: dict[str, str]
    timeout_ms: int
