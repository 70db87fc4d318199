"""One real Postgres for all tests of this folder, with the schema in it and the three roles."""

from collections.abc import AsyncIterator, Callable
from pathlib import Path

import asyncpg
import pytest

from m3voip.stack.stack import Stack, fresh_name
from m3voip.storage.postgres.commit import Commits
from m3voip.storage.postgres.pool import Pool, engine_pool, writer_connection
from m3voip.storage.postgres.writer import EventWriter
from tests.storage.support import Running, running
from tests.support.fixtures import in_own_task


@pytest.fixture(scope="session")
async def database() -> AsyncIterator[Stack]:
    """A private Postgres under our eyes; killed ones come back."""
    async with in_own_task(Stack(instance=fresh_name(), parts={"postgres"}, ephemeral=True)) as stack:
        yield stack


@pytest.fixture(scope="session")
def engine_dsn(database: Stack) -> str:
    return database.settings.engine_dsn.get_secret_value()


@pytest.fixture(scope="session")
def api_dsn(database: Stack) -> str:
    return database.settings.api_dsn.get_secret_value()


@pytest.fixture(scope="session")
def owner_dsn(database: Stack) -> str:
    assert database.settings.owner_dsn is not None
    return database.settings.owner_dsn.get_secret_value()


@pytest.fixture
async def owner(owner_dsn: str) -> AsyncIterator[asyncpg.Connection]:
    connection = await asyncpg.connect(owner_dsn)
    yield connection
    await connection.close()


@pytest.fixture
async def engine(engine_dsn: str) -> AsyncIterator[Pool]:
    pool = engine_pool(engine_dsn)
    await pool.open()
    yield pool
    await pool.close()


@pytest.fixture
async def writer(engine_dsn: str, tmp_path: Path) -> AsyncIterator[Running]:
    """An EventWriter whose task runs; ``told`` is what it announced."""
    async with running(engine_dsn, tmp_path / "journal") as it:
        yield it


MakeWriter = Callable[[Path], EventWriter]


@pytest.fixture
def make_writer(engine_dsn: str) -> MakeWriter:
    return lambda folder: EventWriter(journal_dir=folder, connect=writer_connection(engine_dsn), commits=Commits())
