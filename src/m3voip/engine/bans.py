"""Bans sources that guess names and secrets. What is a scanner says ``core.sources``; this knows who is spared, and hands
what is to be written to Postgres, from where a ban takes effect as every change of the configuration does.

Law: never banned are carriers' addresses, those of the setting ``never_ban``, and every address where a phone of ours is
registered or has been in the last thirty days. Memory is bounded whatever comes in. While Postgres is away nobody is banned
anew; who was banned stays it.
"""

from __future__ import annotations

import asyncio
from collections import OrderedDict
from collections.abc import Callable, Iterable, Mapping
from contextlib import suppress
from datetime import datetime, timedelta
from ipaddress import ip_network
from typing import Protocol

import structlog

from m3voip.core import device as dv
from m3voip.core.errors import M3voipError
from m3voip.core.office import Office
from m3voip.core.sources import MOST_BANS, Failure, Network, Seen, Why, fail, source
from m3voip.engine.metrics import SOURCES_BANNED, SOURCES_SPARED, SOURCES_WATCHED
from m3voip.engine.phones import place
from m3voip.ports import Clock

log = structlog.get_logger()

MOST_WATCHED = 4096
RETRY_S = 1.0
LEAST_WAIT_S = 0.5
"""Postgres's clock, by which a ban ends, may be behind ours."""
HOME_AGAIN = timedelta(days=1)
"""How old the note of a home gets before it is written anew."""


class BanStore(Protocol):
    """Keeps bans and homes."""

    async def ban(self, source: Network, why: Why, now: datetime) -> datetime | None:
        """Ban; until when, None where it is banned already. Raises StorageUnavailable."""
        ...

    async def homes(self, seen: Mapping[Network, datetime]) -> None:
        """Phones of ours are there. Raises StorageUnavailable."""
        ...


class Bans:
    """``take`` what is heard of phones and ``update`` with each reading of the configuration; ``run`` writes. ``here``: where
    phones are registered at this moment; ``wake``: the configuration is to be read again, because a ban has ended."""

    def __init__(
        self,
        *,
        store: BanStore,
        clock: Clock,
        here: Callable[[], Iterable[str]],
        wake: Callable[[], None],
        never: Iterable[str] = (),
    ) -> None:
        self._store = store
        self._clock = clock
        self._here = here
        self._wake = wake
        self._never = tuple(ip_network(one, strict=False) for one in never)
        self._trunks: tuple[Network, ...] = ()
        self._homes: dict[Network, datetime] = {}
        self._until: dict[Network, datetime] = {}
        self._seen: OrderedDict[Network, Seen] = OrderedDict()
        self._to_ban: dict[Network, Why] = {}
        self._to_note: dict[Network, datetime] = {}
        self._changed = asyncio.Event()

    async def update(self, office: Office) -> None:
        """A new reading of the configuration."""
        self._trunks = tuple(ip_network(a, strict=False) for t in office.trunks for a in t.addresses)
        self._homes = {home.source: home.seen_at for home in office.homes}
        self._until = {ban.source: ban.until for ban in office.bans}
        SOURCES_BANNED.set(len(self._until))
        self._changed.set()

    def take(self, event: dv.PhoneEvent) -> None:
        """Apply one event. Never blocks."""
        match event:
            case dv.NameUnknown():
                self._failed(event.address, Failure(attempt=event.attempt, known="", at=event.at))
            case dv.LoginRefused():  # that nobody has the name was told before, with the try
                attempt = event.attempt if event.endpoint else ""
                failure = Failure(attempt=attempt, known=event.endpoint, at=event.at, secret=True)
                self._failed(event.address, failure)
            case dv.ContactSeen():
                self._note_home(event)
            case _:
                pass

    async def run(self) -> None:
        """Until cancelled: write what there is, and have the configuration read again when a ban has ended."""
        while True:
            if await self._ended():
                self._until = {one: until for one, until in self._until.items() if until > self._clock.now()}
                self._wake()
            try:
                await self._write()
            except (M3voipError, OSError) as error:
                log.warning("source.not_written", why=str(error), next_s=RETRY_S)
                await asyncio.sleep(RETRY_S)
                self._changed.set()

    def _failed(self, address: str, failure: Failure) -> None:
        who = source(address)
        if who is None or who in self._to_ban or who in self._until:
            return  # what was under way when the ban came
        seen, why = fail(self._seen.pop(who, None), failure)
        if why is None:
            self._seen[who] = seen
            if len(self._seen) > MOST_WATCHED:
                self._seen.popitem(last=False)
        elif (spared := self._spared(who)) is not None:
            SOURCES_SPARED.labels(spared).inc()
            log.warning("source.spared", address=str(who.network_address), why=why.value, because=spared)
        elif len(self._until) + len(self._to_ban) >= MOST_BANS:
            SOURCES_SPARED.labels("too_many").inc()
            log.warning("source.spared", address=str(who.network_address), why=why.value, because="too_many")
        else:
            self._to_ban[who] = why
            self._changed.set()
        SOURCES_WATCHED.set(len(self._seen))

    def _spared(self, who: Network) -> str | None:
        if any(_within(who, one) for one in self._trunks):
            return "trunk"
        if any(_within(who, one) for one in self._never):
            return "setting"
        return "phone" if who in self._homes or who in {source(one) for one in self._here()} else None

    def _note_home(self, event: dv.ContactSeen) -> None:
        """A phone is there; unless that was written lately."""
        who, at = source(place(event.uri)[0]), event.at
        if who is not None and at - self._homes.get(who, at - HOME_AGAIN) >= HOME_AGAIN:
            self._homes[who] = self._to_note[who] = at
            self._changed.set()

    async def _ended(self) -> bool:
        """Wait until the next ban ends (True) or something has changed (False)."""
        due = min(self._until.values(), default=None)
        wait = None if due is None else max(LEAST_WAIT_S, (due - self._clock.now()).total_seconds())
        with suppress(TimeoutError):
            async with asyncio.timeout(wait):
                await self._changed.wait()
                self._changed.clear()
                return False
        return True

    async def _write(self) -> None:
        if self._to_note:
            await self._store.homes(dict(self._to_note))
            self._to_note.clear()
        for who, why in list(self._to_ban.items()):
            until = await self._store.ban(who, why, self._clock.now())
            del self._to_ban[who]
            if until is not None:
                self._until[who] = until
                log.warning("source.banned", address=str(who.network_address), why=why.value, until=until.isoformat())


def _within(who: Network, wider: Network) -> bool:
    return who.version == wider.version and who.subnet_of(wider)  # type: ignore[arg-type]
