"""People who want the same time at the same moment, in this process or in several.

Run as a process: says "ready", begins at a line of its input, prints as JSON what became of each.
Arguments: the database's address, its key, the name of the race, the numbers of those who run.
"""

import asyncio
import contextlib
import json
import sys
from collections.abc import Awaitable, Callable, Sequence
from dataclasses import replace
from datetime import date, datetime, time, timedelta
from zoneinfo import ZoneInfo

from gateway.adapters.database.diary import DatabaseDiary
from gateway.adapters.database.engine import open_engine
from gateway.adapters.database.store import DatabaseStore
from gateway.adapters.encryption import Cipher
from gateway.domain.appointment import CELL, Book, Hold, Opening, Status, TimeSlot, Wait
from gateway.domain.timeslot import offered
from gateway.domain.wishes import Wishes
from gateway.errors import ChangedMeanwhile
from gateway.usecases.booking import record_booking, tell_referents
from tests.usecases.fakes import NOW

PARIS = ZoneInfo("Europe/Paris")
HALF_AN_HOUR = timedelta(minutes=30)
# Twenty time slots of half an hour, over four days.
OPENINGS = [Opening(1, date(2026, 12, day), time(9), time(11, 30)) for day in (1, 2, 4, 8)]
NINE = datetime(2026, 12, 1, 9, 0, tzinfo=PARIS)
PAIRS = 20  # at the same time, one with each of two referents
TRIES = 5
DAY = timedelta(days=1)
TWO_REFERENTS = (1, 9)  # a set of these two is walked in the order in which it was made


async def chooses(store: DatabaseStore, who: int) -> int:
    """She is offered three, picks one, is offered others when it is gone. Her appointment's id; 0: none is left,
    and she is on the waiting list."""
    diary = DatabaseDiary(store, PARIS, lambda years: frozenset())
    async with store.transaction() as tx:
        her = await tx.conversation(who, NOW)
    while True:
        free = await diary.free([1], who, NOW)
        three = offered(free.slots, free.held, Wishes(), (), PARIS)
        async with store.transaction() as tx:
            await record_booking(tx, her, Hold(three) if three else Wait([1]), NOW)
        if not three:
            return 0
        await asyncio.sleep(0)  # she thinks, others act
        with contextlib.suppress(ChangedMeanwhile):
            async with store.transaction() as tx:
                await record_booking(tx, her, Book(three[who % len(three)]), NOW)
                await record_booking(tx, her, Hold(), NOW)
            (booked,) = await diary.upcoming(who, NOW)
            return booked.id


def place(number: int, referent: int) -> TimeSlot:
    """Place 0 is at nine o'clock; place PAIRS, the last, is free at first."""
    starts = NINE + number * HALF_AN_HOUR
    return TimeSlot(starts, starts + HALF_AN_HOUR, referent)


async def crosses(store: DatabaseStore, who: int) -> int:
    """Appointment `who` wants its partner's place, then half of the next one, then the free one. How many it got."""
    moved = 0
    for _ in range(TRIES):
        async with store.transaction() as tx:
            partner = await tx.appointment(who + 1 if who % 2 else who - 1)
        assert partner
        hers = TimeSlot(partner.starts_at, partner.ends_at, partner.referent_id)
        late = timedelta(minutes=15)
        later = replace(hers, starts_at=hers.starts_at + late, ends_at=hers.ends_at + late)
        for wanted in (hers, later, place(PAIRS, hers.referent_id)):
            async with store.transaction() as tx:
                its = await tx.appointment(who)
                assert its
                moved += await tx.move(who, its.sequence, wanted, NOW) is not None
    return moved


async def changes_hands(store: DatabaseStore, who: int) -> int:
    """Appointment `who` goes to the other referent the day after; both calendars are to be brought up to date."""
    async with store.transaction() as tx:
        before = await tx.appointment(who)
        assert before
        other = sum(TWO_REFERENTS) - before.referent_id
        day_after = TimeSlot(before.starts_at + DAY, before.ends_at + DAY, other)
        after = await tx.move(who, before.sequence, day_after, NOW)
        assert after
        return len(await tell_referents(tx, after, "moved", NOW, before))


async def insists(store: DatabaseStore, who: int) -> int:
    """One of several sides that saw appointment 1 as it was and move it elsewhere, each where nobody is."""
    async with store.transaction() as tx:
        return int(await tx.move(1, 0, place(PAIRS + who, 1), NOW) is not None)


async def stretches(store: DatabaseStore, who: int) -> int:
    """Five hours for conversation 1, five minutes after the one before, given back at once. How often it got one."""
    starts = NINE + who * CELL
    day, got = TimeSlot(starts, starts + timedelta(hours=5), 1), 0
    for _ in range(TRIES):
        async with store.transaction() as tx:
            if booked := await tx.book(1, None, day, NOW):
                got += await tx.set_status(booked.id, 0, Status.EXCUSED, NOW) is not None
    return got


RACES: dict[str, Callable[[DatabaseStore, int], Awaitable[int]]] = {
    race.__name__: race for race in (chooses, crosses, changes_hands, insists, stretches)
}


async def run(store: DatabaseStore, race: str, numbers: Sequence[int]) -> list[tuple[int, int]]:
    """(number, what became of it), all at once."""
    came = await asyncio.gather(*(RACES[race](store, number) for number in numbers))
    return list(zip(numbers, came, strict=True))


async def main(database: str, key: str, race: str, numbers: str) -> None:
    store = DatabaseStore(open_engine(database), Cipher(key))
    await store.ready()
    print("ready", flush=True)
    sys.stdin.readline()
    print(json.dumps(await run(store, race, json.loads(numbers))))
    await store.engine.dispose()


if __name__ == "__main__":
    asyncio.run(main(*sys.argv[1:]))
