"""What is written down about a call. Past tense, stored for ever, so a kind is never renamed and a field never reused.

A call's state is the fold of its facts (``core.call.evolve``), so the stored rows are also what recovery reads.
Digits of a node marked sensitive are never in a fact.
"""

from __future__ import annotations

from datetime import datetime
from uuid import UUID

import msgspec
from msgspec import Struct

from m3voip.core.causes import ConferenceExit, EndReason, QueueExit
from m3voip.core.parties import Place, Target


class Fact(Struct, frozen=True, kw_only=True, tag_field="kind"):
    """Base of all facts; the tag is the stored kind."""


class CallStarted(Fact, frozen=True, kw_only=True, tag="call.started"):
    """A call exists. ``did`` and ``caller`` as they came; ``tree`` is "" when none serves the DID."""

    leg: str
    did: str
    caller: str
    caller_name: str = ""
    direction: str = "inbound"
    tree: str = ""
    tree_version: int = 0


class NodeEntered(Fact, frozen=True, kw_only=True, tag="ivr.node_entered"):
    """The caller is at a node of the tree. ``attempt`` counts from 1 while a menu repeats."""

    node: str
    verb: str
    attempt: int = 1
    prompt: str = ""


class DigitsTaken(Fact, frozen=True, kw_only=True, tag="ivr.digits"):
    """The caller chose or typed; ``digits`` is empty and ``sensitive`` true where they may not be stored."""

    node: str
    digits: str
    sensitive: bool = False


class InputMissing(Fact, frozen=True, kw_only=True, tag="ivr.no_input"):
    """The caller pressed nothing in time."""

    node: str


class InputInvalid(Fact, frozen=True, kw_only=True, tag="ivr.invalid"):
    """The caller pressed what the node does not offer."""

    node: str
    digits: str


class VariableSet(Fact, frozen=True, kw_only=True, tag="ivr.variable_set"):
    """A variable of this call's tree; ``values`` because one CRM answer sets several."""

    node: str
    values: dict[str, str]


class CrmAsked(Fact, frozen=True, kw_only=True, tag="ivr.crm_asked"):
    """How an ``http`` node went: ``status`` 0 means no answer, ``why`` says so."""

    node: str
    status: int
    why: str = ""


class CallRouted(Fact, frozen=True, kw_only=True, tag="call.routed"):
    """The number's route decided where the call goes. ``rule`` is "" when no rule held and the route's ``otherwise`` was
    taken; ``why`` says what was looked at, without numbers or names. ``target`` is the kind: tree, queue, mailbox, agent or
    reject; ``to`` its name."""

    route: str
    version: int
    rule: str
    why: str
    target: str
    to: str = ""


class TreeEntered(Fact, frozen=True, kw_only=True, tag="ivr.tree_entered"):
    """From here on the call follows this tree."""

    tree: str
    version: int


class QueueEntered(Fact, frozen=True, kw_only=True, tag="queue.entered"):
    """Sent to a queue; ``visit`` counts the call's queue visits from 1. ``returned``: back at its head, because the line of the
    agent who was talked with was lost."""

    queue: str
    visit: int
    record: bool
    timeout_s: int = 0
    returned: bool = False


class QueuePositionKnown(Fact, frozen=True, kw_only=True, tag="queue.joined"):
    """The queue took the caller in, at this position."""

    queue: str
    position: int


class QueueExited(Fact, frozen=True, kw_only=True, tag="queue.left"):
    """Left a queue without (or after) an agent."""

    queue: str
    exit: QueueExit
    waited_s: float = 0.0


class QueueCallAbandoned(Fact, frozen=True, kw_only=True, tag="queue.abandoned"):
    """The caller hung up while waiting; ``position`` 0 when nobody told it."""

    queue: str
    waited_s: float
    position: int = 0


class OfferMade(Fact, frozen=True, kw_only=True, tag="agent.offered"):
    """An agent's phone rings for the call."""

    extension: str


class OfferMissed(Fact, frozen=True, kw_only=True, tag="agent.ring_no_answer"):
    """The offer ended without an answer."""

    extension: str
    rang_ms: int = 0


class CallConnected(Fact, frozen=True, kw_only=True, tag="call.connected"):
    """Agent and caller are talking; ``waited_s`` from entering the queue. ``agent_leg`` is "" where nobody told it; ``line``: it
    is a line that is kept up, to which the caller was joined. ``survey``: the tree that the caller goes to if the agent hangs
    up first."""

    extension: str
    agent_leg: str = ""
    queue: str = ""
    waited_s: float = 0.0
    line: bool = False
    survey: str = ""


class SurveyEntered(Fact, frozen=True, kw_only=True, tag="survey.entered"):
    """The talk is over and the caller is asked about it, by this tree. ``extension`` and ``queue`` are those of the talk;
    ``by_queue``: the queue says so, else an agent sent the caller there."""

    tree: str
    extension: str = ""
    queue: str = ""
    by_queue: bool = False


class SurveyAnswered(Fact, frozen=True, kw_only=True, tag="survey.answered"):
    """The caller answered a question of a survey: ``name`` is the node of a menu, or the variable of a collect; ``value`` the
    keys. Sensitive digits are not kept."""

    tree: str
    node: str
    name: str
    value: str


class TalkEnded(Fact, frozen=True, kw_only=True, tag="call.talk_ended"):
    """Agent and caller no longer talk; seconds from connection to end."""

    extension: str
    talked_s: float
    by_caller: bool


class DialStarted(Fact, frozen=True, kw_only=True, tag="dial.started"):
    """One agent is rung by a dial node."""

    extension: str
    record: bool = False


class DialEnded(Fact, frozen=True, kw_only=True, tag="dial.ended"):
    """The dial is over; ``status`` is Asterisk's DIALSTATUS."""

    extension: str
    status: str


class VoicemailEntered(Fact, frozen=True, kw_only=True, tag="voicemail.entered"):
    """The caller was sent to a mailbox."""

    box: str


class VoicemailDone(Fact, frozen=True, kw_only=True, tag="voicemail.left"):
    """The caller is back from the mailbox. ``status``: ``SUCCESS`` (the caller was recorded), ``FULL`` (the box takes no
    more, the caller was told so), ``FAILED`` (there is no such box)."""

    box: str
    status: str


class ConferenceEntered(Fact, frozen=True, kw_only=True, tag="conference.entered"):
    """The caller was sent to a conference, where its PIN is asked for."""

    conference: str


class ConferenceDone(Fact, frozen=True, kw_only=True, tag="conference.left"):
    """The caller is back from the conference, after ``stayed_s``, or was not let in. Who hangs up there has none."""

    conference: str
    exit: ConferenceExit
    stayed_s: float = 0.0


class ConferenceMuted(Fact, frozen=True, kw_only=True, tag="conference.muted"):
    """The caller can no longer be heard in the conference, or can be again."""

    muted: bool


class FloorServed(Fact, frozen=True, kw_only=True, tag="call.on_floor"):
    """Plain Asterisk serves the call because the service was away; from here on we only observe."""


class CallResumed(Fact, frozen=True, kw_only=True, tag="call.resumed"):
    """The service lost and found this call; nothing was dropped."""

    state: str


class CommandRefused(Fact, frozen=True, kw_only=True, tag="call.command_failed"):
    """Asterisk refused a command of ours, or its fate is unknown."""

    command: str
    why: str


class EventUnexpected(Fact, frozen=True, kw_only=True, tag="call.unexpected"):
    """An event that makes no sense in this state: kept, warned about, and harmless."""

    state: str
    event: str


class CallEnded(Fact, frozen=True, kw_only=True, tag="call.ended"):
    """Exactly one per call, always its last fact of the call itself."""

    reason: EndReason
    cause: int
    duration_s: float
    talk_s: float = 0.0


class HandTaken(Fact, frozen=True, kw_only=True, tag="call.taken_in_hand"):
    """Caller and agent were taken out of the queue or dial that joined them, because somebody asked for more than it can
    do: from here on the service joins and parts them. ``agent_leg`` is "" when only the caller was taken."""

    agent_leg: str


class HandRefused(Fact, frozen=True, kw_only=True, tag="call.hand_refused"):
    """Caller and agent could not be taken in hand, and talk as before."""

    why: str


class PartyInvited(Fact, frozen=True, kw_only=True, tag="party.invited"):
    """An agent's phone rings, to join this call at this place. Or a number outside is dialled: ``attempt`` is the one that was
    cleared for it, ``trunk`` the first that is tried, ``extension`` is "" then."""

    leg: str
    extension: str
    place: Place = Place.MAIN
    number: str = ""
    attempt: UUID | None = None
    trunk: str = ""


class PartyRerouted(Fact, frozen=True, kw_only=True, tag="party.rerouted"):
    """A trunk did not get through to the number: it is dialled through the next one, by a leg of its own (``new_leg``).
    ``why`` is Q.850's cause and SIP's status."""

    leg: str
    new_leg: str
    trunk: str
    why: str


class PartyJoined(Fact, frozen=True, kw_only=True, tag="party.joined"):
    """A leg of this call stands in our application and is where its place is."""

    leg: str


class PartiesPlaced(Fact, frozen=True, kw_only=True, tag="party.placed"):
    """Who is with the caller and who is not, from now on: leg → place. ``why``: hold, resume, consult, swap, conference,
    transfer, picked_up."""

    places: dict[str, Place]
    why: str


class PartyMuted(Fact, frozen=True, kw_only=True, tag="party.muted"):
    """Nobody hears what is said on this leg, or everybody again."""

    leg: str
    on: bool


class PartyLeft(Fact, frozen=True, kw_only=True, tag="party.left"):
    """A leg other than the caller's is gone, or never came (``answered`` false). For a number outside that did not answer
    ``result`` says how it ended (core/dial_result.py)."""

    leg: str
    extension: str
    answered: bool
    number: str = ""
    result: str = ""


class HoldByPhone(Fact, frozen=True, kw_only=True, tag="party.phone_hold"):
    """The agent's phone itself put the caller on hold, or took them back."""

    extension: str
    on: bool


class DigitsSent(Fact, frozen=True, kw_only=True, tag="call.digits_sent"):
    """Keys were sent to the caller's side; how many, never which."""

    count: int


class TransferOrdered(Fact, frozen=True, kw_only=True, tag="call.transfer_ordered"):
    """The caller shall be handed on. ``extension`` is who hands on; ``by_phone``: with the phone's own key (REFER)."""

    extension: str
    target: Target
    by_phone: bool = False


class Transferred(Fact, frozen=True, kw_only=True, tag="call.transferred"):
    """The caller was handed on, and the one who did it has left: ``way``: blind or attended. For an attended transfer the
    new agent's talk begins with this."""

    way: str
    extension: str
    target: Target
    agent_leg: str = ""


class CallParked(Fact, frozen=True, kw_only=True, tag="call.parked"):
    """The caller waits with music until somebody picks the call up by its slot."""

    slot: int
    extension: str


class PickedUp(Fact, frozen=True, kw_only=True, tag="call.picked_up"):
    """An agent took over a parked call and talks to the caller."""

    extension: str
    agent_leg: str


class RecordingStored(Fact, frozen=True, kw_only=True, tag="recording.ready"):
    """Written by the recordings job after the call ended. ``key`` is the file's place in the vault; ``size`` in bytes.
    Channel 1 is the caller, channel 2 whom the caller heard."""

    recording: UUID
    key: str
    sha256: str
    duration_s: float
    size: int


class VoicemailStored(Fact, frozen=True, kw_only=True, tag="voicemail.stored"):
    """Written by the voicemail job after the caller hung up. ``message_id`` is the name that the dialplan gave it;
    ``POST /v1/tm/voicemails/{voicemail}/link`` makes the link by which it is heard. ``caller`` is who left it."""

    voicemail: UUID
    box: str
    message_id: str
    key: str
    sha256: str
    duration_s: float
    size: int
    caller: str = ""


class VoicemailDiscarded(Fact, frozen=True, kw_only=True, tag="voicemail.discarded"):
    """The caller was asked to speak and said nothing: there is no message. ``why`` is ``silent`` or ``unreadable``."""

    box: str
    message_id: str
    why: str
    duration_s: float = 0.0


class VoicemailRead(Fact, frozen=True, kw_only=True, tag="voicemail.read"):
    """Somebody heard the message, or marked it so. ``by`` is ``phone`` or ``api``; ``change`` names what was done, once for
    ever."""

    voicemail: UUID
    box: str
    change: UUID
    by: str


class VoicemailUnread(Fact, frozen=True, kw_only=True, tag="voicemail.unread"):
    """Somebody marked the message as new again."""

    voicemail: UUID
    box: str
    change: UUID
    by: str


class VoicemailDeleted(Fact, frozen=True, kw_only=True, tag="voicemail.deleted"):
    """Somebody deleted the message; it can be restored for some days."""

    voicemail: UUID
    box: str
    change: UUID
    by: str


class VoicemailRestored(Fact, frozen=True, kw_only=True, tag="voicemail.restored"):
    """A deleted message is back in its box."""

    voicemail: UUID
    box: str
    change: UUID
    by: str


class VoicemailForwarded(Fact, frozen=True, kw_only=True, tag="voicemail.forwarded"):
    """A copy of the message ``source`` came into another box; ``voicemail`` is the copy."""

    voicemail: UUID
    box: str
    source: UUID
    change: UUID
    by: str


class VoicemailPurged(Fact, frozen=True, kw_only=True, tag="voicemail.purged"):
    """The message is gone for good: its time was over (``by`` is ``retention``)."""

    voicemail: UUID
    box: str
    change: UUID
    by: str


class CallNoted(Fact, frozen=True, kw_only=True, tag="call.noted"):
    """Somebody wrote a note about the call, during it or after it; it may come after ``call.ended``. Its text is in the
    call (``callNotes``), because people's words must be erasable and events are for ever. ``by`` is the key or user."""

    note: UUID
    by: UUID


class DispositionSet(Fact, frozen=True, kw_only=True, tag="call.disposition_set"):
    """How the call came out, as somebody says; the latest counts, and it may come after ``call.ended``. ``maps_to`` is the
    contract's outcome that the tenant's ``code`` means; ``via`` is ``api`` or ``phone``; ``extension`` the agent at that
    phone, else "". What was written with it is in the call."""

    disposition: UUID
    code: str
    maps_to: str
    via: str
    by: UUID | None = None
    extension: str = ""
    next_attempt_at: datetime | None = None


AnyFact = (
    CallStarted | NodeEntered | DigitsTaken | InputMissing | InputInvalid | VariableSet | CrmAsked | QueueEntered
    | CallRouted | TreeEntered
    | QueuePositionKnown | QueueExited | QueueCallAbandoned | OfferMade | OfferMissed | CallConnected | TalkEnded
    | DialStarted | DialEnded | VoicemailEntered | VoicemailDone | ConferenceEntered | ConferenceDone | ConferenceMuted
    | FloorServed | CallResumed | CommandRefused | EventUnexpected
    | HandTaken | HandRefused | PartyInvited | PartyRerouted | PartyJoined | PartiesPlaced | PartyMuted
    | PartyLeft | HoldByPhone | DigitsSent
    | TransferOrdered | Transferred | CallParked | PickedUp
    | CallEnded | RecordingStored | VoicemailStored | VoicemailDiscarded | VoicemailRead | VoicemailUnread | VoicemailDeleted
    | VoicemailRestored | VoicemailForwarded | VoicemailPurged
    | CallNoted | DispositionSet | SurveyEntered | SurveyAnswered
)  # fmt: skip

Remark = CallNoted | DispositionSet
"""What people say about a call. Told to it while it lives, and written down behind its end afterwards."""


def remark_id(remark: Remark) -> UUID:
    """What names a remark for ever, so that it is written down once."""
    return remark.note if isinstance(remark, CallNoted) else remark.disposition


KINDS: dict[str, type[Fact]] = {str(t.__struct_config__.tag): t for t in AnyFact.__args__}
"""Kind → class, e.g. for documentation and the API's enum."""


class Recorded(Struct, frozen=True):
    """A fact with its place: the stored row. ``seq`` is gapless per call from 1; ``at`` is when it happened."""

    call_id: UUID
    tenant_id: UUID
    seq: int
    at: datetime
    fact: AnyFact


decode_fact = msgspec.json.Decoder(AnyFact).decode
encode_fact = msgspec.json.Encoder().encode
