"""What a call wants done. Imperative; carried out by the Telephony port (and the CRM port for ``AskCrm``).

Commands are idempotent by the ids in them. Names in them are whitelisted when a tree or a row is loaded (invariant 4),
never taken from a caller.
"""

from __future__ import annotations

from uuid import UUID

from msgspec import Struct

from m3voip.core.causes import NORMAL_CLEARING


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


class SendToFloor(Command, frozen=True, kw_only=True):
    """Let plain Asterisk serve the caller from here on: the number's queue, then its mailbox."""


class TellAgent(Command, frozen=True, kw_only=True):
    """Say to an agent who dialled a code what came of it, and let them go. ``told`` is one of the dialplan's words."""

    told: str


class Hangup(Command, frozen=True, kw_only=True):
    """End the caller's leg. ``cause`` is Q.850."""

    cause: int = NORMAL_CLEARING


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
