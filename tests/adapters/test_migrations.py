"""A database that already holds people takes a newer shape, and keeps them."""

from collections.abc import Mapping
from typing import Any

import pytest
from alembic import command
from alembic.config import Config
from sqlalchemy import MetaData, Table, insert, select

from gateway.adapters.database.engine import MIGRATIONS, Database, migrate, open_engine
from tests.usecases.fakes import NOW

ROWS: Mapping[str, Mapping[str, Any]] = {
    "referent": {
        "id": 1, "email_index": "e", "email_sealed": b"e", "name_sealed": b"n", "structure": "CCAS",
        "communes": ["Niort"],
    },
    "beneficiary": {
        "id": 1, "phone_index": "p", "phone_sealed": b"p", "language": "fr", "postal_code": "79000",
        "commune": "Niort", "audience": [], "referent_id": 1,
    },
    "conversation": {
        "id": 1, "channel": "sms", "address_index": "p", "address_sealed": b"p", "pseudonym": "x",
        "language": "fr", "language_sure": True, "reminded_on": "", "created_at": NOW,
    },
    "message": {
        "id": 1, "conversation_id": 1, "direction": "in", "text_sealed": b"t", "created_at": NOW, "media": 0,
        "carrier_stop": "", "status": "", "unsure": False, "attempts": 0, "segments": 1, "encoding": "",
        "responses": [],
    },
    "opt_out": {"conversation_id": 1, "topic": "all", "source": "she", "at": NOW},
    "callback": {"id": 1, "conversation_id": 1, "message_id": 1, "reason": "danger", "at": NOW},
}  # fmt: skip


async def moved(engine: Database, to: str, direction: Any = command.upgrade) -> None:
    config = Config()
    config.set_main_option("script_location", str(MIGRATIONS))

    def move(connection: Any) -> None:
        config.attributes["connection"] = connection
        direction(config, to)

    async with engine.begin() as connection:
        await connection.run_sync(move)


async def inhabit(engine: Database) -> None:
    def fill(connection: Any) -> None:
        for name, row in ROWS.items():
            connection.execute(insert(Table(name, MetaData(), autoload_with=connection)).values(**row))

    async with engine.begin() as connection:
        await connection.run_sync(fill)


async def kept(engine: Database) -> dict[str, list[dict[str, Any]]]:
    def read(connection: Any) -> dict[str, list[dict[str, Any]]]:
        tables = {name: Table(name, MetaData(), autoload_with=connection) for name in ROWS}
        return {
            name: [dict(row) for row in connection.execute(select(table)).mappings()]
            for name, table in tables.items()
        }

    async with engine.begin() as connection:
        found: dict[str, list[dict[str, Any]]] = await connection.run_sync(read)
    return found


@pytest.mark.parametrize("since", ["0001", "0002", "0003", "0004"])
async def test_it_keeps_everybody_in_the_newest_shape(since: str, bare_database_url: str) -> None:
    engine = open_engine(bare_database_url)
    await moved(engine, since)
    await inhabit(engine)
    before = await kept(engine)
    await migrate(engine)
    after = await kept(engine)
    await engine.dispose()
    for name, (row,) in before.items():
        assert [{column: value[column] for column in row} for value in after[name]] == [row]
    flags = (
        after["message"][0]["personal"],
        after["conversation"][0]["unbound"],
        after["referent"][0]["leads"],
    )
    assert [bool(flag) for flag in flags] == [False, False, False]


@pytest.mark.parametrize("back_to", ["0004", "0003"])
async def test_it_keeps_everybody_on_the_way_back(back_to: str, bare_database_url: str) -> None:
    engine = open_engine(bare_database_url)
    await moved(engine, back_to)
    await inhabit(engine)
    before = await kept(engine)
    await migrate(engine)
    await moved(engine, back_to, command.downgrade)
    after = await kept(engine)
    await engine.dispose()
    assert after == before
