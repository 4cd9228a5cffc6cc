"""Databases and queues to test on: each test gets an empty one."""

import asyncio
import itertools
import os
import shutil
import time
from collections.abc import AsyncIterator, Callable, Iterator
from contextlib import AbstractContextManager, asynccontextmanager
from pathlib import Path

import psycopg
import pytest
from hypothesis import settings
from psycopg.conninfo import conninfo_to_dict
from sqlalchemy.engine import URL

from gateway.adapters.database import jobs
from gateway.adapters.database.engine import migrate, open_engine
from gateway.adapters.database.store import DatabaseStore
from gateway.adapters.encryption import Cipher, new_key
from gateway.settings import Settings
from tests.adapters import servers

# The same examples at each run, however slow the machine.
settings.register_profile("steady", deadline=None, derandomize=True, database=None)
settings.load_profile("steady")

_numbers = itertools.count(1)


def _or_skip(started: Callable[[], Iterator[str]]) -> Iterator[str]:
    try:
        yield from started()
    except servers.NoServer as absent:
        if os.environ.get("CI") == "true":
            raise
        pytest.skip(str(absent))


def _address(given: str, server: Callable[[], AbstractContextManager[str]]) -> Iterator[str]:
    if url := os.environ.get(given):
        yield url
        return
    with server() as url:
        yield url


@pytest.fixture(scope="session")
def postgresql() -> Iterator[str]:
    """The address of a real PostgreSQL."""
    yield from _or_skip(lambda: _address("TEST_DATABASE_URL", servers.postgresql))


@pytest.fixture(scope="session")
def valkey() -> Iterator[str]:
    """The address of a real Valkey."""
    yield from _or_skip(lambda: _address("TEST_REDIS_URL", servers.valkey))


def _order(server: str, *orders: str) -> None:
    with psycopg.connect(server, autocommit=True) as connection:
        for order in orders:
            connection.execute(order)


def of_database(server: str, name: str) -> str:
    """The address of one database of the server, as the settings have it."""
    parts = conninfo_to_dict(server)
    url = URL.create(
        "postgresql", parts.get("user"), parts.get("password"), None, None, name,
        {k: str(parts[k]) for k in ("host", "port") if parts.get(k)},
    )  # fmt: skip
    return Settings(database_url=url.render_as_string(hide_password=False)).database


def _of_file(file: Path) -> str:
    return Settings(database_url=f"sqlite:///{file}").database


async def _migrated(url: str) -> None:
    engine = open_engine(url)
    await migrate(engine)
    await engine.dispose()


@pytest.fixture(scope="session")
def migrated_sqlite(tmp_path_factory: pytest.TempPathFactory) -> Path:
    file = tmp_path_factory.mktemp("model") / "model.db"
    asyncio.run(_migrated(_of_file(file)))
    return file


@pytest.fixture(scope="session")
def migrated_postgresql(postgresql: str) -> Iterator[str]:
    name = f"coup_de_pouce_model_{os.getpid()}"
    _order(postgresql, f"CREATE DATABASE {name}")
    asyncio.run(_migrated(of_database(postgresql, name)))
    yield name
    _order(postgresql, f"DROP DATABASE {name} WITH (FORCE)")


def _sqlite_url(request: pytest.FixtureRequest, tmp_path: Path, model: bool) -> Iterator[str]:
    file = tmp_path / "test.db"
    if model:
        shutil.copy(request.getfixturevalue("migrated_sqlite"), file)
    yield _of_file(file)


def _postgresql_url(request: pytest.FixtureRequest, _tmp_path: Path, model: bool) -> Iterator[str]:
    server = request.getfixturevalue("postgresql")
    name = f"coup_de_pouce_{os.getpid()}_{next(_numbers)}"
    template = f" TEMPLATE {request.getfixturevalue('migrated_postgresql')}" if model else ""
    _order(server, f"CREATE DATABASE {name}{template}")
    yield of_database(server, name)
    _order(server, f"DROP DATABASE {name} WITH (FORCE)")


_KINDS = {"sqlite": _sqlite_url, "postgresql": _postgresql_url}


@pytest.fixture(params=_KINDS)
def database_url(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[str]:
    """A database of our newest shape, without a row."""
    yield from _KINDS[request.param](request, tmp_path, True)


@pytest.fixture(params=_KINDS)
def bare_database_url(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[str]:
    """A database without a table."""
    yield from _KINDS[request.param](request, tmp_path, False)


@pytest.fixture
def postgresql_url(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[str]:
    """For what only several connections can show: SQLite has one."""
    yield from _postgresql_url(request, tmp_path, True)


@pytest.fixture
def sqlite_url(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[str]:
    yield from _sqlite_url(request, tmp_path, True)


@pytest.fixture(scope="session")
def key() -> str:
    return new_key()


@asynccontextmanager
async def opened(url: str, key: str) -> AsyncIterator[DatabaseStore]:
    engine = open_engine(url)
    try:
        yield DatabaseStore(engine, Cipher(key))
    finally:
        await engine.dispose()


@pytest.fixture
async def store(database_url: str, key: str) -> AsyncIterator[DatabaseStore]:
    async with opened(database_url, key) as store:
        yield store


@pytest.fixture
async def postgresql_store(postgresql_url: str, key: str) -> AsyncIterator[DatabaseStore]:
    async with opened(postgresql_url, key) as store:
        yield store


@pytest.fixture
async def sqlite_store(sqlite_url: str, key: str) -> AsyncIterator[DatabaseStore]:
    async with opened(sqlite_url, key) as store:
        yield store


class LeaseClock:
    """The machine's clock, as the leases see it; a test moves it."""

    def __init__(self) -> None:
        self.seconds = time.time()

    def time(self) -> float:
        return self.seconds


@pytest.fixture
def lease_clock(monkeypatch: pytest.MonkeyPatch) -> LeaseClock:
    clock = LeaseClock()
    monkeypatch.setattr(jobs, "time", clock)
    return clock
