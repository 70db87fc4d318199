"""What operators have set up, as plain values: one consistent reading of the configuration for all tenants.

Storage reads it; the engine makes its directory from it, the telephony provider its provisioning. Durations in seconds.
"""

from __future__ import annotations

from datetime import datetime
from decimal import Decimal
from uuid import UUID

from msgspec import Struct

from m3voip.core.skills import RuleStep
from m3voip.core.sources import Network

RING, SESSION = "ring", "session"
"""The two ways to work."""


class Agent(Struct, frozen=True, kw_only=True):
    """An agent and the phone they use; ``ha1`` is what checks the phone's password (until ``ha1_expires_at``, None = until
    it is rotated), ``box`` their mailbox or "". ``works`` and ``signs_in``: see migrations/0006_agents_at_work.sql."""

    id: UUID
    tenant_id: UUID
    extension: str
    display_name: str
    endpoint: str
    phone_kind: str
    ha1: str
    box: str
    works: str = RING
    signs_in: str = "by_phone"
    ha1_expires_at: datetime | None = None


class Member(Struct, frozen=True, kw_only=True):
    """An agent in a queue; ``levels``: skill → level."""

    extension: str
    endpoint: str
    penalty: int
    paused: bool
    works: str = RING
    levels: dict[str, int] = {}


class Announcement(Struct, frozen=True, kw_only=True):
    """What a queue says: a text or a file of the prompt folder. ``key`` names what is played, once it can be."""

    text: str = ""
    file: str = ""
    key: str = ""


class Queue(Struct, frozen=True, kw_only=True):
    """A queue; the meaning of each field is that of the column in migrations/0002 and 0010."""

    tenant_id: UUID
    name: str
    strategy: str
    ring_timeout_s: int
    retry_s: int
    wrapup_s: int
    max_wait_s: int
    maxlen: int
    weight: int
    announce_interval_s: int
    announce_position: bool
    announce_holdtime: str
    music: str
    join_empty: tuple[str, ...]
    leave_empty: tuple[str, ...]
    overflow: str
    box: str
    record: bool
    members: tuple[Member, ...]
    pause_on_no_answer: bool = True
    skill_rule: tuple[RuleStep, ...] = ()
    join_announcement: Announcement | None = None
    agent_announcement: Announcement | None = None
    periodic_announcements: tuple[Announcement, ...] = ()
    periodic_interval_s: int = 60
    survey: str = ""


class Mailbox(Struct, frozen=True, kw_only=True):
    """A voicemail box."""

    tenant_id: UUID
    box: str
    owner_name: str


class Trunk(Struct, frozen=True, kw_only=True):
    """A carrier; ``rates``: prefix → price of a minute."""

    tenant_id: UUID
    name: str
    kind: str
    host: str
    port: int
    transport: str
    addresses: tuple[str, ...]
    username: str
    secret: str
    contact_user: str
    caller_id: str = ""
    max_channels: int = 0
    priority: int = 100
    max_calls_per_s: int = 0
    currency: str = ""
    rates: dict[str, Decimal] = {}


class Did(Struct, frozen=True, kw_only=True):
    """A number that people call: exactly one of ``tree``, ``queue`` and ``route`` is named; the floor may name a queue and
    a box."""

    tenant_id: UUID
    digits: str
    tree: str
    queue: str
    floor_queue: str
    floor_box: str
    route: str = ""


class Place(Struct, frozen=True, kw_only=True):
    """Where a route can lead: ``kind`` is tree, queue, mailbox or agent, ``name`` the tenant's own name for it."""

    kind: str
    name: str


class Route(Struct, frozen=True, kw_only=True):
    """A route as it was written last. ``places`` are those that it leads to, by their ids; ``split_key`` makes its splits
    its own."""

    tenant_id: UUID
    name: str
    version: int
    document: str
    split_key: bytes
    places: dict[UUID, Place]


class ListedCaller(Struct, frozen=True, kw_only=True):
    """A caller on one of the lists that routes know, until ``until`` (None = for good); ``language`` as in ``de``, or ""."""

    tenant_id: UUID
    digits: str
    list: str
    language: str
    until: datetime | None


class Conference(Struct, frozen=True, kw_only=True):
    """A conference; the meaning of each field is that of the column in migrations/0012_conferences.sql."""

    tenant_id: UUID
    id: UUID
    number: str
    pin_digest: str
    moderator_pin_digest: str
    max_parties: int
    record: str
    music: str
    announce: bool
    locked_at_start: bool
    wait_for_moderator: bool


class TreeText(Struct, frozen=True, kw_only=True):
    """One version of an IVR tree as it was written."""

    tenant_id: UUID
    name: str
    version: int
    source: str


class Block(Struct, frozen=True, kw_only=True):
    """A caller who is turned away until ``until`` (None = for good)."""

    tenant_id: UUID
    digits: str
    until: datetime | None


class Tenant(Struct, frozen=True, kw_only=True):
    """A company, and who serves callers of numbers without a place of their own while the service is away."""

    tenant_id: UUID
    floor_queue: str
    floor_box: str


class Ban(Struct, frozen=True, kw_only=True):
    """A source that may not talk SIP to the node until then (core/sources.py)."""

    source: Network
    until: datetime


class Home(Struct, frozen=True, kw_only=True):
    """Where a phone of ours was registered, and when last."""

    source: Network
    seen_at: datetime


class Office(Struct, frozen=True, kw_only=True):
    """Everything that is active. ``trees`` are the versions that new calls get."""

    tenants: tuple[Tenant, ...] = ()
    agents: tuple[Agent, ...] = ()
    queues: tuple[Queue, ...] = ()
    mailboxes: tuple[Mailbox, ...] = ()
    trunks: tuple[Trunk, ...] = ()
    dids: tuple[Did, ...] = ()
    trees: tuple[TreeText, ...] = ()
    blocks: tuple[Block, ...] = ()
    conferences: tuple[Conference, ...] = ()
    routes: tuple[Route, ...] = ()
    listed: tuple[ListedCaller, ...] = ()
    bans: tuple[Ban, ...] = ()
    homes: tuple[Home, ...] = ()


def node_name(tenant_id: UUID, default_tenant: UUID, name: str) -> str:
    """The telephony node's name of a tenant's queue: the plain name for the default tenant, else behind the tenant's
    first eight hexadecimal digits (``12ab34cd-sales``)."""
    return name if tenant_id == default_tenant else f"{_short(tenant_id)}-{name}"


def node_trunk(tenant_id: UUID, default_tenant: UUID, trunk: str) -> str:
    """The telephony node's name of a tenant's trunk: no phone's endpoint begins so."""
    return f"trunk-{node_name(tenant_id, default_tenant, trunk)}"


def node_box(tenant_id: UUID, default_tenant: UUID, box: str) -> str:
    """The telephony node's name of a tenant's mailbox: ``box@context``."""
    return f"{box}@{'default' if tenant_id == default_tenant else _short(tenant_id)}"


def phone_context(tenant_id: UUID, default_tenant: UUID) -> str:
    """Where a tenant's phones dial from: a tenant's phones reach only that tenant's extensions."""
    return "from-agent" if tenant_id == default_tenant else f"from-agent-{_short(tenant_id)}"


def _short(tenant_id: UUID) -> str:
    return tenant_id.hex[-8:]
