"""What the facts of calls say of agents. Pure: a fact in, events of agents out."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
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
    fact, at = row.fact, row.at
    queue = rules.get((call.tenant_id, call.queue), NO_QUEUE)
    match fact:
        case f.OfferMade():
            yield fact.extension, a.Offered(at=at, call=call.id, limit_s=queue.ring_s + a.OFFER_MARGIN_S)
        case f.DialStarted():
            yield fact.extension, a.Offered(at=at, call=call.id, limit_s=LONGEST_RING_S + a.OFFER_MARGIN_S)
        case f.OfferMissed():
            pause = queue.pause_on_no_answer
            yield fact.extension, a.OfferEnded(at=at, call=call.id, missed=True, pause=pause)
        case f.CallConnected():
            wrap_up_s = rules.get((call.tenant_id, fact.queue), NO_QUEUE).wrap_up_s
            yield fact.extension, a.Connected(at=at, call=call.id, wrap_up_s=wrap_up_s)
            for extension in having:  # rung together with the one who answered
                if extension != fact.extension:
                    yield extension, a.OfferEnded(at=at, call=call.id)
        case f.TalkEnded():
            yield fact.extension, a.TalkEnded(at=at, call=call.id)
        case f.QueueExited() | f.QueueCallAbandoned() | f.DialEnded():
            for extension in having:
                yield extension, a.OfferEnded(at=at, call=call.id)
        case f.CallEnded():
            for extension in having:
                yield extension, a.OfferEnded(at=at, call=call.id)
                yield extension, a.TalkEnded(at=at, call=call.id)
        case _:
            pass
