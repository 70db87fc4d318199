"""What the facts of calls say of agents. Pure: a fact in, events of agents out."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from datetime import datetime
from uuid import UUID

from msgspec import Struct

from m3voip.core import agent_state as a
from m3voip.core import facts as f
from m3voip.core.call import Call
from m3voip.core.office import Office, node_name

LONGEST_RING_S = 300
"""A dial node rings no longer."""


class QueueRules(Struct, frozen=True):
    """What a queue wants of its agents."""

    wrap_up_s: int
    ring_s: int
    pause_on_no_answer: bool


NO_QUEUE = QueueRules(0, LONGEST_RING_S, pause_on_no_answer=False)
"""A call that came by a dial node."""

Told = Iterator[tuple[str, a.AgentEvent]]
"""(extension, event)"""


def rules_of(
    office: Office, default_tenant: UUID
) -> tuple[Mapping[tuple[UUID, str], QueueRules], frozenset[tuple[str, str]]]:
    """Each queue's rules by tenant and name, also by the node's name, under which the floor knows it; and the memberships,
    by the node's names, that are paused by configuration."""
    rules: dict[tuple[UUID, str], QueueRules] = {}
    paused = set()
    for queue in office.queues:
        own, name = queue.tenant_id, node_name(queue.tenant_id, default_tenant, queue.name)
        wanted = QueueRules(queue.wrapup_s, queue.ring_timeout_s, queue.pause_on_no_answer)
        rules[own, queue.name] = rules[own, name] = wanted
        paused |= {(name, member.endpoint) for member in queue.members if member.paused}
    return rules, frozenset(paused)


def told_by(call: Call, row: f.Recorded, rules: Mapping[tuple[UUID, str], QueueRules], having: Sequence[str]) -> Told:
    """What one fact says of agents. ``having``: the agents whom this call has, as far as we know."""
    yield from _offers(call, row, rules.get((call.tenant_id, call.queue), NO_QUEUE), having)
    yield from _talks(call, row, rules, having)


def _offers(call: Call, row: f.Recorded, queue: QueueRules, having: Sequence[str]) -> Told:
    """Phones that ring, and ring no more."""
    fact, at = row.fact, row.at
    match fact:
        case f.OfferMade():
            yield fact.extension, a.Offered(at=at, call=call.id, limit_s=queue.ring_s + a.OFFER_MARGIN_S)
        case f.DialStarted() | f.PartyInvited():
            yield fact.extension, a.Offered(at=at, call=call.id, limit_s=LONGEST_RING_S + a.OFFER_MARGIN_S)
        case f.OfferMissed():
            pause = queue.pause_on_no_answer
            yield fact.extension, a.OfferEnded(at=at, call=call.id, missed=True, pause=pause)
        case f.QueueExited() | f.QueueCallAbandoned() | f.DialEnded():
            for extension in having:
                yield extension, a.OfferEnded(at=at, call=call.id)
        case _:
            pass


def _talks(call: Call, row: f.Recorded, rules: Mapping[tuple[UUID, str], QueueRules], having: Sequence[str]) -> Told:
    """Talks that begin and end, in queues and in hand."""
    fact, at = row.fact, row.at
    after_s = rules.get((call.tenant_id, call.queue), NO_QUEUE).wrap_up_s
    match fact:
        case f.CallConnected():
            wrap_up_s = rules.get((call.tenant_id, fact.queue), NO_QUEUE).wrap_up_s
            yield fact.extension, a.Connected(at=at, call=call.id, wrap_up_s=wrap_up_s)
            for extension in having:  # rung together with the one who answered
                if extension != fact.extension:
                    yield extension, a.OfferEnded(at=at, call=call.id)
        case f.TalkEnded():
            yield fact.extension, a.TalkEnded(at=at, call=call.id)
        case f.PartyJoined() if fact.leg in call.parties:
            yield call.parties[fact.leg].extension, a.Connected(at=at, call=call.id)
        case f.PartyLeft():
            yield from _over(fact.extension, call, at)
        case f.PickedUp():
            yield fact.extension, a.Connected(at=at, call=call.id, wrap_up_s=after_s)
        case f.Transferred(way="attended"):  # who was consulted has the call now, and the work after it
            yield fact.target.name, a.Connected(at=at, call=call.id, wrap_up_s=after_s)
        case f.CallEnded() | f.Transferred() | f.CallParked():  # everybody but the caller is let go
            for extension in having:
                yield from _over(extension, call, at)
        case _:
            pass


def _over(extension: str, call: Call, at: datetime) -> Told:
    """This call has the agent no more, whether it rang or was talked in."""
    yield extension, a.OfferEnded(at=at, call=call.id)
    yield extension, a.TalkEnded(at=at, call=call.id)
