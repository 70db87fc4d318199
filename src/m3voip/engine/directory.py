"""Keeps the directory current: reads the configuration, compiles the trees, has their prompts rendered, then swaps whole.

Law: a tree becomes what new calls get only when it compiles and every prompt of it can be played; until then the version
before it stays. Calls in progress keep the version they began with, whatever happens here.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Protocol
from uuid import UUID

import structlog

from m3voip.core.call import Flow
from m3voip.core.errors import ProviderError
from m3voip.core.office import Office, Queue, TreeText, node_box, node_name
from m3voip.engine.routing import Blocked, CurrentDirectory, Directory
from m3voip.ivr.compile import compile_text, recompile_text
from m3voip.ivr.finding import TreeError
from m3voip.ivr.interpreter import CompiledTree
from m3voip.ivr.known import Known
from m3voip.ports import Speech

log = structlog.get_logger()

DIRECT = "direct-"
"""Trees of DIDs that lead straight to a queue are made here and named after it."""


class TreeSource(Protocol):
    """Where versions of trees are kept."""

    async def tree(self, tenant_id: UUID, name: str, version: int) -> TreeText | None:
        """One version."""
        ...


class DirectoryKeeper:
    """Makes the current directory from each new reading of the configuration."""

    def __init__(self, *, current: CurrentDirectory, speech: Speech, trees: TreeSource, default_tenant: UUID) -> None:
        self._current = current
        self._speech = speech
        self._trees = trees
        self._default_tenant = default_tenant
        self._compiled: dict[tuple[UUID, str, int], CompiledTree] = {}

    async def update(self, office: Office) -> None:
        """Swap in what ``office`` says."""
        flows: dict[tuple[UUID, str], Flow] = {}
        for text in (*office.trees, *_direct_trees(office)):
            key = (text.tenant_id, text.name)
            tree = await self._compile(text)
            before = self._current.now.trees.get(key)
            if tree is not None:
                flows[key] = tree
            elif before is not None:
                flows[key] = before
        default = self._default_tenant
        self._current.now = Directory(
            dids={d.digits: (d.tenant_id, d.tree or f"{DIRECT}{d.queue}") for d in office.dids},
            trees=flows,
            blocked={(b.tenant_id, b.digits): Blocked(b.until) for b in office.blocks},
            queues={(q.tenant_id, q.name): node_name(q.tenant_id, default, q.name) for q in office.queues},
            conferences={(c.tenant_id, c.number): c.id for c in office.conferences},
            locked_at_start=frozenset(c.id for c in office.conferences if c.locked_at_start),
            endpoints={(a.tenant_id, a.extension): a.endpoint for a in office.agents},
            boxes={
                **{(q.tenant_id, q.name): node_box(q.tenant_id, default, q.box) for q in office.queues if q.box},
                **{(m.tenant_id, m.box): node_box(m.tenant_id, default, m.box) for m in office.mailboxes},
            },
        )

    async def flow(self, tenant_id: UUID, name: str, version: int) -> Flow | None:
        """The version a call began with, for recovery."""
        known = self._compiled.get((tenant_id, name, version))
        if known is not None:
            return known
        if name.startswith(DIRECT):
            return self._current.now.trees.get((tenant_id, name))
        text = await self._trees.tree(tenant_id, name, version)
        return None if text is None else await self._compile(text, recompile_text)

    async def _compile(
        self, text: TreeText, compiler: Callable[..., CompiledTree] = compile_text
    ) -> CompiledTree | None:
        """``recompile_text`` for a call in progress: it keeps a tree that today's rules would refuse."""
        key = (text.tenant_id, text.name, text.version)
        if text.version and key in self._compiled:
            return self._compiled[key]
        known = Known(files=self._speech.files(), voices=self._speech.voices)
        try:
            tree = compiler(text.source, name=text.name, version=text.version, engine=self._speech.engine, known=known)
            await self._speech.prepare(tree.prompts)
        except (TreeError, ProviderError) as error:
            log.error("tree.refused", tree=text.name, version=text.version, why=str(error))
            return None
        self._compiled[key] = tree
        return tree


def _direct_trees(office: Office) -> list[TreeText]:
    """For each queue that a DID leads to directly a tree: the queue, its overflow queues one after the other, then the
    mailbox of the last one that has one."""
    queues = {(queue.tenant_id, queue.name): queue for queue in office.queues}
    wanted = dict.fromkeys((did.tenant_id, did.queue) for did in office.dids if did.queue)
    return [
        TreeText(
            tenant_id=tenant, name=f"{DIRECT}{name}", version=0, source=_direct_source(_chain(queues, tenant, name))
        )
        for tenant, name in wanted
        if (tenant, name) in queues
    ]


def _chain(queues: Mapping[tuple[UUID, str], Queue], tenant: UUID, name: str) -> list[Queue]:
    """A queue and its overflow queues, each once."""
    chain: list[Queue] = []
    while (queue := queues.get((tenant, name))) is not None and queue not in chain:
        chain.append(queue)
        name = queue.overflow
    return chain


def _direct_source(chain: list[Queue]) -> str:
    box = next((queue.box for queue in reversed(chain) if queue.box), "")
    last = "message" if box else "bye"
    lines = ["version: 1", "entry: queue0", "nodes:"]
    for place, queue in enumerate(chain):
        after = f"queue{place + 1}" if place + 1 < len(chain) else last
        lines += [f"  queue{place}:", "    queue:", f"      name: {queue.name}", f"      overflow: {after}"]
        lines += [f"      timeout_s: {queue.max_wait_s}"] if queue.max_wait_s else []
        lines += [f"      record: {'true' if queue.record else 'false'}"]
        lines += [f'      box: "{box}"'] if box else []
    lines += ["  message:", "    voicemail:", f'      box: "{box}"', "      then: bye"] if box else []
    return "\n".join([*lines, "  bye:", "    hangup: {}", ""])
