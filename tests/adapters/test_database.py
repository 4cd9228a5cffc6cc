"""Opening the database: its shape, its transactions."""

import asyncio
import sqlite3
from pathlib import Path
from typing import Any

import pytest
from alembic.autogenerate import compare_metadata
from alembic.migration import MigrationContext
from sqlalchemy import inspect, text
from sqlalchemy.exc import DatabaseError

from gateway.adapters.database import tables as t
from gateway.adapters.database.engine import is_full, migrate, open_engine
from gateway.adapters.database.store import DatabaseStore
from gateway.domain.conversation import Channel
from gateway.settings import Settings
from tests.usecases.fakes import AMINA_PHONE, KARIM_PHONE, NOW


async def test_it_builds_every_table_from_nothing(bare_database_url: str) -> None:
    engine = open_engine(bare_database_url)
    await migrate(engine)
    async with engine.begin() as connection:
        names = await connection.run_sync(lambda c: set(inspect(c).get_table_names()))
    await engine.dispose()
    assert names == {*t.metadata.tables, "alembic_version"}


async def test_it_builds_exactly_the_tables_that_the_code_speaks_of(bare_database_url: str) -> None:
    engine = open_engine(bare_database_url)
    await migrate(engine)

    def differences(connection: Any) -> list[Any]:
        context = MigrationContext.configure(connection, opts={"compare_type": True})
        return list(compare_metadata(context, t.metadata))

    async with engine.begin() as connection:
        found = await connection.run_sync(differences)
    await engine.dispose()
    assert found == []


async def test_it_changes_nothing_when_it_is_up_to_date(store: DatabaseStore) -> None:
    async with store.transaction() as tx:
        await tx.conversation_at(Channel.SMS, AMINA_PHONE, NOW)
    await migrate(store.engine)
    assert len(await store.rows(t.conversation)) == 1


async def test_it_commits_when_the_block_ends_well(store: DatabaseStore) -> None:
    async with store.transaction() as tx:
        await tx.conversation_at(Channel.SMS, AMINA_PHONE, NOW)
    assert len(await store.rows(t.conversation)) == 1


async def test_it_undoes_everything_when_the_block_fails(store: DatabaseStore) -> None:
    async def broken() -> None:
        async with store.transaction() as tx:
            conversation = await tx.conversation_at(Channel.SMS, AMINA_PHONE, NOW)
            await tx.add_inbound(conversation, "SM1", "bonjour", 0, "", NOW)
            await tx.arm("converse", conversation, NOW)
            raise RuntimeError("half way")

    with pytest.raises(RuntimeError, match="half way"):
        await broken()
    for table in (t.conversation, t.message, t.job):
        assert await store.rows(table) == []


async def test_it_says_when_it_is_ready(store: DatabaseStore) -> None:
    assert await store.ready()


async def test_it_keeps_no_number_and_no_text_in_clear(store: DatabaseStore) -> None:
    async with store.transaction() as tx:
        conversation = await tx.conversation_at(Channel.SMS, AMINA_PHONE, NOW)
        await tx.add_inbound(conversation, "SM1", "je dors dans ma voiture", 0, "", NOW)
        who = await tx.conversation(conversation, NOW)
        await tx.add_outbound(who, None, "Appelez le 115", [], NOW)
        await tx.add_mail("callback:1", "claire@example.org", "callback", {"phone": AMINA_PHONE}, NOW)
    async with store.engine.begin() as connection:
        kept = ""
        for table in t.metadata.tables:
            rows = await connection.execute(text(f'SELECT * FROM "{table}"'))  # noqa: S608 our own names
            kept += "".join(
                bytes(v).decode("latin-1") if isinstance(v, bytes | memoryview) else str(v)
                for row in rows
                for v in row
            )
    for secret in (AMINA_PHONE, AMINA_PHONE[1:], "voiture", "115", "claire@example.org"):
        assert secret not in kept


async def test_it_gives_times_back_aware(store: DatabaseStore) -> None:
    async with store.transaction() as tx:
        await tx.conversation_at(Channel.SMS, KARIM_PHONE, NOW)
    (row,) = await store.rows(t.conversation)
    assert row["created_at"] == NOW
    assert row["created_at"].tzinfo is not None


async def test_it_goes_on_after_a_transaction_was_cancelled(store: DatabaseStore) -> None:
    inside = asyncio.Event()

    async def endless() -> None:
        async with store.transaction() as tx:
            await tx.conversation_at(Channel.SMS, AMINA_PHONE, NOW)
            inside.set()
            await asyncio.Event().wait()

    task = asyncio.create_task(endless())
    await inside.wait()
    task.cancel()
    await asyncio.gather(task, return_exceptions=True)
    async with store.transaction() as tx:
        assert await tx.find_conversation(Channel.SMS, AMINA_PHONE) is None
        await tx.conversation_at(Channel.SMS, KARIM_PHONE, NOW)
    assert len(await store.rows(t.conversation)) == 1


async def test_it_takes_many_transactions_at_once(store: DatabaseStore) -> None:
    async def one(number: int) -> None:
        async with store.transaction() as tx:
            conversation = await tx.conversation_at(Channel.SMS, f"+336399800{number % 10:02}", NOW)
            await tx.add_inbound(conversation, f"SM{number}", "bonjour", 0, "", NOW)

    await asyncio.gather(*(one(number) for number in range(40)))
    assert len(await store.rows(t.message)) == 40
    assert len(await store.rows(t.conversation)) == 10


@pytest.mark.parametrize(
    "given",
    ["postgres://u:p@db/app", "postgresql://u:p@db/app", "postgresql+psycopg://u:p@db/app"],
)
def test_it_reads_the_addresses_that_hosts_give(given: str) -> None:
    assert Settings(database_url=given).database == "postgresql+psycopg://u:p@db/app"


def test_it_keeps_a_file_of_its_own_without_an_address(tmp_path: Path) -> None:
    assert Settings(database_url="", var=tmp_path).database.endswith(f"{tmp_path}/coup-de-pouce.db")


async def test_it_waits_while_another_process_writes(sqlite_store: DatabaseStore, tmp_path: Path) -> None:
    """An import beside a running service."""
    other = sqlite3.connect(tmp_path / "test.db", isolation_level=None)
    other.execute("BEGIN IMMEDIATE")

    async def write() -> None:
        async with sqlite_store.transaction() as tx:
            await tx.conversation_at(Channel.SMS, AMINA_PHONE, NOW)

    writing = asyncio.create_task(write())
    for _ in range(5):
        await asyncio.sleep(0)
    assert not writing.done()
    other.execute("COMMIT")
    await writing
    other.close()
    assert len(await sqlite_store.rows(t.conversation)) == 1


async def test_it_knows_a_full_disk_however_wrapped(sqlite_store: DatabaseStore) -> None:
    async with sqlite_store.engine.begin() as connection:
        pages = (await connection.execute(text("PRAGMA page_count"))).scalar()
        await connection.execute(text(f"PRAGMA max_page_count = {pages}"))

    async def fill() -> None:
        async with sqlite_store.transaction() as tx:
            for number in range(2000):
                await tx.conversation_at(Channel.SMS, f"+33639{980000 + number}", NOW)

    with pytest.raises(DatabaseError) as failure:
        await fill()
    assert is_full(failure.value)


@pytest.mark.parametrize(
    ("error", "full"),
    [(OSError(28, "no space"), True), (OSError(5, "broken"), False), (ValueError("full"), False)],
)
def test_it_takes_no_other_failure_for_a_full_disk(error: Exception, full: bool) -> None:
    assert is_full(error) is full
