"""Trees that nobody wrote: for each queue, mailbox and agent that a number or a route leads to directly.

They are made anew from each reading of the configuration and have version 0. Their names cannot be those of written trees,
but for queues' (``direct-sales``).
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from uuid import UUID

from m3voip.core.office import Office, Place, Queue, TreeText
from m3voip.routing.model import AGENT, MAILBOX, QUEUE, TREE

DIRECT = "direct-"
AGENT_RING_S = 25
_BYE = ["  bye:", "    hangup: {}", ""]


def tree_of(place: Place) -> str:
    """The name of the tree that callers of a place follow."""
    return {TREE: place.name, QUEUE: f"{DIRECT}{place.name}"}.get(place.kind, f"{place.kind}:{place.name}")


def is_made(tree: str) -> bool:
    """Whether a tree of this name is made here."""
    return tree.startswith(DIRECT) or ":" in tree


def made_trees(office: Office) -> list[TreeText]:
    """All of them, each once."""
    queues = {(queue.tenant_id, queue.name): queue for queue in office.queues}
    boxes = {(agent.tenant_id, agent.extension): agent.box for agent in office.agents}
    wanted = dict.fromkeys((did.tenant_id, QUEUE, did.queue) for did in office.dids if did.queue)
    wanted |= dict.fromkeys((route.tenant_id, p.kind, p.name) for route in office.routes for p in route.places.values())
    made = []
    for tenant, kind, name in wanted:
        source = ""
        if kind == QUEUE and (tenant, name) in queues:
            source = _queue(_chain(queues, tenant, name))
        elif kind == MAILBOX:
            source = _source("message", [*_message(name)])
        elif kind == AGENT and (tenant, name) in boxes:
            source = _agent(name, boxes[tenant, name])
        if source:
            tree = tree_of(Place(kind=kind, name=name))
            made.append(TreeText(tenant_id=tenant, name=tree, version=0, source=source))
    return made


def _chain(queues: Mapping[tuple[UUID, str], Queue], tenant: UUID, name: str) -> list[Queue]:
    """A queue and its overflow queues, each once."""
    chain: list[Queue] = []
    while (queue := queues.get((tenant, name))) is not None and queue not in chain:
        chain.append(queue)
        name = queue.overflow
    return chain


def last_box(chain: Iterable[Queue]) -> str:
    """The mailbox behind a chain of queues."""
    return next((queue.box for queue in reversed(list(chain)) if queue.box), "")


def _queue(chain: list[Queue]) -> str:
    """The queue, its overflow queues one after the other, then the mailbox of the last one that has one."""
    box = last_box(chain)
    last = "message" if box else "bye"
    lines = []
    for place, queue in enumerate(chain):
        after = f"queue{place + 1}" if place + 1 < len(chain) else last
        lines += [f"  queue{place}:", "    queue:", f"      name: {queue.name}", f"      overflow: {after}"]
        lines += [f"      timeout_s: {queue.max_wait_s}"] if queue.max_wait_s else []
        lines += [f"      record: {'true' if queue.record else 'false'}"]
        lines += [f'      box: "{box}"'] if box else []
    return _source("queue0", [*lines, *(_message(box) if box else ())])


def _agent(extension: str, box: str) -> str:
    """The agent's phone, then their mailbox."""
    lines = ["  ring:", "    dial:", f'      extension: "{extension}"', f"      timeout_s: {AGENT_RING_S}"]
    lines += [f"      overflow: {'message' if box else 'bye'}"]
    lines += [f'      box: "{box}"'] if box else []
    return _source("ring", [*lines, *(_message(box) if box else ())])


def _message(box: str) -> Iterable[str]:
    return ("  message:", "    voicemail:", f'      box: "{box}"', "      then: bye")


def _source(entry: str, nodes: Iterable[str]) -> str:
    return "\n".join(["version: 1", f"entry: {entry}", "nodes:", *nodes, *_BYE])
