"""Parts that the API is given in its tests: what the engine and the vault would say, set by the test."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from pathlib import Path
from uuid import UUID

from msgspec import Struct

from m3voip.api.deps import AgentNow, Health, PhoneNow, QueueNow
from m3voip.core.agent_state import Asked
from m3voip.core.call import Call
from m3voip.core.clearance import Clearance
from m3voip.core.codecs import CodecReport
from m3voip.core.conference import Party, Roster
from m3voip.core.errors import ProviderError
from m3voip.core.modes import Mode
from m3voip.core.phone_check import PhoneTest
from m3voip.core.requests import How, Request
from m3voip.core.supervision import Supervision
from m3voip.core.trunks import Choice
from m3voip.core.watched import Watched
from m3voip.ports import StoredFile


class Waiting(Struct, frozen=True, kw_only=True):
    call_id: UUID | None
    position: int
    since: datetime


class Member(Struct, frozen=True, kw_only=True):
    extension: str
    state: str
    calls_taken: int = 0


class Queue(Struct, frozen=True, kw_only=True):
    waiting: tuple[Waiting, ...] = ()
    members: tuple[Member, ...] = ()


class Agent(Struct, frozen=True, kw_only=True):
    state: str
    since: datetime | None = None
    registered: bool = True
    session: bool | None = None
    call_id: UUID | None = None
    reason: str = ""
    pending: str | None = None
    until: datetime | None = None
    limit_at: datetime | None = None
    over_limit: bool = False


class MovableClock:
    """The machine's time, which a test may shift."""

    def __init__(self) -> None:
        self.shift = timedelta(0)

    def now(self) -> datetime:
        return datetime.now(UTC) + self.shift


@dataclass
class FakeLive:
    """Live state by tenant and name."""

    queues: dict[tuple[UUID, str], QueueNow] = field(default_factory=dict)
    agents: dict[tuple[UUID, str], AgentNow] = field(default_factory=dict)

    def queue(self, tenant_id: UUID, name: str) -> QueueNow | None:
        return self.queues.get((tenant_id, name))

    def agent(self, tenant_id: UUID, extension: str) -> AgentNow | None:
        return self.agents.get((tenant_id, extension))


@dataclass
class FakePhones:
    """Phones by tenant and extension."""

    phones: dict[tuple[UUID, str], PhoneNow] = field(default_factory=dict)

    def phone(self, tenant_id: UUID, extension: str) -> PhoneNow | None:
        return self.phones.get((tenant_id, extension))


@dataclass
class FakePhoneTests:
    """Tests by agent, each as the test of the API left it."""

    tests: dict[UUID, PhoneTest] = field(default_factory=dict)

    def last(self, agent_id: UUID) -> PhoneTest | None:
        return self.tests.get(agent_id)

    def start(self, test_id: UUID, agent_id: UUID, *, endpoint: str, kind: str, seconds: float) -> PhoneTest | None:
        if agent_id in self.tests and self.tests[agent_id].state != "ended":
            return None
        self.tests[agent_id] = PhoneTest(id=test_id, agent_id=agent_id, started_at=datetime.now(UTC))
        return self.tests[agent_id]


@dataclass
class FakeCodecs:
    """A report by tenant."""

    reports: dict[UUID, CodecReport] = field(default_factory=dict)

    async def report(self, tenant_id: UUID) -> CodecReport:
        if tenant_id not in self.reports:
            raise ProviderError("away", retryable=True)
        return self.reports[tenant_id]


@dataclass
class FakeControl:
    """An engine that knows the calls in ``known``, remembers what it was told, and refuses what ``refuses`` says."""

    connected: bool = True
    known: dict[UUID, Call] = field(default_factory=dict)
    ended: list[tuple[UUID, UUID | None]] = field(default_factory=list)
    asked: list[tuple[UUID, Request]] = field(default_factory=list)
    refuses: str = ""
    slot: int | None = 701

    def hang_up(self, call_id: UUID, by: UUID | None) -> bool:
        if call_id not in self.known:
            return False
        self.ended.append((call_id, by))
        return True

    def ask(self, call_id: UUID, request: Request) -> str | None:
        if call_id not in self.known:
            return None
        if not self.refuses:
            self.asked.append((call_id, request))
        return self.refuses

    def refusal(self, call_id: UUID, request: Request) -> str | None:
        return self.refuses if call_id in self.known else None

    def live(self, tenant_id: UUID, call_id: UUID) -> Call | None:
        call = self.known.get(call_id)
        return call if call is not None and call.tenant_id == tenant_id else None

    def free_slot(self, tenant_id: UUID) -> int | None:
        return self.slot


@dataclass
class FakeDialling:
    """Trunks as the test says, and what was placed."""

    order: tuple[str, ...] = ("carrier-a",)
    shows: tuple[str, ...] = ()
    placed: list[tuple[UUID, Clearance, How]] = field(default_factory=list)
    refuses: str | None = ""

    def plan(self, tenant_id: UUID, number: str, *, emergency: bool) -> Choice:
        return Choice(order=self.order, skipped=() if self.order else (("carrier-a", "it does not answer"),))

    def caller_ids(self, tenant_id: UUID, order: Iterable[str]) -> tuple[str, ...]:
        return self.shows

    def place(self, call_id: UUID, clearance: Clearance, how: How, by: UUID | None) -> str | None:
        if self.refuses == "":
            self.placed.append((call_id, clearance, how))
        return self.refuses


@dataclass
class FakeSupervisions:
    """An owner of supervisions that finds whom ``there`` says, remembers what it was told, and refuses what ``refuses`` says."""

    there: dict[UUID, Watched] = field(default_factory=dict)
    begun: list[Supervision] = field(default_factory=list)
    changed: list[tuple[UUID, Mode, Watched | None]] = field(default_factory=list)
    ended: list[UUID] = field(default_factory=list)
    refuses: str | None = ""
    on_end: Callable[[UUID], None] = lambda _id: None

    def watch(self, tenant_id: UUID, *, call_id: UUID | None = None, agent: str = "", by: str = "") -> Watched | str:
        found = [one for one in self.there.values() if call_id in (None, one.call_id) and agent in ("", one.agent)]
        if by and by in [one.agent for one in found]:
            return f"{by} is in this call: nobody supervises their own call"
        return found[0] if found else "no agent talks in this call"

    def begin(self, supervision: Supervision) -> None:
        self.begun.append(supervision)

    def change(self, supervision_id: UUID, mode: Mode, watched: Watched | None) -> None:
        self.changed.append((supervision_id, mode, watched))

    def take_over(self, supervision_id: UUID, by: UUID) -> str | None:
        return self.refuses

    def end(self, supervision_id: UUID, by: UUID | None) -> bool:
        self.ended.append(supervision_id)
        self.on_end(supervision_id)
        return True


@dataclass
class FakeConferences:
    """A node with these people in its conferences, which remembers what it was told."""

    rosters: dict[UUID, Roster] = field(default_factory=dict)
    orders: list[tuple[str, UUID, str, bool]] = field(default_factory=list)
    away: bool = False

    async def roster(self, conference: UUID) -> Roster | None:
        self._reach()
        return self.rosters.get(conference)

    async def present(self) -> frozenset[str]:
        raise NotImplementedError

    async def mute(self, conference: UUID, party: Party | None, *, on: bool) -> bool:
        return self._order("mute", conference, party, on=on)

    async def kick(self, conference: UUID, party: Party | None) -> bool:
        return self._order("kick", conference, party, on=True)

    async def lock(self, conference: UUID, *, on: bool) -> bool:
        return self._order("lock", conference, None, on=on)

    async def record(self, conference: UUID, *, on: bool) -> bool:
        return self._order("record", conference, None, on=on)

    def lock_now(self, conference: UUID) -> None:
        raise NotImplementedError

    def _order(self, what: str, conference: UUID, party: Party | None, *, on: bool) -> bool:
        self._reach()
        self.orders.append((what, conference, party.leg if party else "", on))
        return conference in self.rosters

    def _reach(self) -> None:
        if self.away:
            raise ProviderError("away", retryable=True)


@dataclass(slots=True, kw_only=True)
class FakeDesk:
    """Agents' owner: does what ``answers`` says of an agent, by default what is asked, and remembers it."""

    answers: dict[UUID, str | None] = field(default_factory=dict)
    asked: list[tuple[UUID, Asked]] = field(default_factory=list)

    def ask(self, agent_id: UUID, event: Asked) -> str | None:
        self.asked.append((agent_id, event))
        return self.answers.get(agent_id, "")


@dataclass
class FakeSessions:
    """Lines by order: does what ``answers`` says of an agent, by default what is asked, and remembers it."""

    answers: dict[UUID, str | None] = field(default_factory=dict)
    asked: list[tuple[UUID, str]] = field(default_factory=list)

    def start(self, agent_id: UUID) -> str | None:
        self.asked.append((agent_id, "start"))
        return self.answers.get(agent_id, "")

    def end(self, agent_id: UUID) -> str | None:
        self.asked.append((agent_id, "end"))
        return self.answers.get(agent_id, "")


class FolderOfFiles:
    """A vault that is a folder."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder

    async def put(self, key: str, source: Path) -> StoredFile:
        raise NotImplementedError

    async def open(self, key: str) -> Path:
        path = self.folder / key
        if not path.exists():
            raise KeyError(key)
        return path

    async def delete(self, key: str) -> None:
        raise NotImplementedError


@dataclass
class FakeCheck:
    """A part's health, set by the test."""

    health: Health | BaseException = field(default_factory=lambda: Health(ok=True))

    async def __call__(self) -> Health:
        if isinstance(self.health, BaseException):
            raise self.health
        return self.health
