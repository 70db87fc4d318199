"""What a batch of facts changes in the tables computed from facts: call, leg, queue_visit, recording, voicemail, outbox.

Law: pure; one object a call, last value wins, sums are differences; nothing here depends on what the tables hold, so the
database applies it in one statement (record_facts_v1). Applying a fact twice is prevented there, by call.last_seq.
``core.call.evolve`` is the law for the columns that both have; a test compares them.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any, Final
from uuid import UUID

from msgspec import UNSET

from m3voip.core import facts as f
from m3voip.core.call import State
from m3voip.core.causes import QueueExit
from m3voip.core.facts import Recorded
from m3voip.core.parties import TargetKind
from m3voip.storage.postgres.changes import CallChange, VisitChange

OUTBOX_KINDS: Final = frozenset(
    {
        "call.ended", "recording.ready", "voicemail.stored", "voicemail.read", "voicemail.unread", "voicemail.deleted",
        "voicemail.restored", "voicemail.forwarded", "voicemail.purged",
    }
)  # fmt: skip
"""Facts that the outside is told of, each once, after they were committed."""

LEFT_QUEUE: Final = "left_queue"
"""Instead of a state: back in the tree, unless plain Asterisk has the call, which only the database knows."""


class Batch:
    """The arguments of record_facts_v1, growing fact by fact."""

    def __init__(self) -> None:
        self.gapless = True
        self.started: dict[UUID, CallChange] = {}
        self.moved: dict[UUID, CallChange] = {}
        self.legs: list[dict[str, Any]] = []
        self.talks: dict[UUID, dict[str, Any]] = {}
        self.ended: dict[UUID, dict[str, Any]] = {}
        self.visits: list[VisitChange] = []
        self.visited: dict[UUID, VisitChange] = {}
        self.stored: list[dict[str, Any]] = []
        self.outbox: list[dict[str, Any]] = []
        self.on_floor: set[UUID] = set()
        """Calls that plain Asterisk took within this batch."""
        self._visit: dict[UUID, VisitChange] = {}

    def open_visit(self, row: Recorded, queue: str) -> VisitChange:
        """A visit begins with this fact."""
        visit = VisitChange(call_id=row.call_id, tenant_id=row.tenant_id, seq=row.seq, queue=queue, entered_at=row.at)
        self.visits.append(visit)
        self._visit[row.call_id] = visit
        return visit

    def visit(self, row: Recorded) -> VisitChange:
        """The call's present visit; where it began earlier, what there is to tell of it."""
        visit = self._visit.get(row.call_id)
        if visit is None:
            visit = VisitChange(call_id=row.call_id, tenant_id=row.tenant_id, seq=row.seq)
            self.visited[row.call_id] = visit
            self._visit[row.call_id] = visit
        return visit


def project(rows: Sequence[Recorded]) -> Batch:
    """Everything that these facts change. Facts of one call are in their order."""
    batch = Batch()
    started, moved, outbox = batch.started, batch.moved, batch.outbox
    for place, row in enumerate(rows):
        call_id = row.call_id
        change = started.get(call_id) or moved.get(call_id)
        if change is None:
            change = CallChange(id=call_id, tenant_id=row.tenant_id, first_seq=row.seq, last_seq=row.seq)
            (started if row.seq == 1 and type(row.fact) is f.CallStarted else moved)[call_id] = change
        else:
            batch.gapless &= row.seq == change.last_seq + 1
            change.last_seq = row.seq
        kind = type(row.fact)
        apply = _APPLY.get(kind)
        if apply is not None:
            apply(batch, change, row, row.fact)
        if kind in _TOLD:
            outbox.append(
                {"o": place, "tenant_id": row.tenant_id, "call_id": call_id, "seq": row.seq, "kind": _TOLD[kind]}
            )
    return batch


def _started(batch: Batch, call: CallChange, row: Recorded, fact: f.CallStarted) -> None:
    call.state, call.started_at = State.IVR.value, row.at
    call.leg, call.did, call.caller, call.direction = fact.leg, fact.did, fact.caller, fact.direction
    call.caller_name, call.tree, call.tree_version = fact.caller_name, fact.tree, fact.tree_version
    _leg(batch, row, role="caller", leg=fact.leg, number=fact.caller)


def _node(batch: Batch, call: CallChange, row: Recorded, fact: f.NodeEntered) -> None:
    batch.on_floor.discard(row.call_id)
    call.state, call.node = State.IVR.value, fact.node


def _tree(_: Batch, call: CallChange, __: Recorded, fact: f.TreeEntered) -> None:
    call.state, call.tree, call.tree_version, call.node = State.IVR.value, fact.tree, fact.version, ""


def _queued(batch: Batch, call: CallChange, row: Recorded, fact: f.QueueEntered) -> None:
    call.state, call.queue, call.visits, call.queued_at = State.QUEUED.value, fact.queue, fact.visit, row.at
    call.extension = ""
    _records(call, record=fact.record)
    batch.open_visit(row, fact.queue).visit = fact.visit


def _joined(batch: Batch, call: CallChange, row: Recorded, fact: f.QueuePositionKnown) -> None:
    call.queue = fact.queue
    if call.joined_at is UNSET:
        call.joined_at = row.at
    visit = batch.visit(row)
    if visit.entered_at is UNSET and visit.joined_at is UNSET and visit.outcome is UNSET:
        visit.queue, visit.seq = fact.queue, row.seq  # the database knows whether it began before
    elif visit.outcome is not UNSET or visit.joined_at is not UNSET or visit.queue != fact.queue:
        before = visit.visit
        visit = batch.open_visit(row, fact.queue)
        visit.visit = UNSET if before is UNSET else before + 1
    visit.joined_at, visit.position = row.at, fact.position


def _left(batch: Batch, call: CallChange, row: Recorded, fact: f.QueueExited) -> None:
    call.state = State.FLOOR.value if row.call_id in batch.on_floor else LEFT_QUEUE
    visit = batch.visit(row)
    if fact.exit not in (QueueExit.CONTINUED, QueueExit.ABANDONED):  # else the wait is counted with its outcome
        _waited(call, fact.waited_s)
    visit.left(fact.exit.value, row.at, fact.waited_s)


def _abandoned(batch: Batch, call: CallChange, row: Recorded, fact: f.QueueCallAbandoned) -> None:
    _waited(call, fact.waited_s)
    batch.visit(row).left("abandoned", row.at, fact.waited_s)


def _offered(batch: Batch, call: CallChange, row: Recorded, fact: f.OfferMade) -> None:
    call.extension = fact.extension
    visit = batch.visit(row)
    if visit.outcome is UNSET:  # else a dial node rings, after the queue
        visit.offers = (visit.offers or 0) + 1


def _missed(batch: Batch, _: CallChange, row: Recorded, __: f.OfferMissed) -> None:
    visit = batch.visit(row)
    if visit.outcome is UNSET:
        visit.missed = (visit.missed or 0) + 1


def _connected(batch: Batch, call: CallChange, row: Recorded, fact: f.CallConnected) -> None:
    call.state, call.connected_at = State.TALKING.value, row.at
    call.extension = call.talks_to = fact.extension
    _leg(batch, row, role="agent", leg=fact.agent_leg, extension=fact.extension)
    if fact.queue:
        _waited(call, fact.waited_s)
        visit = batch.visit(row)
        if visit.outcome is UNSET:
            visit.extension = fact.extension
        visit.left("answered", row.at, fact.waited_s)


def _talked(batch: Batch, call: CallChange, row: Recorded, fact: f.TalkEnded) -> None:
    call.talked_s = (call.talked_s or 0.0) + fact.talked_s
    batch.talks.setdefault(row.call_id, {"seq": row.seq, "at": row.at})
    visit = batch.visit(row)
    if visit.talk_s is UNSET:  # the first talk after the answer is the queue's
        visit.talk_s = fact.talked_s


def _in_hand(_: Batch, call: CallChange, __: Recorded, ___: f.HandTaken | f.CallParked) -> None:
    call.state = State.IN_HAND.value


def _not_in_hand(_: Batch, call: CallChange, __: Recorded, ___: f.HandRefused) -> None:
    call.state = State.TALKING.value


def _handed_over(batch: Batch, call: CallChange, row: Recorded, fact: f.Transferred) -> None:
    if fact.agent_leg:
        outside = fact.target.kind is TargetKind.NUMBER
        _new_agent(
            batch,
            call,
            row,
            "" if outside else fact.target.name,
            fact.agent_leg,
            number=fact.target.name if outside else "",
        )
    else:
        call.state = State.IVR.value  # until the fact behind it says where the caller went


def _picked_up(batch: Batch, call: CallChange, row: Recorded, fact: f.PickedUp) -> None:
    _new_agent(batch, call, row, fact.extension, fact.agent_leg)


def _new_agent(batch: Batch, call: CallChange, row: Recorded, extension: str, leg: str, *, number: str = "") -> None:
    call.connected_at = row.at
    call.extension = call.talks_to = extension
    _leg(batch, row, role="agent", leg=leg, extension=extension, number=number)


def _dialled(_: Batch, call: CallChange, __: Recorded, fact: f.DialStarted) -> None:
    call.state, call.extension = State.RINGING.value, fact.extension
    _records(call, record=fact.record)


def _back(_: Batch, call: CallChange, __: Recorded, ___: f.AnyFact) -> None:
    call.state = State.IVR.value


def _voicemail(_: Batch, call: CallChange, __: Recorded, ___: f.VoicemailEntered) -> None:
    call.state = State.VOICEMAIL.value


def _conference(_: Batch, call: CallChange, __: Recorded, ___: f.ConferenceEntered) -> None:
    call.state = State.CONFERENCE.value


def _floor(batch: Batch, call: CallChange, row: Recorded, __: f.FloorServed) -> None:
    batch.on_floor.add(row.call_id)
    call.state = State.FLOOR.value


def _ended(batch: Batch, call: CallChange, row: Recorded, fact: f.CallEnded) -> None:
    call.state, call.ended_at = State.ENDED.value, row.at
    call.duration_s, call.talk_s = fact.duration_s, fact.talk_s
    call.end_reason, call.hangup_cause = fact.reason.value, fact.cause
    batch.ended[row.call_id] = {"at": row.at, "cause": fact.cause}


def _recording(batch: Batch, call: CallChange, row: Recorded, fact: f.RecordingStored) -> None:
    call.recording_id = fact.recording
    _stored(batch, row, fact, id=fact.recording)


def _message(batch: Batch, _: CallChange, row: Recorded, fact: f.VoicemailStored) -> None:
    _stored(batch, row, fact, id=fact.voicemail, box=fact.box, message_id=fact.message_id)


def _records(call: CallChange, *, record: bool) -> None:
    if record:
        call.recorded = True


def _waited(call: CallChange, seconds: float) -> None:
    call.waited_s = (call.waited_s or 0.0) + seconds


def _leg(batch: Batch, row: Recorded, **values: str) -> None:
    batch.legs.append({"call_id": row.call_id, "seq": row.seq, "tenant_id": row.tenant_id, "at": row.at, **values})


def _stored(batch: Batch, row: Recorded, fact: f.RecordingStored | f.VoicemailStored, **values: object) -> None:
    batch.stored.append(
        {
            "tenant_id": row.tenant_id, "call_id": row.call_id, "at": row.at, "key": fact.key, "sha256": fact.sha256,
            "duration_s": fact.duration_s, "size": fact.size, **values,
        }
    )  # fmt: skip


_APPLY: Final[dict[type[f.Fact], Callable[[Batch, CallChange, Recorded, Any], None]]] = {
    f.CallStarted: _started,
    f.NodeEntered: _node,
    f.TreeEntered: _tree,
    f.QueueEntered: _queued,
    f.QueuePositionKnown: _joined,
    f.QueueExited: _left,
    f.QueueCallAbandoned: _abandoned,
    f.OfferMade: _offered,
    f.OfferMissed: _missed,
    f.CallConnected: _connected,
    f.TalkEnded: _talked,
    f.HandTaken: _in_hand,
    f.HandRefused: _not_in_hand,
    f.Transferred: _handed_over,
    f.CallParked: _in_hand,
    f.PickedUp: _picked_up,
    f.DialStarted: _dialled,
    f.DialEnded: _back,
    f.VoicemailEntered: _voicemail,
    f.VoicemailDone: _back,
    f.ConferenceEntered: _conference,
    f.ConferenceDone: _back,
    f.FloorServed: _floor,
    f.CallEnded: _ended,
    f.RecordingStored: _recording,
    f.VoicemailStored: _message,
}
"""The facts that change more than call.last_seq."""

_TOLD: Final = {kind: name for name, kind in f.KINDS.items() if name in OUTBOX_KINDS}
