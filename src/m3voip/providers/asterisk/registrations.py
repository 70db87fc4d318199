"""Every phone's registration as Asterisk keeps it, read from its control socket: AMI's own list of them wants a right that
is as good as a shell.

Two commands, because each knows half: the registrar's rows (whose, from where, which phone) and the list of contacts (does
it answer, how fast). Both name a registration by a hash. Law: a line that does not look as expected is left out.
"""

from __future__ import annotations

import asyncio
import re
from collections.abc import Callable, Iterator
from contextlib import suppress
from datetime import datetime
from pathlib import Path

import msgspec
import structlog

from m3voip.core.device import ContactSeen, PhoneEvent, PhonesCleared
from m3voip.core.errors import ProviderError
from m3voip.providers.asterisk import control

log = structlog.get_logger()

EVERY_S, PAUSE_S = 30.0, 1.0
TRIES = 5
SECONDS = 5.0
_ROW = re.compile(r"/registrar/contact/(e[0-9a-f]{10});@([0-9a-f]{10})[0-9a-f]*\s*: (\{.*\})\s*")
_SHOWN = re.compile(r"\s*Contact:\s+(e[0-9a-f]{10})/\S.*\s([0-9a-f]{10})\s+(\w+)\s+([0-9.]+|nan)\s*")
_REACHABLE = {"Avail": True, "Unavail": False}


class Row(msgspec.Struct):
    """What the registrar keeps, of which we read this. ``user_agent`` is the phone's own text."""

    uri: str
    user_agent: str = ""


class Registrations:
    """Passes on what is heard of phones, and reads everything anew after each connection, when a phone is new, and every
    half minute; at most once a second, however many register at once. ``tell`` gets all of it, in order."""

    def __init__(
        self,
        socket: Path,
        *,
        tell: Callable[[PhoneEvent], None],
        now: Callable[[], datetime],
        connected: Callable[[], bool],
    ) -> None:
        self._socket = socket
        self._tell = tell
        self._now = now
        self._connected = connected
        self._stale = asyncio.Event()
        self._heard = 0

    def look(self) -> None:
        """There may be something that only a reading tells."""
        self._stale.set()

    def hear(self, event: PhoneEvent) -> None:
        """One event of AMI."""
        self._heard += 1
        self._tell(event)

    async def run(self) -> None:
        """Until cancelled."""
        while True:
            with suppress(TimeoutError):
                async with asyncio.timeout(EVERY_S):
                    await self._stale.wait()
            self._stale.clear()
            if self._connected():
                await self._read()
            await asyncio.sleep(PAUSE_S)

    async def _read(self) -> None:
        try:
            for _ in range(TRIES):
                heard = self._heard
                events = await read(self._socket, self._now())
                if heard == self._heard:  # else what was heard meanwhile may be newer than what was read
                    break
        except ProviderError as error:
            log.warning("phones.unreadable", why=str(error), next_s=EVERY_S)
            return
        for event in events:
            self._tell(event)


async def read(socket: Path, at: datetime) -> list[PhoneEvent]:
    """A fresh reading of every registration, as events. Raises ProviderError."""
    try:
        rows = await control.command(socket, "database show registrar/contact", seconds=SECONDS)
        shown = await control.command(socket, "pjsip show contacts", seconds=SECONDS)
    except OSError as error:  # TimeoutError is one
        raise ProviderError(f"Asterisk's control socket does not answer: {error}", retryable=True) from error
    return [PhonesCleared(), *contacts(rows, shown, at)]


def contacts(rows: str, shown: str, at: datetime) -> Iterator[ContactSeen]:
    """What the two commands printed, put together."""
    states = {(m[1], m[2]): (m[3], m[4]) for line in shown.splitlines() if (m := _SHOWN.fullmatch(line))}
    for line in rows.splitlines():
        found = _ROW.fullmatch(line)
        if found is None:
            continue
        try:
            row = msgspec.json.decode(found[3], type=Row)
        except msgspec.DecodeError:
            continue
        state, round_trip = states.get((found[1], found[2]), ("", "nan"))
        yield ContactSeen(
            endpoint=found[1],
            uri=row.uri,
            at=at,
            reachable=_REACHABLE.get(state),
            round_trip_ms=None if round_trip == "nan" else float(round_trip),
            user_agent=row.user_agent,
        )
