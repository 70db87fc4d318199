"""What is known of every phone right now: whether it is registered and answers, where it is, and why it was refused.

Law: a mirror that decides nothing; a fresh reading (``PhonesCleared`` and what follows) replaces every registration, so a
lost event heals at the next connection. Refusals are counted from the start of this process.
"""

from __future__ import annotations

import re
from datetime import datetime
from uuid import UUID

import structlog
from msgspec import Struct
from msgspec.structs import replace

from m3voip.core import device as dv
from m3voip.core.office import Office
from m3voip.engine.metrics import PHONE_REFUSALS, PHONES_REGISTERED
from m3voip.ports import Clock, Names

log = structlog.get_logger()

_SIP_URI = re.compile(r"sips?:(?:[^@]*@)?(\[[0-9A-Fa-f:.]+\]|[^:;>]+)(?::\d+)?(.*)")
_USER_AGENT_LENGTH = 100


class Phone(Struct, frozen=True, kw_only=True):
    """A phone at this moment. ``address`` is where its SIP comes from, behind a NAT the NAT's. ``last_seen_at``: now while
    it answers (it is asked every half minute), else when it stopped."""

    registered: bool = False
    reachable: bool = False
    user_agent: str = ""
    address: str = ""
    transport: str = ""
    last_seen_at: datetime | None = None
    round_trip_ms: float | None = None
    refused_logins: int = 0
    refused_login_at: datetime | None = None
    refusal: dv.Refusal | None = None


class _Refusals(Struct, kw_only=True):
    """Of one endpoint."""

    logins: int = 0
    login_at: datetime | None = None
    last: dv.Refusal | None = None


class Phones:
    """The mirror. Registrations by endpoint and URI: for a moment a phone that moved has two."""

    def __init__(self, *, names: Names, clock: Clock) -> None:
        self._names = names
        self._clock = clock
        self._known = False
        self._kinds: dict[str, str] = {}
        self._contacts: dict[str, dict[str, dv.ContactSeen]] = {}
        self._seen: dict[str, datetime] = {}
        self._refusals: dict[str, _Refusals] = {}

    async def update(self, office: Office) -> None:
        """A new reading of the configuration: whose endpoints there are, and of which kind."""
        self._kinds = {agent.endpoint: agent.phone_kind for agent in office.agents}
        for gone in (self._refusals.keys() | self._seen.keys()) - self._kinds.keys():
            self._refusals.pop(gone, None)
            self._seen.pop(gone, None)

    def take(self, event: dv.PhoneEvent) -> None:
        """Apply one event."""
        match event:
            case dv.PhonesCleared():
                self._known = True
                self._contacts.clear()
                PHONES_REGISTERED.set(0)
            case dv.ContactSeen():
                self._register(event)
            case dv.ContactGone():
                self._unregister(event)
            case dv.LoginRefused():
                self._refuse_login(event)
            case dv.NameUnknown():
                pass  # nobody's phone
            case dv.AudioRefused():
                self._refuse_audio(event)
            case _:
                raise TypeError(f"unknown phone event {type(event).__name__}")

    def addresses(self) -> set[str]:
        """Where registered phones are; empty while that is not known."""
        return {place(uri)[0] for contacts in self._contacts.values() for uri in contacts}

    def lost(self) -> None:
        """The node is away: nothing is known until the next reading."""
        self._known = False

    def phone(self, tenant_id: UUID, extension: str) -> Phone | None:
        """None while it is not known."""
        endpoint = self._names.endpoint(tenant_id, extension)
        if not self._known or endpoint is None:
            return None
        contacts = self._contacts.get(endpoint)
        refusals = self._refusals.get(endpoint, _Refusals())
        told = Phone(
            last_seen_at=self._seen.get(endpoint),
            refused_logins=refusals.logins,
            refused_login_at=refusals.login_at,
            refusal=refusals.last,
        )
        if not contacts:
            return told
        newest = max(contacts.values(), key=lambda contact: contact.at)
        reachable = newest.reachable is not False
        address, transport = place(newest.uri)
        return replace(
            told,
            registered=True,
            reachable=reachable,
            last_seen_at=self._clock.now() if reachable else told.last_seen_at,
            user_agent=newest.user_agent,
            address=address,
            transport=transport,
            round_trip_ms=newest.round_trip_ms,
        )

    def _register(self, event: dv.ContactSeen) -> None:
        contacts = self._contacts.setdefault(event.endpoint, {})
        before = contacts.get(event.uri)
        if not contacts:
            PHONES_REGISTERED.inc()
        contacts[event.uri] = replace(
            event,
            user_agent=_printable(event.user_agent) or (before.user_agent if before else ""),
            reachable=event.reachable if event.reachable is not None or before is None else before.reachable,
            round_trip_ms=event.round_trip_ms or (before.round_trip_ms if before else None),
        )
        if event.reachable is False and (before is None or before.reachable is not False):
            self._seen[event.endpoint] = event.at

    def _unregister(self, event: dv.ContactGone) -> None:
        contacts = self._contacts.get(event.endpoint, {})
        gone = contacts.pop(event.uri, None)
        if gone is None:
            return
        if not contacts:
            PHONES_REGISTERED.dec()
        if gone.reachable is not False:
            self._seen[event.endpoint] = event.at

    def _refuse_login(self, event: dv.LoginRefused) -> None:
        known = event.endpoint in self._kinds
        PHONE_REFUSALS.labels("wrong_secret" if known else "unknown_user").inc()
        if known:
            refusals = self._refusals.setdefault(event.endpoint, _Refusals())
            refusals.logins += 1
            refusals.login_at = event.at

    def _refuse_audio(self, event: dv.AudioRefused) -> None:
        kind = self._kinds.get(event.endpoint)
        if kind is None:
            return
        refusals = self._refusals.setdefault(event.endpoint, _Refusals())
        refusals.last = dv.audio_refusal(kind, event.at)
        PHONE_REFUSALS.labels(refusals.last.why).inc()
        log.warning(
            "phone.refused", endpoint=event.endpoint, kind=kind, why=refusals.last.why, action=refusals.last.text
        )


def place(uri: str) -> tuple[str, str]:
    """Address and transport of a registration's URI."""
    found = _SIP_URI.match(uri)
    if found is None:
        return "", ""
    transport = re.search(r";transport=(\w+)", found[2], re.IGNORECASE)
    return found[1].strip("[]"), transport[1].lower() if transport else "udp"


def _printable(text: str) -> str:
    """A phone's own words, fit to be shown: a stranger's text."""
    return "".join(c for c in text if c.isprintable())[:_USER_AGENT_LENGTH]
