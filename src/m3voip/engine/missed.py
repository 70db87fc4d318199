"""What a call has not heard of, worked out from the node's ledger. Pure.

Law: what is missing is counted and compared, never timed: a call remembers what it has seen, so a second reading of the
same ledger changes nothing. The ledger has whole seconds, events have microseconds; where both tell of one thing the event
counts.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from datetime import UTC, datetime, timedelta

from msgspec.structs import replace

from m3voip.core import events as ev
from m3voip.core.call import Call, State

LEDGER_SECOND = timedelta(seconds=1)
EARLIEST = datetime(1970, 1, 1, tzinfo=UTC)

ASKING = (State.QUEUED, State.RINGING, State.TALKING, State.FLOOR)
"""States in which a queue or a dial may have done something that only the ledger knows."""

LEFT = (ev.QueueLeft, ev.DialLeft)
"""Entries that say the leg went on; a leg that came back to us says so itself."""


def asked_since(call: Call) -> datetime | None:
    """Since when the call has been in its present queue or dial; None where nobody noted it."""
    return max((at for at in (call.queued_at, call.dialed_at) if at is not None), default=None)


def missed(call: Call, entries: Sequence[ev.Event], gone_at: datetime | None = None) -> list[ev.Event]:
    """Those of a leg's ledger entries that its call has not seen. Entries of earlier visits are older than the present
    one (in whole seconds) and skipped. ``gone_at``: when the leg ended, which tells a talk's end more exactly."""
    if call.state not in ASKING:
        return []
    since = asked_since(call) or EARLIEST
    begun = since.replace(microsecond=0)
    talking = call.state is State.TALKING
    if (
        talking and call.connected_at is not None
    ):  # what has not been heard came after the answer, whatever its second says
        since = max(since, call.connected_at)
    seen: dict[type[ev.Event], int] = {
        ev.QueueJoined: 1 if call.joined or talking else 0,
        ev.AgentDidNotAnswer: call.missed_offers,
        ev.AgentAnswered: int(talking),
        ev.AgentLeft: int(talking and call.talk_over),
    }
    result: list[ev.Event] = []
    for entry in _since_return(entries, begun) if call.returned else entries:
        kind = type(entry)
        if entry.at < begun:
            continue
        if seen.get(kind, 0) > 0:
            seen[kind] -= 1
            continue
        since = max(since, _instant(entry, gone_at))
        result.append(replace(entry, at=since))
    return result


def _since_return(entries: Sequence[ev.Event], begun: datetime) -> Sequence[ev.Event]:
    """Of a caller who is back in the queue because a line was lost: the entries since that talk's end, where it is in the second
    in which the visit began."""
    ended = (n for n, entry in enumerate(entries) if isinstance(entry, ev.AgentLeft) and entry.at == begun)
    return entries[next(ended, -1) + 1 :]


def _instant(entry: ev.Event, gone_at: datetime | None) -> datetime:
    """When it was, as well as whole seconds tell: a talk's end is the leg's, if that falls into its second (with nobody there
    to take it back the leg ends with the dial); what else talks are measured by is taken to be in the middle of its second,
    which halves the error."""
    if not isinstance(entry, ev.AgentAnswered | ev.AgentLeft | ev.DialLeft):
        return entry.at
    if (
        not isinstance(entry, ev.AgentAnswered)
        and gone_at is not None
        and timedelta() <= gone_at - entry.at < 2 * LEDGER_SECOND
    ):
        return gone_at
    middle = entry.at + LEDGER_SECOND / 2
    return middle if gone_at is None else min(middle, gone_at)


def merged(entries: Sequence[ev.Event], heard: Sequence[ev.Event]) -> list[ev.Event]:
    """Ledger entries and events that were heard, in the order in which they happened, each thing once."""
    rest, partners = [], list(heard)
    for entry in entries:
        partner = next((event for event in partners if _same(entry, event)), None)
        if partner is None:
            rest.append(entry)
        else:
            partners.remove(partner)
    return sorted([*rest, *heard], key=lambda event: event.at)


def _same(entry: ev.Event, event: ev.Event) -> bool:
    """Whether a ledger entry and an event tell of one thing. The ledger writes a little after the event."""
    if type(entry) is not type(event) or getattr(entry, "extension", "") != getattr(event, "extension", ""):
        return False
    return abs(entry.at - event.at) <= 1.5 * LEDGER_SECOND


def came_back(call: Call, returned: ev.Event | None) -> bool:
    """Whether what a leg says it came back from is where its call still believes it to be. A leg keeps saying so until
    it is sent on again, so an answer that was given already must not be given twice."""
    match returned:
        case ev.QueueLeft():
            return call.state in (State.QUEUED, State.TALKING) and returned.queue.endswith(call.queue)
        case ev.DialLeft():
            return call.state in (State.RINGING, State.TALKING)
        case ev.VoicemailLeft():
            return call.state in (State.VOICEMAIL, State.FLOOR)
        case ev.ConferenceLeft():
            return call.state is State.CONFERENCE
        case _:
            return False


def is_end(events: Iterable[ev.Event]) -> bool:
    """Whether one of these says that the leg is gone."""
    return any(isinstance(event, ev.CallerHungUp | ev.LegLeft) for event in events)
