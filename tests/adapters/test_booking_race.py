"""Many at once: one person a time, everybody told, nobody lost, and no deadlock.

On PostgreSQL over four processes, on SQLite over the one that it has.
"""

import asyncio
import itertools
import json
import os
import sys
from asyncio.subprocess import PIPE
from collections.abc import Sequence
from dataclasses import replace

import psycopg
from sqlalchemy.engine import make_url

from gateway.adapters.database import tables as t
from gateway.adapters.database.store import DatabaseStore
from gateway.domain.appointment import cells
from gateway.domain.calendars import CalendarAccount
from gateway.domain.conversation import Channel
from gateway.settings import ROOT
from tests.adapters import racers
from tests.adapters.test_database_appointments import PAUL
from tests.usecases.fakes import CLAIRE, NOW

PROCESSES = 4
CLIENTS = 200
TIME_SLOTS = 20


async def _in_a_process(url: str, key: str, race: str, numbers: Sequence[int], start: asyncio.Barrier) -> str:
    process = await asyncio.create_subprocess_exec(
        sys.executable, "-m", "tests.adapters.racers", url, key, race, json.dumps(list(numbers)),
        cwd=ROOT, env={**os.environ, "PYTHONPATH": str(ROOT)}, stdin=PIPE, stdout=PIPE,
    )  # fmt: skip
    try:
        assert process.stdout
        assert await process.stdout.readline() == b"ready\n"
        await start.wait()
        said, _ = await process.communicate(b"go\n")
        assert process.returncode == 0
        return said.decode()
    finally:
        if process.returncode is None:
            process.kill()
            await process.wait()


async def raced(
    store: DatabaseStore, url: str, key: str, race: str, numbers: Sequence[int]
) -> list[tuple[int, int]]:
    """(number, what became of it) of all who ran."""
    if url.startswith("sqlite"):
        return await racers.run(store, race, numbers)
    start = asyncio.Barrier(PROCESSES)
    shares = [numbers[first::PROCESSES] for first in range(PROCESSES)]
    async with asyncio.timeout(300), asyncio.TaskGroup() as group:
        running = [group.create_task(_in_a_process(url, key, race, share, start)) for share in shares]
    return [(number, what) for one in running for number, what in json.loads(one.result())]


def deadlocks(url: str) -> int:
    """Since the database was made. Each process counted its own on leaving."""
    if url.startswith("sqlite"):
        return 0  # one writer at a time
    of = make_url(url)
    with psycopg.connect(
        of.set(drivername="postgresql").render_as_string(hide_password=False), autocommit=True
    ) as db:
        found = db.execute(
            "SELECT deadlocks FROM pg_stat_database WHERE datname = current_database()"
        ).fetchone()
    assert found
    return int(found[0])


async def overlaps(store: DatabaseStore) -> int:
    """How many appointments begin before the one before them has ended."""
    rows = sorted(await store.rows(t.appointment), key=lambda r: (r["referent_id"], r["starts_at"]))
    return sum(
        one["referent_id"] == two["referent_id"] and two["starts_at"] < one["ends_at"]
        for one, two in itertools.pairwise(rows)
    )


async def its_cells(store: DatabaseStore) -> None:
    """Each appointment has its own cells, and no other."""
    due = {
        (row["referent_id"], cell, row["id"])
        for row in await store.rows(t.appointment)
        for cell in cells(row["starts_at"], row["ends_at"])
    }
    kept = await store.rows(t.occupied)
    assert {(row["referent_id"], row["cell"], row["appointment_id"]) for row in kept} == due


async def people(store: DatabaseStore, count: int) -> list[int]:
    async with store.transaction() as tx:
        for referent in (CLAIRE, PAUL):
            await tx.save_referent(referent)
        return [await tx.conversation_at(Channel.SMS, f"+3363998{number:04}", NOW) for number in range(count)]


async def paired(store: DatabaseStore) -> list[int]:
    """Appointments 1 and 2 at nine o'clock, 3 and 4 half an hour later, and so on: two referents, no free time."""
    (who,) = await people(store, 1)
    made = []
    async with store.transaction() as tx:
        for number, referent in itertools.product(range(racers.PAIRS), (1, 2)):
            booked = await tx.book(who, None, racers.place(number, referent), NOW)
            assert booked
            made.append(booked.id)
    return made


async def test_it_books_twenty_of_two_hundred_and_tells_the_others(
    store: DatabaseStore, database_url: str, key: str
) -> None:
    clients = await people(store, CLIENTS)
    async with store.transaction() as tx:
        for opening in racers.OPENINGS:
            await tx.save_opening(opening)
    became = await raced(store, database_url, key, "chooses", clients)
    assert sorted(who for who, _ in became) == clients, "each is told once what became of it"
    booked = {what: who for who, what in became if what}
    assert (len(booked), sum(not what for _, what in became)) == (TIME_SLOTS, CLIENTS - TIME_SLOTS)
    kept = {row["id"]: row["conversation_id"] for row in await store.rows(t.appointment)}
    assert kept == booked
    assert await overlaps(store) == 0
    await its_cells(store)
    assert deadlocks(database_url) == 0
    waiting = {row["conversation_id"] for row in await store.rows(t.waiting)}
    assert waiting == set(clients) - set(booked.values())
    assert {row["conversation_id"] for row in await store.rows(t.hold)} <= waiting
    assert len(await store.rows(t.mail)) == TIME_SLOTS


async def test_it_lets_forty_moves_cross(store: DatabaseStore, database_url: str, key: str) -> None:
    appointments = await paired(store)
    became = await raced(store, database_url, key, "crosses", appointments)
    assert sorted(number for number, _ in became) == appointments
    assert sum(moved for _, moved in became) >= 2, "two places were free"
    sequences = {row["id"]: row["sequence"] for row in await store.rows(t.appointment)}
    assert sequences == dict(became), "each move is counted once, and none is lost"
    assert await overlaps(store) == 0
    await its_cells(store)
    assert deadlocks(database_url) == 0


async def test_it_lets_appointments_change_hands_both_ways(
    store: DatabaseStore, database_url: str, key: str
) -> None:
    (who,) = await people(store, 1)
    one, other = racers.TWO_REFERENTS
    async with store.transaction() as tx:
        for number in range(other):
            await tx.save_referent(replace(CLAIRE, email=f"referent{number}@example.org"))
        for referent in racers.TWO_REFERENTS:
            await tx.save_calendar(referent, CalendarAccount("https://calendar.example.org/", "a", "b"))
            await tx.arm("calendar", referent, NOW)
        for number, referent in itertools.product(range(racers.PAIRS), (one, other)):
            assert await tx.book(who, None, racers.place(number, referent), NOW)
    appointments = [row["id"] for row in await store.rows(t.appointment)]
    became = await raced(store, database_url, key, "changes_hands", appointments)
    assert [jobs for _, jobs in became] == [4] * len(appointments), "two mails and two calendars each"
    assert await overlaps(store) == 0
    await its_cells(store)
    assert deadlocks(database_url) == 0


async def test_it_lets_one_of_many_sides_move_it(store: DatabaseStore, database_url: str, key: str) -> None:
    await paired(store)
    became = await raced(store, database_url, key, "insists", range(20))
    ((winner, _),) = [one for one in became if one[1]]
    async with store.transaction() as tx:
        moved = await tx.appointment(1)
    assert moved
    assert (moved.sequence, moved.starts_at) == (1, racers.place(racers.PAIRS + winner, 1).starts_at)
    await its_cells(store)
    assert deadlocks(database_url) == 0


async def test_it_takes_long_stretches_in_one_order(
    store: DatabaseStore, database_url: str, key: str
) -> None:
    await people(store, 1)
    became = await raced(store, database_url, key, "stretches", range(24))
    assert sum(got for _, got in became) == len(await store.rows(t.appointment)) > 0
    assert await store.rows(t.occupied) == []
    assert deadlocks(database_url) == 0
