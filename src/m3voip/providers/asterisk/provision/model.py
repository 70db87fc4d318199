"""What m3voip provisions in Asterisk: endpoints, queues, trunks and where a DID leads without the service.

Law: an object of these types can be written as it is; a value off the whitelists raises ProvisioningError when the
object is made, so one bad row is refused alone. Durations are seconds.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from enum import StrEnum

from m3voip.core.skills import FIRST_LIMIT, MOST_PENALTY
from m3voip.providers.asterisk.provision.conferences import ConferenceConfig
from m3voip.providers.asterisk.provision.names import ProvisioningError, check, check_network, check_range


class EndpointKind(StrEnum):
    """What stands on the desk; each is a template in asterisk/etc/pjsip.conf."""

    DESK_TLS = "desk_tls"
    DESK_UDP = "desk_udp"
    SOFTPHONE = "softphone"
    BROWSER = "browser"


class TrunkTransport(StrEnum):
    """How SIP goes to a carrier and comes from it. With TLS the audio is encrypted, too (SRTP)."""

    UDP = "udp"
    TCP = "tcp"
    TLS = "tls"


class Strategy(StrEnum):
    """How a queue picks a member: app_queue's own list. The mission's round-robin is ``rrmemory``."""

    RINGALL = "ringall"
    LEASTRECENT = "leastrecent"
    FEWESTCALLS = "fewestcalls"
    RANDOM = "random"
    RRMEMORY = "rrmemory"
    RRORDERED = "rrordered"
    LINEAR = "linear"  # a queue that exists cannot change to it without an Asterisk restart
    WRANDOM = "wrandom"


class Unavailable(StrEnum):
    """Reasons for which a member does not count when app_queue asks whether a queue is empty."""

    PAUSED = "paused"
    PENALTY = "penalty"
    INUSE = "inuse"
    RINGING = "ringing"
    UNAVAILABLE = "unavailable"
    INVALID = "invalid"
    UNKNOWN = "unknown"
    WRAPUP = "wrapup"


class HoldtimeAnnouncement(StrEnum):
    """Whether a waiting caller is told the estimated wait."""

    NO = "no"
    ONCE = "once"
    YES = "yes"


@dataclass(frozen=True, slots=True, kw_only=True)
class EndpointConfig:
    """One phone. ``name`` is also its SIP user; ``ha1`` is md5(name:asterisk:secret); ``mailbox`` is box@context;
    ``session``: its line can be kept up."""

    name: str
    kind: EndpointKind
    ha1: str
    extension: str
    display_name: str = ""
    mailbox: str = ""
    context: str = "from-agent"
    session: bool = False

    def __post_init__(self) -> None:
        check("endpoint name", self.name, "endpoint")
        check("HA1", self.ha1, f"endpoint {self.name}: HA1")
        check("extension", self.extension, f"endpoint {self.name}: extension")
        check("display name", self.display_name, f"endpoint {self.name}: display name")
        check("phone context", self.context, f"endpoint {self.name}: context")
        if self.mailbox:
            check("mailbox", self.mailbox, f"endpoint {self.name}: mailbox")


@dataclass(frozen=True, slots=True, kw_only=True)
class MemberConfig:
    """An endpoint in a queue. ``name`` is the agent's extension; ``penalty`` says the agent's skills as well
    (core/skills.py). ``paused`` counts only when Asterisk starts: on a reload it keeps the state it has, which the service
    changes by AMI. ``session``: calls are joined to the line that is kept up."""

    endpoint: str
    name: str
    penalty: int = 0
    paused: bool = False
    session: bool = False

    def __post_init__(self) -> None:
        check("endpoint name", self.endpoint, "queue member: endpoint")
        check("extension", self.name, f"queue member {self.endpoint}: name")
        check_range("penalty", self.penalty, 0, MOST_PENALTY, f"queue member {self.endpoint}")


@dataclass(frozen=True, slots=True, kw_only=True)
class QueueConfig:
    """One queue. ``name`` is Asterisk's name for it. An announcement interval of 0 is off; ``maxlen`` 0 has no limit;
    ``join_empty`` and ``leave_when_empty`` list what makes a member not count (empty: callers always wait).
    ``penalty_changes``: after how many seconds a caller's highest penalty becomes what. Announcements are rendered prompts:
    heard when a caller joins, by the agent before the talk, and while waiting, one after the other."""

    name: str
    strategy: Strategy = Strategy.RRMEMORY
    ring_timeout: int = 15
    retry: int = 1
    wrap_up: int = 0
    announce_interval: int = 30
    announce_position: bool = True
    announce_holdtime: HoldtimeAnnouncement = HoldtimeAnnouncement.YES
    music: str = "default"
    maxlen: int = 0
    weight: int = 0
    join_empty: tuple[Unavailable, ...] = ()
    leave_when_empty: tuple[Unavailable, ...] = ()
    members: tuple[MemberConfig, ...] = ()
    penalty_changes: tuple[tuple[int, int], ...] = ()
    join_announcement: str = ""
    agent_announcement: str = ""
    periodic_announcements: tuple[str, ...] = ()
    periodic_interval: int = 60

    def __post_init__(self) -> None:
        owner = f"queue {check('queue name', self.name, 'queue')}"
        check_range("ring_timeout", self.ring_timeout, 1, 300, owner)
        check_range("retry", self.retry, 1, 60, owner)
        check_range("wrap_up", self.wrap_up, 0, 3600, owner)
        check_range("announce_interval", self.announce_interval, 0, 3600, owner)
        check_range("maxlen", self.maxlen, 0, 100_000, owner)
        check_range("weight", self.weight, 0, 1000, owner)
        check("music class", self.music, f"{owner}: music")
        check_range("periodic_interval", self.periodic_interval, 5, 3600, owner)
        for after, limit in self.penalty_changes:
            check_range("penalty change", after, 1, 86_400, owner)
            check_range("highest penalty", limit, FIRST_LIMIT, MOST_PENALTY, owner)
        for prompt in (self.join_announcement, self.agent_announcement, *self.periodic_announcements):
            if prompt:
                check("prompt", prompt, f"{owner}: announcement")
        _refuse_twins(owner, "member", (member.endpoint for member in self.members))


@dataclass(frozen=True, slots=True, kw_only=True)
class TrunkConfig:
    """A carrier. Calls from ``addresses`` are its calls; ``server`` (host[:port]) is where calls to it go;
    ``username`` and ``password`` answer its challenges; ``register`` announces us there, ``contact_user`` being the
    number it then calls."""

    name: str
    addresses: tuple[str, ...] = ()
    server: str = ""
    username: str = ""
    password: str = ""
    register: bool = False
    contact_user: str = ""
    transport: TrunkTransport = TrunkTransport.UDP

    def __post_init__(self) -> None:
        owner = f"trunk {check('trunk name', self.name, 'trunk')}"
        for address in self.addresses:
            check_network(address, f"{owner}: address")
        if self.server:
            check("host", self.server, f"{owner}: server")
        check("SIP user", self.username, f"{owner}: username")
        check("SIP user", self.contact_user, f"{owner}: contact_user")
        check("SIP password", self.password, f"{owner}: password")
        if self.transport not in set(TrunkTransport):
            raise ProvisioningError(f"{owner}: not a transport")
        if self.register and not (self.server and self.username and self.password):
            raise ProvisioningError(f"{owner}: registering takes a server, a username and a password")
        if not self.addresses and not self.register:
            raise ProvisioningError(f"{owner}: without an address or a registration nothing could tell its calls")


@dataclass(frozen=True, slots=True, kw_only=True)
class DidConfig:
    """Where a DID leads while the service is away: a queue, then a mailbox (``box@context``); either may be empty."""

    number: str
    queue: str = ""
    mailbox: str = ""

    def __post_init__(self) -> None:
        check("DID", self.number, "DID")
        _check_floor(self.queue, self.mailbox, "DID")


@dataclass(frozen=True, slots=True, kw_only=True)
class Provisioning:
    """Everything, as one consistent reading of Postgres. ``default_queue`` and ``default_mailbox`` serve callers of
    numbers without a DidConfig while the service is away. ``banned``: networks whose SIP is refused."""

    endpoints: tuple[EndpointConfig, ...] = ()
    queues: tuple[QueueConfig, ...] = ()
    trunks: tuple[TrunkConfig, ...] = ()
    dids: tuple[DidConfig, ...] = ()
    conferences: tuple[ConferenceConfig, ...] = ()
    banned: tuple[str, ...] = ()
    default_queue: str = ""
    default_mailbox: str = ""

    def __post_init__(self) -> None:
        for network in self.banned:
            check_network(network, "banned source")
        _refuse_twins("endpoints", "name", (endpoint.name for endpoint in self.endpoints))
        _refuse_twins("endpoints", "extension", (f"{e.extension}@{e.context}" for e in self.endpoints))
        _refuse_twins("queues", "name", (queue.name for queue in self.queues))
        _refuse_twins("trunks", "name", (trunk.name for trunk in self.trunks))
        _refuse_twins("trunks", "address", (address for trunk in self.trunks for address in trunk.addresses))
        _refuse_twins("DIDs", "number", (did.number for did in self.dids))
        dialled = (
            *((e.extension, e.context) for e in self.endpoints),
            *((c.number, c.context) for c in self.conferences),
        )
        _refuse_twins("phones and conferences", "number", (f"{number}@{context}" for number, context in dialled))
        _refuse_twins("conferences", "name", (conference.name for conference in self.conferences))
        _check_floor(self.default_queue, self.default_mailbox, "default")


def _check_floor(queue: str, mailbox: str, owner: str) -> None:
    if queue:
        check("queue name", queue, f"{owner}: floor queue")
    if mailbox:
        check("mailbox", mailbox, f"{owner}: floor mailbox")


def _refuse_twins(where: str, what: str, values: Iterable[str]) -> None:
    """Asterisk would merge or drop the second one without a word."""
    seen: set[str] = set()
    for value in values:
        if value in seen:
            raise ProvisioningError(f"{where}: the same {what} twice")
        seen.add(value)
