"""Where a new call goes: the DID's tree, unless the caller is blocked. Answered from memory, because a caller waits.

The directory is Postgres' configuration, read whole at start and again on every change notice; it decides nothing.
"""

from __future__ import annotations

from collections.abc import Mapping
from datetime import datetime
from uuid import UUID

from msgspec import Struct

from m3voip.core.call import Flow
from m3voip.core.conference import conference_name
from m3voip.core.phone import digits


class Blocked(Struct, frozen=True):
    """A caller nobody wants to hear from, until ``until`` (None = for ever)."""

    until: datetime | None


class Directory(Struct, frozen=True, kw_only=True):
    """One consistent reading of the configuration. Numbers are digits only."""

    dids: Mapping[str, tuple[UUID, str]] = {}
    """DID → (tenant, tree name)"""
    trees: Mapping[tuple[UUID, str], Flow] = {}
    """(tenant, tree name) → the active version"""
    blocked: Mapping[tuple[UUID, str], Blocked] = {}
    """(tenant, caller) → block"""
    queues: Mapping[tuple[UUID, str], str] = {}
    """(tenant, queue) → the node's name of it"""
    endpoints: Mapping[tuple[UUID, str], str] = {}
    """(tenant, extension) → endpoint"""
    boxes: Mapping[tuple[UUID, str], str] = {}
    """(tenant, box number or queue name) → the node's name of that mailbox; a queue's name stands for its mailbox"""
    trunks: Mapping[tuple[UUID, str], str] = {}
    """(tenant, trunk) → the node's name of one that can be called through"""
    conferences: Mapping[tuple[UUID, str], UUID] = {}
    """(tenant, number) → conference"""
    locked_at_start: frozenset[UUID] = frozenset()
    """conferences that only a moderator may begin"""


class CurrentDirectory:
    """The latest reading; replaced whole, so nobody ever sees half a change."""

    def __init__(self) -> None:
        self.now = Directory()

    def queue(self, tenant_id: UUID, queue: str) -> str | None:
        """The node's name of a queue."""
        return self.now.queues.get((tenant_id, queue))

    def endpoint(self, tenant_id: UUID, extension: str) -> str | None:
        """The endpoint of the agent at an extension."""
        return self.now.endpoints.get((tenant_id, extension))

    def box(self, tenant_id: UUID, box: str) -> str | None:
        """The node's name of a mailbox."""
        return self.now.boxes.get((tenant_id, box))

    def trunk(self, tenant_id: UUID, trunk: str) -> str | None:
        """The node's name of a trunk."""
        return self.now.trunks.get((tenant_id, trunk))

    def conference(self, tenant_id: UUID, number: str) -> str | None:
        """The node's name of a conference."""
        found = self.now.conferences.get((tenant_id, number))
        return conference_name(found) if found else None

    def is_locked_at_start(self, conference: UUID) -> bool:
        """Whether only a moderator may begin a meeting of this conference."""
        return conference in self.now.locked_at_start


class Route(Struct, frozen=True):
    """The answer: ``flow`` None means the call is let go, ``why`` says why."""

    tenant_id: UUID
    flow: Flow | None
    why: str = ""


def route(directory: Directory, did: str, caller: str, now: datetime, default_tenant: UUID) -> Route:
    """Find the tree for a call to ``did`` from ``caller``."""
    found = directory.dids.get(digits(did))
    if found is None:
        return Route(default_tenant, None, "unknown DID")
    tenant, tree = found
    block = directory.blocked.get((tenant, digits(caller)))
    if block is not None and (block.until is None or now < block.until):
        return Route(tenant, None, "caller is blocked")
    flow = directory.trees.get((tenant, tree))
    return Route(tenant, flow, "" if flow else "the DID's tree has no valid version")
