"""Who is spared whatever comes from there, what is written, and what happens when that cannot be."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Mapping
from datetime import datetime, timedelta
from ipaddress import ip_network

import pytest

from m3voip.config import DEFAULT_TENANT
from m3voip.core import device as dv
from m3voip.core.office import Ban, Home, Office, Trunk
from m3voip.core.sources import Network, Why
from m3voip.engine.bans import MOST_WATCHED, Bans
from m3voip.storage.errors import StorageUnavailable
from tests.engine.support import T0
from tests.support.eventually import eventually

pytestmark = pytest.mark.unit

SCANNER = "203.0.113.7"
TRUNK = Trunk(
    tenant_id=DEFAULT_TENANT, name="carrier", kind="ip", host="", port=5060, transport="udp", username="",
    secret="", addresses=("198.51.100.0/24",), contact_user="",
)  # fmt: skip


class Store:
    """Writes down what it is told, unless it is away."""

    def __init__(self) -> None:
        self.bans: list[tuple[str, Why]] = []
        self.noted: set[str] = set()
        self.away = False

    async def ban(self, source: Network, why: Why, now: datetime) -> datetime | None:
        if self.away:
            raise StorageUnavailable("away")
        self.bans.append((str(source), why))
        return now + timedelta(minutes=1)

    async def homes(self, seen: Mapping[Network, datetime]) -> None:
        self.noted |= {str(one) for one in seen}


class Desk:
    """Bans with everything around them."""

    def __init__(self) -> None:
        self.at = T0
        self.store = Store()
        self.here: set[str] = set()
        self.woken = 0
        self.bans = Bans(store=self.store, clock=self, here=lambda: self.here, wake=self._wake, never=("192.0.2.0/24",))

    def now(self) -> datetime:
        return self.at

    def _wake(self) -> None:
        self.woken += 1

    def scan(self, address: str, tries: int = 5) -> None:
        for number in range(tries):
            self.bans.take(dv.NameUnknown(address=address, attempt=str(number), at=T0))


@pytest.fixture
async def desk() -> AsyncIterator[Desk]:
    made = Desk()
    task = asyncio.create_task(made.bans.run())
    yield made
    task.cancel()


async def test_a_scanner_is_banned_once_however_much_comes_meanwhile(desk: Desk) -> None:
    desk.scan(SCANNER, tries=200)
    await eventually(lambda: desk.store.bans)
    desk.scan(SCANNER, tries=200)
    desk.scan("203.0.113.8", tries=4)
    await asyncio.sleep(0)
    assert desk.store.bans == [("203.0.113.7/32", Why.UNKNOWN_NAMES)]


@pytest.mark.parametrize("why", ["trunk", "setting", "here", "lately", "banned already"])
async def test_who_is_spared(desk: Desk, why: str) -> None:
    address = {"trunk": "198.51.100.9", "setting": "192.0.2.9"}.get(why, SCANNER)
    network = ip_network(f"{address}/32")
    desk.here = {SCANNER} if why == "here" else set()
    await desk.bans.update(
        Office(
            trunks=(TRUNK,),
            homes=(Home(source=network, seen_at=T0),) if why == "lately" else (),
            bans=(Ban(source=network, until=T0 + timedelta(hours=1)),) if why == "banned already" else (),
        )
    )
    desk.scan(address, tries=300)
    desk.scan("203.0.113.99")
    await eventually(lambda: desk.store.bans)
    assert desk.store.bans == [("203.0.113.99/32", Why.UNKNOWN_NAMES)]


async def test_where_phones_register_is_noted_once_a_day(desk: Desk) -> None:
    uri = "sip:e0000000101@203.0.113.5:5060"
    for hours in (0, 1, 23):
        desk.bans.take(dv.ContactSeen(endpoint="e0000000101", uri=uri, at=T0 + timedelta(hours=hours)))
        await eventually(lambda: "203.0.113.5/32" in desk.store.noted)
        if not hours:
            desk.store.noted.clear()
            desk.store.noted.add("203.0.113.5/32")
    desk.scan("203.0.113.5")
    desk.scan("203.0.113.99")
    await eventually(lambda: desk.store.bans)
    assert desk.store.bans == [("203.0.113.99/32", Why.UNKNOWN_NAMES)]


async def test_what_could_not_be_written_is_written_later(desk: Desk) -> None:
    desk.store.away = True
    desk.scan(SCANNER)
    await asyncio.sleep(0)
    desk.store.away = False
    await eventually(lambda: desk.store.bans, 5)


async def test_when_a_ban_ends_the_configuration_is_read_again(desk: Desk) -> None:
    await desk.bans.update(Office(bans=(Ban(source=ip_network("203.0.113.7/32"), until=T0),)))
    await eventually(lambda: desk.woken, 5)
    desk.scan(SCANNER)
    await eventually(lambda: desk.store.bans)


async def test_a_flood_of_addresses_is_forgotten_rather_than_kept(desk: Desk) -> None:
    for number in range(MOST_WATCHED * 2):
        address = f"10.{number >> 16}.{(number >> 8) & 255}.{number & 255}"
        desk.bans.take(dv.NameUnknown(address=address, attempt="1", at=T0))
    assert len(desk.bans._seen) == MOST_WATCHED


async def test_the_second_half_of_a_try_is_no_other_try(desk: Desk) -> None:
    for number in range(4):
        desk.bans.take(dv.NameUnknown(address=SCANNER, attempt=str(number), at=T0))
        desk.bans.take(dv.LoginRefused(endpoint="", at=T0, address=SCANNER, attempt=f"{number} without the name"))
    await asyncio.sleep(0)
    assert desk.store.bans == []
