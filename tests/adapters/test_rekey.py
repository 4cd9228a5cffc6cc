"""Keys that rotate while the service runs: everything under the new key, and nothing of what was written lost."""

import asyncio
from argparse import Namespace
from collections.abc import AsyncIterator, Callable, Sequence
from typing import Any

import pytest
from sqlalchemy import LargeBinary, select, update

from gateway.adapters.database import rekeying
from gateway.adapters.database import tables as t
from gateway.adapters.database.engine import open_engine
from gateway.adapters.database.rekeying import Resealed, keys_fit, reseal, sealed_columns
from gateway.adapters.database.store import DatabaseStore
from gateway.adapters.encryption import Cipher, new_key
from gateway.commands import rekey
from gateway.domain.conversation import Channel, State
from gateway.errors import NotReady
from tests.adapters.conftest import opened
from tests.usecases.fakes import AMINA, AMINA_PHONE, CLAIRE, KARIM_PHONE, NOW

NEW = new_key()


@pytest.fixture
def both(key: str) -> str:
    return f"{NEW},{key}"


@pytest.fixture(autouse=True)
def small_steps(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(rekeying, "BATCH", 5)
    monkeypatch.setattr(rekeying, "PAUSE", 0)


async def filled(store: DatabaseStore, people: int = 10) -> list[int]:
    """Conversations with a few messages each, a referent and her person, sealed with the store's first key."""
    async with store.transaction() as tx:
        await tx.save_referent(CLAIRE)
        await tx.save_beneficiary(AMINA, CLAIRE.email)
        everybody = []
        for number in range(people):
            who = await tx.conversation_at(Channel.SMS, f"+3363998{number:04}", NOW)
            await tx.save_state(who, State(rest=f"{who}:0"))
            for text in ("un", "deux"):
                await tx.add_inbound(who, f"SM-{number}-{text}", text, 0, "", NOW)
            everybody.append(who)
    return everybody


async def resealed(url: str, keys: str, change: bool = True) -> dict[str, Resealed]:
    engine = open_engine(url)
    try:
        return {one.table: one async for one in reseal(engine, Cipher(keys), change)}
    finally:
        await engine.dispose()


async def cells(store: DatabaseStore) -> AsyncIterator[bytes]:
    for table, columns in sealed_columns().items():
        for row in await store.rows(table):
            for column in columns:
                if row[column.name] is not None:
                    yield row[column.name]


async def all_newest(store: DatabaseStore) -> bool:
    return all([Cipher(NEW).is_newest(cell) async for cell in cells(store)])


def test_it_walks_every_sealed_column_of_every_table() -> None:
    binary = {
        c for table in t.metadata.tables.values() for c in table.columns if isinstance(c.type, LargeBinary)
    }
    walked = {column for columns in sealed_columns().values() for column in columns}
    assert walked == binary
    assert t.obstacle.c.sealed in walked


async def test_it_seals_everything_with_the_first_key(
    store: DatabaseStore, database_url: str, both: str, key: str
) -> None:
    everybody = await filled(store)
    told = await resealed(database_url, both)
    assert await all_newest(store)
    assert (told["message"].cells, told["message"].resealed, told["message"].left) == (20, 20, 0)
    async with opened(database_url, f"{NEW},index:{key}") as after, after.transaction() as tx:
        assert await tx.find_conversation(Channel.SMS, "+33639980003") == everybody[3]
        who = await tx.conversation(everybody[3], NOW)
        assert (who.address, who.state.rest) == ("+33639980003", f"{everybody[3]}:0")


async def test_it_changes_nothing_the_second_time(store: DatabaseStore, database_url: str, both: str) -> None:
    await filled(store)
    await resealed(database_url, both)
    before = [cell async for cell in cells(store)]
    told = await resealed(database_url, both)
    assert [cell async for cell in cells(store)] == before
    assert {one.resealed for one in told.values()} == {0}


async def test_it_goes_on_where_it_was_stopped(store: DatabaseStore, database_url: str, both: str) -> None:
    await filled(store)
    engine = open_engine(database_url)
    async for _ in reseal(engine, Cipher(both)):
        break  # killed after the first table
    await engine.dispose()
    await resealed(database_url, both)
    assert await all_newest(store)


async def test_it_only_counts_when_asked_to(store: DatabaseStore, database_url: str, both: str) -> None:
    await filled(store)
    before = [cell async for cell in cells(store)]
    told = await resealed(database_url, both, change=False)
    assert [cell async for cell in cells(store)] == before
    assert (told["message"].left, told["message"].resealed) == (20, 0)


async def test_it_tells_what_no_key_opens_and_leaves_it(
    store: DatabaseStore, database_url: str, both: str
) -> None:
    everybody = await filled(store)
    lost = Cipher(new_key()).seal("perdu")
    async with store.transaction() as tx:
        hers = update(t.conversation).where(t.conversation.c.id == everybody[1])
        await tx.db.execute(hers.values(state_sealed=lost))
    told = await resealed(database_url, both)
    assert (told["conversation"].unreadable, told["conversation"].left) == (1, 0)
    async with store.transaction() as tx:
        hers = select(t.conversation.c.state_sealed).where(t.conversation.c.id == everybody[1])
        assert (await tx.db.execute(hers)).scalar_one() == lost


async def test_it_never_undoes_what_was_written_meanwhile(
    store: DatabaseStore, database_url: str, both: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Between its reading and its writing, the service answers her."""
    who, *_ = await filled(store)
    write = rekeying._write

    async with opened(database_url, both) as service:

        async def late(engine: Any, table: Any, stale: Sequence[Any]) -> int:
            async with service.transaction() as tx:
                await tx.save_state(who, State(rest="newest"))
            return await write(engine, table, stale)

        monkeypatch.setattr(rekeying, "_write", late)
        await resealed(database_url, both)
        async with service.transaction() as tx:
            assert (await tx.conversation(who, NOW)).state.rest == "newest"
    assert await all_newest(store)


async def test_it_loses_nothing_while_the_service_writes(
    store: DatabaseStore, database_url: str, both: str
) -> None:
    everybody = await filled(store, 40)
    said: dict[int, str] = {}
    done = asyncio.Event()

    async def talk(service: DatabaseStore, mine: Sequence[int]) -> None:
        turn = 0
        while not done.is_set():
            for who in mine:
                turn += 1
                async with service.transaction() as tx:
                    await tx.save_state(who, State(rest=f"{who}:{turn}"))
                    await tx.add_inbound(who, f"SM-{who}-{turn}", f"{who}:{turn}", 0, "", NOW)
                said[who] = f"{who}:{turn}"
                await asyncio.sleep(0.005)  # slower than the walk, or it would never end

    async with opened(database_url, both) as service:
        talking = [asyncio.create_task(talk(service, everybody[start::2])) for start in (0, 1)]
        await asyncio.sleep(0.1)
        told = await resealed(database_url, both)
        done.set()
        await asyncio.gather(*talking)
    assert {one.left for one in told.values()} == {0}
    assert len(said) == len(everybody)
    assert await all_newest(store)
    async with opened(database_url, NEW) as after, after.transaction() as tx:
        for who, last in said.items():
            assert (await tx.conversation(who, NOW)).state.rest == last
            assert (await tx.unanswered(who))[-1].text == last


async def test_it_tells_when_somebody_still_writes_with_the_old_key(
    store: DatabaseStore, database_url: str, both: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    """One of the programs was not started again: its key must not be thrown away."""
    who, *_ = await filled(store)
    page = rekeying._page

    async def written_again(engine: Any, table: Any, columns: Any, after: Any) -> Any:
        if after is None and table is t.conversation:
            async with store.transaction() as tx:
                await tx.save_state(who, State(rest="old"))
        return await page(engine, table, columns, after)

    monkeypatch.setattr(rekeying, "_page", written_again)
    assert (await resealed(database_url, both))["conversation"].left == 1


async def test_it_waits_for_nobody(postgresql_store: DatabaseStore, postgresql_url: str, both: str) -> None:
    """A turn holds her row: it is passed over, said, and done the next time."""
    who, *_ = await filled(postgresql_store)
    async with postgresql_store.transaction() as tx:
        await tx.db.execute(select(t.conversation).where(t.conversation.c.id == who).with_for_update())
        told = await asyncio.wait_for(resealed(postgresql_url, both), 60)
    assert told["conversation"].left == 2  # her number and her state
    assert (await resealed(postgresql_url, both))["conversation"].left == 0
    assert await all_newest(postgresql_store)


# are these the keys of this database?


async def fit(url: str, keys: str) -> bool:
    engine = open_engine(url)
    try:
        return await keys_fit(engine, Cipher(keys))
    finally:
        await engine.dispose()


async def test_it_knows_its_own_keys(store: DatabaseStore, database_url: str, both: str, key: str) -> None:
    assert await fit(database_url, NEW)  # nothing to open yet
    await filled(store)
    assert await fit(database_url, key)
    assert await fit(database_url, both)
    assert not await fit(database_url, NEW)
    assert not await fit(database_url, f"{key},{NEW}")  # opens, but finds nobody again
    await resealed(database_url, both)
    assert not await fit(database_url, NEW)
    assert await fit(database_url, f"{NEW},index:{key}")


# the command


@pytest.fixture
def command(
    database_url: str, key: str, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> Callable[..., str]:
    """What `./run rekey` says on a filled database: on success, or in the sentence with which it stops."""

    async def fill() -> None:
        async with opened(database_url, key) as store:
            await filled(store)

    asyncio.run(fill())
    monkeypatch.setenv("DATABASE_URL", database_url)

    def said(keys: str, check: bool = False) -> str:
        monkeypatch.setenv("SECRET_KEYS", keys)
        try:
            assert rekey.run(Namespace(check=check)) == 0
        except NotReady as sentence:
            return str(sentence)
        return capsys.readouterr().out

    return said


def test_the_command_counts_then_seals_then_has_nothing_to_do(
    command: Callable[..., str], both: str, key: str
) -> None:
    assert "relancez ./run rekey" in command(both, check=True)
    said = command(both)
    assert "message          20 valeurs, 20 rechiffrées" in said
    assert "retirées" in said
    again = command(f"{NEW},index:{key}", check=True)
    assert "retirées" in again
    assert not [secret for secret in (NEW, key, AMINA_PHONE, KARIM_PHONE) if secret in said + again]


def test_the_command_refuses_keys_of_another_base(command: Callable[..., str]) -> None:
    assert command(NEW) == rekey.WRONG_KEYS


def test_the_command_says_that_a_key_is_missing(command: Callable[..., str], key: str) -> None:
    assert "index" in command(f"{NEW},index:{key}")  # before everything was sealed with the new one
