"""The API on a real port over a real Postgres, with two tenants; what lies behind the other ports is told by the test."""

from __future__ import annotations

import asyncio
import socket
from collections.abc import AsyncIterator
from dataclasses import dataclass
from os import urandom
from pathlib import Path
from uuid import UUID

import aiohttp
import asyncpg
import pytest

from m3voip.api.app import create_api
from m3voip.api.deps import ApiDeps
from m3voip.api.keys import ensure_key, new_key
from m3voip.api.live import EventHub
from m3voip.api.permissions import Permission
from m3voip.api.server import make_server
from m3voip.config import DEFAULT_TENANT, Settings
from m3voip.stack.stack import Stack, fresh_name
from m3voip.storage.postgres.commit import Commits
from m3voip.storage.postgres.pool import Pool, api_pool
from tests.api.client import Client, Contract
from tests.api.fakes import (
    FakeCheck,
    FakeCodecs,
    FakeConferences,
    FakeControl,
    FakeDesk,
    FakeDialling,
    FakeLive,
    FakePhones,
    FakePhoneTests,
    FakeSessions,
    FakeSupervisions,
    FolderOfFiles,
    MovableClock,
)
from tests.api.stories import Writer
from tests.support.eventually import eventually
from tests.support.fixtures import in_own_task

OTHER_TENANT = UUID("00000000-0000-7000-8000-00000000000b")


@dataclass(kw_only=True)
class World:
    """Everything a test may look at or change."""

    stack: Stack
    settings: Settings
    base: str
    pool: Pool
    hub: EventHub
    live: FakeLive
    phones: FakePhones
    phone_tests: FakePhoneTests
    codecs: FakeCodecs
    control: FakeControl
    conferences: FakeConferences
    desk: FakeDesk
    supervisions: FakeSupervisions
    sessions: FakeSessions
    dialling: FakeDialling
    clock: MovableClock
    checks: dict[str, FakeCheck]
    vault: Path
    owner: asyncpg.Connection
    writer: Writer
    contract: Contract
    mine: Client
    theirs: Client
    nobody: Client
    draining: bool = False

    async def reconnect(self) -> None:
        """The test's own connections, after Postgres has been killed."""
        assert self.settings.owner_dsn is not None
        self.owner = await asyncpg.connect(self.settings.owner_dsn.get_secret_value())
        self.writer.connection = await asyncpg.connect(self.settings.engine_dsn.get_secret_value())

    async def key(self, *scopes: Permission, tenant: UUID = DEFAULT_TENANT) -> str:
        """A fresh key with these permissions."""
        key = str(new_key(urandom))
        await ensure_key(
            self.owner, key, tenant_id=tenant, scopes=scopes, name="test",
            pepper=self.settings.key_pepper.get_secret_value(),
        )  # fmt: skip
        return key


@pytest.fixture(scope="session")
async def postgres_stack() -> AsyncIterator[Stack]:
    async with in_own_task(Stack(instance=fresh_name(), parts={"postgres"}, ephemeral=True)) as stack:
        yield stack


@pytest.fixture(scope="session")
async def session_world(postgres_stack: Stack, tmp_path_factory: pytest.TempPathFactory) -> AsyncIterator[World]:
    """One running API for all tests; they use data of their own."""
    stack = postgres_stack
    # With the protocol named asyncio turns Nagle's algorithm off, as it does for a server made from host and port.
    with socket.socket(socket.AF_INET, socket.SOCK_STREAM, socket.IPPROTO_TCP) as listener:
        listener.bind(("127.0.0.1", 0))
        settings = stack.settings.model_copy(update={"api_port": listener.getsockname()[1]})
        assert settings.owner_dsn is not None
        owner = await asyncpg.connect(settings.owner_dsn.get_secret_value())
        engine = await asyncpg.connect(settings.engine_dsn.get_secret_value())
        # Without TLS, which asyncpg would try first: a cancelled attempt leaves a future whose error nobody takes.
        pool = api_pool(f"{settings.api_dsn.get_secret_value()}?sslmode=disable")
        await pool.open()
        hub, live, control, clock = EventHub(queue_length=200), FakeLive(), FakeControl(), MovableClock()
        desk = FakeDesk()
        phones, phone_tests, codecs = FakePhones(), FakePhoneTests(), FakeCodecs()
        conferences = FakeConferences()
        supervisions, sessions = FakeSupervisions(), FakeSessions()
        dialling = FakeDialling()
        checks = {"postgres": FakeCheck(), "ari": FakeCheck()}
        vault = tmp_path_factory.mktemp("vault")
        world: World
        deps = ApiDeps(
            settings=settings, pool=pool, live=live, phones=phones, phone_tests=phone_tests, codecs=codecs,
            control=control, agents=desk, supervisions=supervisions, sessions=sessions, dialling=dialling,
            hub=hub, clock=clock,
            vault=FolderOfFiles(vault), checks=checks, draining=lambda: world.draining, conferences=conferences,
        )  # fmt: skip
        app = create_api(deps)
        server = make_server(app, host="127.0.0.1", port=0)
        await owner.execute("INSERT INTO tenant (tenant_id, name) VALUES ($1, 'other')", OTHER_TENANT)
        contract = Contract(app.openapi())
        async with aiohttp.ClientSession() as session, asyncio.TaskGroup() as tasks:
            tasks.create_task(server.serve(sockets=[listener]), name="tests.api")
            await eventually(lambda: server.started)
            world = World(
                stack=stack, settings=settings, base=settings.base_url, pool=pool, hub=hub, live=live, phones=phones,
                phone_tests=phone_tests, codecs=codecs, control=control, desk=desk, clock=clock, checks=checks, vault=vault,
                supervisions=supervisions, sessions=sessions, dialling=dialling,
                owner=owner, writer=Writer(engine, Commits(hub.publish)),
                conferences=conferences, contract=contract, mine=Client(session, settings.base_url, contract, "", DEFAULT_TENANT),
                theirs=Client(session, settings.base_url, contract, "", OTHER_TENANT),
                nobody=Client(session, settings.base_url, contract, "", DEFAULT_TENANT),
            )  # fmt: skip
            world.mine.key = await world.key(*Permission)
            world.theirs.key = await world.key(*Permission, tenant=OTHER_TENANT)
            yield world
            hub.close()
            server.should_exit = True
        await pool.close()
        await world.writer.connection.close()
        await world.owner.close()


@pytest.fixture
def world(session_world: World) -> World:
    """The running API, its parts as they are when all is well."""
    session_world.control.connected = True
    session_world.conferences.away = False
    session_world.supervisions.__init__()  # type: ignore[misc]
    session_world.sessions.__init__()  # type: ignore[misc]
    session_world.dialling.__init__()  # type: ignore[misc]
    session_world.clock.shift *= 0
    session_world.draining = False
    for check in session_world.checks.values():
        check.__init__()  # type: ignore[misc]
    return session_world


@pytest.fixture
def mine(world: World) -> Client:
    """Tenant A, every permission."""
    return world.mine


@pytest.fixture
def theirs(world: World) -> Client:
    """Tenant B, every permission."""
    return world.theirs
