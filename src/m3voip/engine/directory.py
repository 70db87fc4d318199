"""Keeps the directory current: reads the configuration, compiles trees and routes, has prompts rendered, then swaps whole.

Law: a tree or route becomes what new calls get only when it compiles and every prompt of it can be played; until then the
version before it stays. Calls in progress keep the version they began with, whatever happens here.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from datetime import datetime
from typing import Protocol
from uuid import UUID

import msgspec
import structlog

from m3voip.core.call import Flow
from m3voip.core.errors import ProviderError
from m3voip.core.office import Did, ListedCaller, Office, Place, Queue, TreeText, node_box, node_name, node_trunk
from m3voip.engine.places import DIRECT, is_made, made_trees, tree_of
from m3voip.engine.routing import Blocked, CurrentDirectory, Directory
from m3voip.ivr.compile import compile_text, recompile_text
from m3voip.ivr.finding import TreeError
from m3voip.ivr.interpreter import CompiledTree
from m3voip.ivr.known import Known
from m3voip.ports import Speech
from m3voip.routing.decide import CompiledRules
from m3voip.routing.destination import Destination, Listed
from m3voip.routing.flow import ROUTE, CompiledRoute
from m3voip.routing.model import QUEUE, read_route

log = structlog.get_logger()


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
        for text in (*office.trees, *made_trees(office)):
            key = (text.tenant_id, text.name)
            tree = await self._compile(text)
            before = self._current.now.trees.get(key)
            if tree is not None:
                flows[key] = tree
            elif before is not None:
                flows[key] = before
        self._add_routes(office, flows)
        default = self._default_tenant
        self._current.now = Directory(
            dids={d.digits: (d.tenant_id, _followed(d)) for d in office.dids},
            trees=flows,
            blocked={(b.tenant_id, b.digits): Blocked(b.until) for b in office.blocks},
            queues={(q.tenant_id, q.name): node_name(q.tenant_id, default, q.name) for q in office.queues},
            trunks={(t.tenant_id, t.name): node_trunk(t.tenant_id, default, t.name) for t in office.trunks if t.host},
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
        if is_made(name):
            return self._current.now.trees.get((tenant_id, name))
        text = await self._trees.tree(tenant_id, name, version)
        return None if text is None else await self._compile(text, recompile_text)

    def _add_routes(self, office: Office, flows: dict[tuple[UUID, str], Flow]) -> None:
        """Routes, which lead to the trees of ``flows``."""
        queues = {(queue.tenant_id, queue.name): queue for queue in office.queues}
        listed = _lists(office.listed)
        for route in office.routes:
            key = (route.tenant_id, f"{ROUTE}{route.name}")
            before = self._current.now.trees.get(key)
            try:
                rules = CompiledRules(read_route(route.document), route.split_key)
            except (
                msgspec.MsgspecError,
                ValueError,
                KeyError,
            ) as error:  # a zone or region that this program does not know
                log.error("route.refused", route=route.name, version=route.version, why=str(error))
                if before is not None:
                    flows[key] = before
                continue
            flows[key] = CompiledRoute(
                name=route.name,
                version=route.version,
                rules=rules,
                destinations={
                    place_id: _destination(place, flows, queues, route.tenant_id)
                    for place_id, place in route.places.items()
                },
                listed=listed(route.tenant_id),
            )

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


def _followed(did: Did) -> str:
    """The name of what calls to a number follow."""
    return did.tree or (f"{DIRECT}{did.queue}" if did.queue else f"{ROUTE}{did.route}")


def _destination(
    place: Place, flows: Mapping[tuple[UUID, str], Flow], queues: Mapping[tuple[UUID, str], Queue], tenant: UUID
) -> Destination:
    queue = queues.get((tenant, place.name)) if place.kind == QUEUE else None
    return Destination(
        kind=place.kind,
        name=place.name,
        flow=flows.get((tenant, tree_of(place))),
        record=queue.record if queue else True,
        box=queue.box if queue else "",
    )


def _lists(callers: Iterable[ListedCaller]) -> Callable[[UUID], Listed]:
    """Who is on which list, by tenant."""
    known: dict[tuple[UUID, str], list[ListedCaller]] = {}
    for caller in callers:
        known.setdefault((caller.tenant_id, caller.digits), []).append(caller)

    def of(tenant: UUID) -> Listed:
        def listed(number: str, now: datetime) -> tuple[frozenset[str], str]:
            found = [one for one in known.get((tenant, number), ()) if one.until is None or now < one.until]
            return frozenset(one.list for one in found), next((one.language for one in found if one.language), "")

        return listed

    return of
