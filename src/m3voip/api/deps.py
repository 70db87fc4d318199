"""What the API is given: ports, settings, a clock. Law: nothing is fetched from a global; a test can replace each part."""

from __future__ import annotations

import secrets
from collections.abc import Awaitable, Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from typing import Protocol
from uuid import UUID

from m3voip.api.live import EventHub
from m3voip.config import Settings
from m3voip.core.agent_state import Asked
from m3voip.core.call import Call
from m3voip.core.clearance import Clearance
from m3voip.core.codecs import CodecReport
from m3voip.core.modes import Mode
from m3voip.core.phone_check import PhoneTest
from m3voip.core.requests import How, Request
from m3voip.core.supervision import Supervision
from m3voip.core.trunks import Choice
from m3voip.core.watched import Watched
from m3voip.ports import Clock, ConferenceNode, RecordingVault
from m3voip.storage.postgres.pool import Pool
from m3voip.telemetry.metrics import Meters


class WaitingNow(Protocol):
    """A caller in a queue."""

    @property
    def call_id(self) -> UUID | None:
        """None for a caller whom plain Asterisk serves."""
        ...

    @property
    def position(self) -> int:
        """1 is next."""
        ...

    @property
    def since(self) -> datetime:
        """When the caller joined."""
        ...


class MemberNow(Protocol):
    """A member of a queue as the queue sees it."""

    @property
    def extension(self) -> str:
        """The agent."""
        ...

    @property
    def state(self) -> str:
        """available, ringing, on_call, paused, unavailable."""
        ...

    @property
    def calls_taken(self) -> int:
        """Since the telephony node started."""
        ...


class QueueNow(Protocol):
    """A queue at this moment."""

    @property
    def waiting(self) -> Sequence[WaitingNow]:
        """Callers, the next one first."""
        ...

    @property
    def members(self) -> Sequence[MemberNow]:
        """Agents in the queue."""
        ...


class AgentNow(Protocol):
    """An agent at this moment."""

    @property
    def state(self) -> str:
        """available, reserved, on_call, wrap_up, paused or logged_out."""
        ...

    @property
    def since(self) -> datetime | None:
        """When this state began; None if that was before we looked."""
        ...

    @property
    def registered(self) -> bool:
        """Whether calls could reach the agent."""
        ...

    @property
    def session(self) -> bool | None:
        """Whether the line is kept up; None of an agent whose phone rings."""
        ...

    @property
    def call_id(self) -> UUID | None:
        """The call the agent is offered or talks in."""
        ...

    @property
    def reason(self) -> str:
        """Why paused, or about to be."""
        ...

    @property
    def pending(self) -> str | None:
        """paused or logged_out, where that comes after the call."""
        ...

    @property
    def until(self) -> datetime | None:
        """The end of a wrap-up."""
        ...

    @property
    def limit_at(self) -> datetime | None:
        """When a pause has lasted as long as its reason allows."""
        ...

    @property
    def over_limit(self) -> bool:
        """Whether it has lasted longer."""
        ...


class RefusalNow(Protocol):
    """Why a phone could not do what it wanted."""

    @property
    def at(self) -> datetime:
        """When."""
        ...

    @property
    def why(self) -> str:
        """no_srtp, no_dtls, srtp_not_allowed."""
        ...

    @property
    def text(self) -> str:
        """What to do about it."""
        ...


class PhoneNow(Protocol):
    """A phone at this moment; the fields are those of ``engine.phones.Phone``."""

    @property
    def registered(self) -> bool:
        """Whether there is a registration."""
        ...

    @property
    def reachable(self) -> bool:
        """Whether it answered when it was last asked."""
        ...

    @property
    def address(self) -> str:
        """Where its SIP comes from."""
        ...

    @property
    def refusal(self) -> RefusalNow | None:
        """The last one."""
        ...


class LivePhones(Protocol):
    """What the engine knows of phones right now. None of it is waited for."""

    def phone(self, tenant_id: UUID, extension: str) -> PhoneNow | None:
        """None while it is not known."""
        ...


class PhoneTesting(Protocol):
    """Calls agents' phones to hear how they are."""

    def last(self, agent_id: UUID) -> PhoneTest | None:
        """The test that goes on, or the last one."""
        ...

    def start(self, test_id: UUID, agent_id: UUID, *, endpoint: str, kind: str, seconds: float) -> PhoneTest | None:
        """Begin; None where one goes on for this agent, or too many do. Never blocks."""
        ...


class CodecReports(Protocol):
    """Who transcodes."""

    async def report(self, tenant_id: UUID) -> CodecReport:
        """Now, of one tenant's phones and trunks. Raises ProviderError while the telephony node is away."""
        ...


class LiveState(Protocol):
    """What the engine knows of queues and agents right now. None of it is waited for."""

    def queue(self, tenant_id: UUID, name: str) -> QueueNow | None:
        """None while it is not known (the telephony node is away, or has not heard of the queue yet)."""
        ...

    def agent(self, tenant_id: UUID, extension: str) -> AgentNow | None:
        """None of an agent who is not active, or not known yet."""
        ...


class CallControl(Protocol):
    """What the API may order."""

    @property
    def connected(self) -> bool:
        """Whether the telephony node can be reached."""
        ...

    def hang_up(self, call_id: UUID, by: UUID | None) -> bool:
        """Order the end of a call; False when it does not live. Never blocks."""
        ...

    def ask(self, call_id: UUID, request: Request) -> str | None:
        """Ask something of a call; answers why it cannot be done, "" when it is under way, None when the call does not
        live. Never blocks."""
        ...

    def refusal(self, call_id: UUID, request: Request) -> str | None:
        """The same without doing it."""
        ...

    def live(self, tenant_id: UUID, call_id: UUID) -> Call | None:
        """The tenant's call as it is at this moment; None when it does not live."""
        ...

    def free_slot(self, tenant_id: UUID) -> int | None:
        """A slot to park a call in; None when all are taken."""
        ...


class Dialling(Protocol):
    """The trunks, and calls out through them. Nothing here blocks."""

    def plan(self, tenant_id: UUID, number: str, *, emergency: bool) -> Choice:
        """Which trunks could carry a call to this number now, in order."""
        ...

    def caller_ids(self, tenant_id: UUID, order: Iterable[str]) -> tuple[str, ...]:
        """The numbers that these trunks show by themselves."""
        ...

    def place(self, call_id: UUID, clearance: Clearance, how: How, by: UUID | None) -> str | None:
        """Dial what was cleared, within a call. The attempt is committed. Answers why not, "" when it is under way, None when
        the call does not live."""
        ...


class SupervisionControl(Protocol):
    """Who listens to whom: what the API may order. Nothing here blocks; rows are written before."""

    def watch(self, tenant_id: UUID, *, call_id: UUID | None = None, agent: str = "", by: str = "") -> Watched | str:
        """Whom to hear, by call or by agent; or why not, in a sentence. ``by``: the supervisor's phone."""
        ...

    def begin(self, supervision: Supervision) -> None:
        """Ring the supervisor's phone, then let it hear."""
        ...

    def change(self, supervision_id: UUID, mode: Mode, watched: Watched | None) -> None:
        """Speak to others, or hear another agent."""
        ...

    def take_over(self, supervision_id: UUID, by: UUID) -> str | None:
        """Give the call to the supervisor; answers why not, "" when it is under way, None when it does not live."""
        ...

    def end(self, supervision_id: UUID, by: UUID | None) -> bool:
        """Let the supervisor's phone go; False when it does not live."""
        ...


class SessionDesk(Protocol):
    """Lines that are kept up, by order. None while the agent is not known, "" when it is under way, else why it cannot be."""

    def start(self, agent_id: UUID) -> str | None:
        """Call the agent's phone, and keep its line up."""
        ...

    def end(self, agent_id: UUID) -> str | None:
        """Hang the line up."""
        ...


class AgentDesk(Protocol):
    """Where agents and their supervisors ask for changes."""

    def ask(self, agent_id: UUID, event: Asked) -> str | None:
        """ "" when it is done (and survives a kill of this process), else why not, for people; None when this agent is not
        known (yet). Never blocks."""
        ...


@dataclass(frozen=True, slots=True, kw_only=True)
class Health:
    """How one part is. ``detail`` is for the operator and holds no secret."""

    ok: bool
    detail: str = ""


Check = Callable[[], Awaitable[Health]]
"""Asks one part how it is; the API gives it one second."""


@dataclass(frozen=True, slots=True, kw_only=True)
class ApiDeps:
    """Everything ``create_api`` needs. ``pool`` is an ``api_pool``, opened; ``checks`` are by the part's name and are what
    readiness means; ``draining`` is true from the moment the process has been asked to stop."""

    settings: Settings
    pool: Pool
    live: LiveState
    phones: LivePhones
    phone_tests: PhoneTesting
    codecs: CodecReports
    control: CallControl
    agents: AgentDesk
    supervisions: SupervisionControl
    sessions: SessionDesk
    dialling: Dialling
    hub: EventHub
    vault: RecordingVault
    clock: Clock
    checks: Mapping[str, Check]
    draining: Callable[[], bool]
    conferences: ConferenceNode
    meters: Meters = field(default_factory=Meters)
    random_bytes: Callable[[int], bytes] = secrets.token_bytes
