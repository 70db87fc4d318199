"""The seam between what decides and what does. One Protocol a concern; providers and storage implement them.

Law: nothing behind a port knows the engine; nothing before it knows Asterisk or SQL.
"""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Mapping, Sequence
from datetime import datetime
from pathlib import Path
from typing import Protocol
from uuid import UUID

from msgspec import Struct

from m3voip.core.agent_state import AgentFact
from m3voip.core.commands import AskCrm, Command, FindAgent
from m3voip.core.conference import Party, PartyJoined, PartyLeft, RecordingTurned, Roster
from m3voip.core.dial_result import DialResult
from m3voip.core.events import CallArrived, CallerHungUp, Event, FloorTook
from m3voip.core.facts import AnyFact, Recorded
from m3voip.core.supervision import Parting, Supervision
from m3voip.ivr.prompts import PromptSource

Deliver = Callable[[str, Event], None]
"""Hands an event to the call that owns this leg. Never blocks."""


class LegSeen(Struct, frozen=True, kw_only=True):
    """A leg that the telephony node holds right now, and what it tells of how it came to be there.

    ``in_application``: it waits for our commands. ``arrived``: it entered as a new caller. ``returned``: it came back from
    where we had sent it. ``floor``: plain Asterisk serves it.
    """

    leg: str
    created: datetime
    in_application: bool
    arrived: CallArrived | None = None
    returned: Event | None = None
    floor: FloorTook | None = None


class Snapshot(Struct, frozen=True, kw_only=True):
    """Everything the node holds, taken after each (re)connect. ``node_started``: the beginning of the node's present life."""

    node: str
    node_started: datetime
    taken_at: datetime
    legs: dict[str, LegSeen]


class Names(Protocol):
    """The names that tenants' things have in the telephony node; all of them whitelisted when the row was written."""

    def queue(self, tenant_id: UUID, queue: str) -> str | None:
        """The node's name of a queue."""
        ...

    def endpoint(self, tenant_id: UUID, extension: str) -> str | None:
        """The endpoint of the agent at an extension."""
        ...

    def box(self, tenant_id: UUID, box: str) -> str | None:
        """The node's name of a mailbox."""
        ...

    def conference(self, tenant_id: UUID, number: str) -> str | None:
        """The node's name of a conference."""
        ...

    def trunk(self, tenant_id: UUID, trunk: str) -> str | None:
        """The node's name of a trunk that can be called through."""
        ...


class Telephony(Protocol):
    """The node that holds the legs."""

    def perform(self, command: Command) -> None:
        """Carry out a command; never blocks. A refusal comes back as CommandFailed through the leg's mailbox."""
        ...

    @property
    def connected(self) -> bool:
        """Whether a command would reach the node now."""
        ...


class SnapshotSource(Protocol):
    """What recovery asks of the telephony node."""

    async def snapshot(self) -> Snapshot:
        """All legs, now. Raises ProviderError when the node cannot be asked."""
        ...

    async def is_playing(self, prompt: str) -> bool:
        """Whether a prompt still plays."""
        ...

    def release(self, leg: str) -> None:
        """Hang up a leg that belongs to no call."""
        ...

    async def sweep(self, lives: Callable[[UUID], bool]) -> None:
        """Remove what calls that do not live any more have left behind: the end of a call and the order to clean up after
        it are two things, and a process can die between them."""
        ...

    def watch(self, leg: str) -> None:
        """Hear of a leg that is not in our application; one that is gone is told as a failed command."""
        ...


class Ledger(Protocol):
    """What the telephony node wrote down by itself, for the time when nobody listened."""

    async def read(self, since: datetime) -> LedgerReading:
        """All entries from ``since`` on."""
        ...


class LedgerReading(Struct, frozen=True, kw_only=True):
    """``queue``: per leg what its queues did, in order. ``hangups``: per leg its end. ``floor``: ended calls that were served
    without us. ``unheard``: ended calls that came to our application; who was not there to hear it has never known them."""

    queue: dict[str, list[Event]]
    hangups: dict[str, CallerHungUp]
    floor: dict[str, FloorTook]
    unheard: dict[str, FloorTook] = {}


class ConferenceNode(Protocol):
    """Conferences as the telephony node runs them. Orders answer False when there is no such conference or party any more;
    everything raises ProviderError when the node cannot be asked."""

    async def roster(self, conference: UUID) -> Roster | None:
        """Who is in it now; None when nobody is."""
        ...

    async def present(self) -> frozenset[str]:
        """The legs of everybody in any conference."""
        ...

    async def mute(self, conference: UUID, party: Party | None, *, on: bool) -> bool:
        """Mute or unmute one party, or everybody but moderators."""
        ...

    async def kick(self, conference: UUID, party: Party | None) -> bool:
        """Put one party out, or everybody: that ends the meeting."""
        ...

    async def lock(self, conference: UUID, *, on: bool) -> bool:
        """Let only moderators in, or everybody again."""
        ...

    async def record(self, conference: UUID, *, on: bool) -> bool:
        """Begin or stop recording."""
        ...

    def lock_now(self, conference: UUID) -> None:
        """Lock without waiting for the answer."""
        ...


class StayLedger(Protocol):
    """What the telephony node wrote down by itself about conferences."""

    async def stays(self, since: datetime) -> list[PartyJoined | PartyLeft]:
        """Who joined and left from ``since`` on, in order."""
        ...


class MeetingLog(Protocol):
    """Where meetings are written down. Everything may be told twice and changes nothing then; raises StorageUnavailable."""

    async def joined(self, event: PartyJoined, call_id: UUID | None) -> None:
        """A party is in; the first begins a meeting."""
        ...

    async def left(self, event: PartyLeft) -> None:
        """A party is out; the last ends the meeting."""
        ...

    async def recording(self, event: RecordingTurned) -> None:
        """The meeting is recorded from now on, or no longer."""
        ...

    async def known_until(self) -> datetime | None:
        """From when on something may be missing: the beginning of the oldest open meeting, else the newest end."""
        ...

    async def close_absent(self, present: frozenset[str], at: datetime) -> None:
        """Whoever joined before ``at`` and is not ``present`` has left, by then; a meeting with nobody in it has ended."""
        ...


class HeldMeeting(Struct, frozen=True, kw_only=True):
    """What the recordings' job needs to know of a meeting."""

    meeting_id: UUID
    tenant_id: UUID
    started_at: datetime
    ended: bool


class MeetingFinder(Protocol):
    """Finds the meeting behind a file that the telephony node wrote."""

    async def of_recording(self, conference: UUID, begun: datetime) -> HeldMeeting | None:
        """The meeting in which a recording of this conference began."""
        ...

    async def add_recording(
        self, recording: UUID, meeting: HeldMeeting, file: StoredFile, duration_s: float, at: datetime
    ) -> None:
        """Link a recording in the vault to its meeting; not twice."""
        ...


class CrmPort(Protocol):
    """Asks the CRM on behalf of a call; answers through the leg's mailbox within the command's budget."""

    def ask(self, command: AskCrm) -> None:
        """Ask; never blocks."""
        ...


class AgentFinder(Protocol):
    """Finds the agent whom a caller should have first; answers through the leg's mailbox within the command's budget."""

    def find_agent(self, command: FindAgent) -> None:
        """Look; never blocks."""
        ...


class LastAgents(Protocol):
    """Who last talked with a caller."""

    async def last_agent(self, tenant_id: UUID, caller: str, since: datetime) -> str:
        """The extension of the tenant's agent; "" when there is none since then. ``caller`` in digits."""
        ...


class Clock(Protocol):
    """The time, aware UTC."""

    def now(self) -> datetime:
        """Now."""
        ...


class EventLog(Protocol):
    """Where facts go. ``append`` returns when they survive a kill of this process (journal), not when Postgres has them."""

    def append(self, rows: Sequence[Recorded]) -> None:
        """Write facts down, in this order."""
        ...


class AgentLog(Protocol):
    """Where what agents do goes; otherwise like EventLog."""

    def append(self, rows: Sequence[AgentFact]) -> None:
        """Write changes down, in this order."""
        ...


class MemberControl(Protocol):
    """Pauses and unpauses members of the telephony node's queues."""

    def hold(self, queue: str, endpoint: str, reason: str, failed: Callable[[], None]) -> None:
        """Offer this member no calls, because of ``reason``; "" = offer calls again. Never blocks; ``failed`` is called when
        it was refused or its fate is unknown."""
        ...


class CallStore(Protocol):
    """What recovery and the jobs read and write."""

    async def open_calls(self) -> Mapping[UUID, list[Recorded]]:
        """The facts of every call without a ``call.ended``, by call, in order."""
        ...

    async def append_late(self, call_id: UUID, at: datetime, fact: AnyFact) -> Recorded | None:
        """Write a fact about a call that has ended; takes the next seq under a row lock. None if the call is unknown."""
        ...


class SupervisionStore(Protocol):
    """What the engine reads and writes of supervisions."""

    async def open(self) -> Sequence[Supervision]:
        """Those without an end."""
        ...

    async def answered(self, supervision_id: UUID, at: datetime) -> None:
        """The supervisor's phone was picked up."""
        ...

    async def ended(self, supervision_id: UUID, at: datetime, why: Parting, by: UUID | None) -> None:
        """It is over; writes the audit as well. ``by``: whoever ended it, if not the supervisor. Once."""
        ...


class AttemptEnd(Struct, frozen=True, kw_only=True):
    """What became of an attempt that was cleared. ``cause`` is Q.850, ``trunk`` the last one that was tried, "" = none."""

    attempt_id: UUID
    tenant_id: UUID
    result: DialResult
    cause: int
    trunk: str
    answered_at: datetime | None
    ended_at: datetime


class AttemptStore(Protocol):
    """What the engine reads and writes of attempts; the gate writes their beginning."""

    async def ended(self, end: AttemptEnd) -> None:
        """It is over. Once."""
        ...

    async def forgotten(self, before: datetime) -> Sequence[tuple[UUID, UUID]]:
        """(attempt, tenant) of those that were cleared before this and have no end."""
        ...


class EndedCall(Struct, frozen=True, kw_only=True):
    """What the jobs need to know of a call."""

    call_id: UUID
    tenant_id: UUID
    caller: str
    started_at: datetime
    ended: bool


class CallFinder(Protocol):
    """Finds the call behind a file that the telephony node wrote."""

    async def find(self, *, call_id: UUID | None = None, leg: str = "") -> EndedCall | None:
        """By our id, or by the leg's name for calls served on the floor."""
        ...


class MessageChange(Struct, frozen=True, kw_only=True):
    """What was done to a voicemail message and is no fact yet. ``kind``: read, unread, deleted, restored, forwarded, purged;
    ``source`` is the message that a forwarded one was copied from."""

    id: UUID
    tenant_id: UUID
    call_id: UUID
    voicemail: UUID
    box: str
    kind: str
    by: str
    source: UUID | None
    at: datetime


class BoxCount(Struct, frozen=True, kw_only=True):
    """What lies in a box."""

    tenant_id: UUID
    box: str
    new: int
    old: int


class VoicemailStore(Protocol):
    """What the jobs read and write of voicemail messages."""

    async def changes(self, most: int) -> Sequence[MessageChange]:
        """The oldest changes that are no facts yet, in order."""
        ...

    async def told(self, change: UUID) -> None:
        """This change is a fact now."""
        ...

    async def counts(self) -> Sequence[BoxCount]:
        """What lies in every box."""
        ...

    async def due(self, most: int) -> Sequence[UUID]:
        """Messages whose time is over."""
        ...

    async def purge(self, voicemail: UUID, delete: Callable[[str], Awaitable[None]]) -> bool:
        """Remove a message for good if its time is still over; ``delete`` removes its sound unless another message has it."""
        ...


class Lamps(Protocol):
    """The message-waiting lamps of phones."""

    async def show(self, box: str, new: int, old: int) -> None:
        """Let the phones of a box (the node's name) know how much lies in it. Raises ProviderError."""
        ...


class BoxSeen(Struct, frozen=True, kw_only=True):
    """What has to be known before a caller speaks. ``name`` is the node's; ``greeting``: what names its sound, "" if there is
    none; ``text``: what is spoken instead, "" = the standard greeting."""

    name: str
    mailbox: UUID
    tenant_id: UUID
    box: str
    full: bool
    seconds: int
    greeting: str
    text: str


class BoxMessage(Struct, frozen=True, kw_only=True):
    """A message as its owner hears of it; ``key`` is its sound's place in the vault."""

    id: UUID
    caller: str
    left_at: datetime
    key: str
    heard: bool


class Boxes(Protocol):
    """Mailboxes as the telephony node and the owners' phones use them. Called from any thread, hence not async; raises
    M3voipError when the storage is away."""

    def seen(self, name: str) -> BoxSeen | None:
        """By the node's name of the box."""
        ...

    def by_pin(self, context: str, box: str, pin: str) -> BoxSeen | None:
        """A box of the company whose phones dial from ``context``, if that is its PIN. Wrong PINs close a box for a while."""
        ...

    def messages(self, box: BoxSeen) -> Sequence[BoxMessage]:
        """What lies in it: new ones first, each kind oldest first."""
        ...

    def change(self, box: BoxSeen, message: UUID, kind: str) -> bool:
        """read, deleted or restored; False when the message is gone."""
        ...

    def forward(self, box: BoxSeen, message: UUID, to_box: str) -> bool:
        """Copy it to another box of the company; False when that cannot take it."""
        ...

    def sound(self, message: BoxMessage) -> Path:
        """The message's file. Raises KeyError when it is gone."""
        ...

    def greeting(self, box: BoxSeen) -> bytes:
        """The sound of the greeting, FLAC."""
        ...

    def set_greeting(self, box: BoxSeen, audio: bytes | None, duration_s: float) -> None:
        """Replace it, or (None) take it away."""
        ...


class StoredFile(Struct, frozen=True, kw_only=True):
    """What a vault keeps."""

    key: str
    sha256: str
    size: int


class RecordingVault(Protocol):
    """Where recordings and voicemail are kept: a folder, or an S3-compatible store."""

    async def put(self, key: str, source: Path) -> StoredFile:
        """Store a copy of ``source``; never overwrites other content; returns what the vault itself read back."""
        ...

    async def open(self, key: str) -> Path:
        """A local path to read from. Raises KeyError when there is no such object."""
        ...

    async def delete(self, key: str) -> None:
        """Remove an object; not an error when it is gone."""
        ...


class Consent(Protocol):
    """Whether a call may be recorded. The law's rules come with the compliance gate; until then the queue's setting."""

    def may_record(self, tenant_id: UUID, queue: str) -> bool:
        """Whether the first frame may be written."""
        ...


class Speech(Protocol):
    """Makes what trees say playable by the telephony node."""

    @property
    def engine(self) -> str:
        """The text-to-speech engine and its version: part of every text's key."""
        ...

    @property
    def voices(self) -> frozenset[str]:
        """The voices a tree may name."""
        ...

    def files(self) -> Mapping[str, str]:
        """The sound files a tree may play: name → SHA-256 of the content. Reads the disk."""
        ...

    async def prepare(self, prompts: Mapping[str, PromptSource]) -> None:
        """Render what is not there yet. Raises ProviderError naming the prompt; a tree goes live only after this."""
        ...
