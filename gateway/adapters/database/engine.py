"""Opening the database: SQLite for the demonstration, PostgreSQL in production, one code."""

import asyncio
import sqlite3
import time
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

from alembic import command
from alembic.config import Config
from sqlalchemy import Connection, CursorResult, Executable, StaticPool, create_engine, event, func, select
from sqlalchemy.engine import make_url
from sqlalchemy.exc import OperationalError
from sqlalchemy.ext.asyncio import AsyncEngine, create_async_engine

BUSY = 10.0  # seconds to wait while another process (an import) writes

MIGRATING = 79_000_001  # PostgreSQL's lock of this name: any number that nobody else takes

MIGRATIONS = Path(__file__).resolve().parents[2] / "migrations"


class InlineConnection:
    """SQLite's connection behind the few asynchronous verbs that the store uses."""

    def __init__(self, connection: Connection) -> None:
        self.sync = connection
        self.dialect = connection.dialect

    async def execute(self, statement: Executable, values: Any = None) -> CursorResult[Any]:
        return self.sync.execute(statement, values)

    async def run_sync(self, work: Callable[[Connection], Any]) -> Any:
        return work(self.sync)


class InlineEngine:
    """SQLite in the process itself: a statement takes microseconds, a thread to carry it, far more.

    Measured on one message answered: 138 hops between threads and 51 ms of processor through
    aiosqlite. One connection, one transaction at a time, in turn.
    """

    def __init__(self, url: str) -> None:
        self._engine = create_engine(url, poolclass=StaticPool, connect_args={"check_same_thread": False})
        self._turn = asyncio.Lock()

        @event.listens_for(self._engine, "connect")
        def _prepare(connection: sqlite3.Connection, _record: Any) -> None:
            connection.isolation_level = None  # BEGIN is ours, below
            for pragma in ("busy_timeout=20", "journal_mode=WAL", "synchronous=NORMAL", "foreign_keys=ON"):
                connection.execute(f"PRAGMA {pragma}")

        @event.listens_for(self._engine, "begin")
        def _begin(connection: Connection) -> None:
            connection.exec_driver_sql("BEGIN IMMEDIATE")  # so that no later statement finds it busy

    @asynccontextmanager
    async def begin(self) -> AsyncIterator[InlineConnection]:
        async with self._turn:
            with self._engine.connect() as connection:
                await self._start(connection)
                try:
                    yield InlineConnection(connection)
                except BaseException:
                    connection.rollback()
                    raise
                connection.commit()

    async def _start(self, connection: Connection) -> None:
        end = time.monotonic() + BUSY
        while True:
            try:
                connection.begin()
                return
            except OperationalError as failure:
                if "locked" not in str(failure.orig) or time.monotonic() > end:
                    raise
                await asyncio.sleep(0.05)

    async def dispose(self) -> None:
        self._engine.dispose()


Database = AsyncEngine | InlineEngine


def open_engine(url: str) -> Database:
    """`url` as in the settings: sqlite:///… or postgresql://…"""
    if not url.startswith("sqlite"):
        return create_async_engine(url, pool_size=8, max_overflow=4, pool_pre_ping=True)
    database = make_url(url).database
    if database and database != ":memory:":
        Path(database).parent.mkdir(parents=True, exist_ok=True)
    return InlineEngine(url)


async def migrate(engine: Database) -> None:
    """Bring the tables to the newest shape."""
    config = Config()
    config.set_main_option("script_location", str(MIGRATIONS))

    def upgrade(connection: Any) -> None:
        config.attributes["connection"] = connection
        command.upgrade(config, "head")

    async with engine.begin() as connection:
        if connection.dialect.name == "postgresql":  # several gateways and workers start at once
            await connection.execute(select(func.pg_advisory_xact_lock(MIGRATING)))
        await connection.run_sync(upgrade)


# The second: no room for the few pages that SQLite's write-ahead log shares between programs.
_FULL = ("SQLITE_FULL", "SQLITE_IOERR_SHMSIZE")


def is_full(error: BaseException) -> bool:
    """True for a full disk, however deep SQLAlchemy wrapped it."""
    while error is not None:
        if isinstance(error, sqlite3.OperationalError) and error.sqlite_errorname in _FULL:
            return True
        if isinstance(error, OSError) and error.errno == 28:
            return True
        error = error.__cause__ or error.__context__  # type: ignore[assignment]
    return False
