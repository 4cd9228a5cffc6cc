"""Free time, as she is offered it: the referent's, and her substitute's while she is away."""

from collections.abc import Sequence
from dataclasses import replace
from datetime import UTC, date, datetime, time, timedelta
from zoneinfo import ZoneInfo

import pytest

from gateway.adapters.database.diary import FARTHEST, DatabaseDiary
from gateway.adapters.database.store import DatabaseStore
from gateway.domain.appointment import HELD_FOR, Absence, Opening, TimeSlot
from gateway.domain.conversation import Channel
from gateway.domain.people import Referent
from gateway.ports import Free
from tests.usecases.fakes import AMINA_PHONE, CLAIRE, KARIM_PHONE, NOW

PARIS = ZoneInfo("Europe/Paris")
PAUL = Referent("paul.martin@example.org", "Paul Martin", communes=("Niort",))
TUESDAY, DAY = date(2026, 12, 1), timedelta(days=1)
HERS = Opening(1, TUESDAY, time(9), time(10))
HIS = Opening(2, TUESDAY, time(8), time(12))


def at(hour: int, minute: int = 0, day: date = TUESDAY) -> datetime:
    """On the wall clock of Paris."""
    return datetime.combine(day, time(hour, minute), PARIS).astimezone(UTC)


def diary(store: DatabaseStore, *holidays: date) -> DatabaseDiary:
    def of(years: Sequence[int]) -> frozenset[date]:
        return frozenset(day for day in holidays if day.year in years)

    return DatabaseDiary(store, PARIS, of)


@pytest.fixture
async def who(store: DatabaseStore) -> int:
    """A conversation; Claire is referent 1, Paul is referent 2."""
    async with store.transaction() as tx:
        assert [await tx.save_referent(CLAIRE), await tx.save_referent(PAUL)] == [1, 2]
        return await tx.conversation_at(Channel.SMS, AMINA_PHONE, NOW)


async def save(store: DatabaseStore, *these: Opening | Absence) -> None:
    async with store.transaction() as tx:
        for one in these:
            await (tx.save_opening(one) if isinstance(one, Opening) else tx.save_absence(one))


def starts(free: Free) -> list[tuple[int, datetime]]:
    return [(slot.referent_id, slot.starts_at) for slot in free.slots]


async def test_it_offers_what_is_open_and_not_taken(store: DatabaseStore, who: int) -> None:
    await save(store, HERS, HIS)
    both = await diary(store).free([1], who, NOW)
    assert starts(both) == [(1, at(9)), (1, at(9, 30))]
    assert (both.names, both.held) == ({1: "Claire"}, frozenset())
    async with store.transaction() as tx:
        assert await tx.book(who, None, both.slots[0], NOW)
    assert starts(await diary(store).free([1], who, NOW)) == [(1, at(9, 30))]


async def test_it_offers_nothing_that_cannot_be_booked(store: DatabaseStore, who: int) -> None:
    overlapping = Opening(2, TUESDAY, time(9, 10), time(11), slot_minutes=45)
    await save(store, HERS, HIS, overlapping)
    slots = (await diary(store).free([1, 2], who, NOW)).slots
    async with store.transaction() as tx:
        assert [slot for slot in slots if await tx.book(who, None, slot, NOW) is None] == []
    assert (await diary(store).free([1, 2], who, NOW)).slots == []


async def test_it_offers_the_substitute_only_while_she_is_away(store: DatabaseStore, who: int) -> None:
    away = Absence(1, at(8, 30), at(9, 45), substitute_id=2)
    await save(store, HERS, HIS, replace(HIS, day=TUESDAY + DAY), away)
    free = await diary(store).free([1], who, NOW)
    assert starts(free) == [(2, at(8, 30)), (2, at(9))], "half past nine is over too late for both"
    assert free.names == {1: "Claire", 2: "Paul"}


async def test_it_does_not_offer_a_substitute_who_is_away_too(store: DatabaseStore, who: int) -> None:
    await save(
        store,
        HERS,
        HIS,
        Absence(1, at(8), at(10), substitute_id=2),
        Absence(2, at(8), at(9), substitute_id=1),
    )
    assert starts(await diary(store).free([1], who, NOW)) == [(2, at(9)), (2, at(9, 30))]


async def test_it_offers_both_when_both_are_asked_for(store: DatabaseStore, who: int) -> None:
    await save(store, HERS, replace(HIS, start=time(10), end=time(11)), Absence(1, at(9), at(9, 30), 2))
    assert starts(await diary(store).free([1, 2], who, NOW)) == [(1, at(9, 30)), (2, at(10)), (2, at(10, 30))]


async def test_it_says_what_others_were_just_offered(store: DatabaseStore, who: int) -> None:
    await save(store, HERS)
    async with store.transaction() as tx:
        other = await tx.conversation_at(Channel.SMS, KARIM_PHONE, NOW)
        await tx.hold(other, [TimeSlot(at(9), at(9, 30), 1)], NOW + HELD_FOR)
    free = await diary(store).free([1], who, NOW)
    assert free.held == {free.slots[0]}
    assert (await diary(store).free([1], other, NOW)).held == frozenset()
    assert (await diary(store).free([1], who, NOW + HELD_FOR)).held == frozenset()


async def test_it_knows_the_holidays_of_each_year_that_it_looks_at(store: DatabaseStore, who: int) -> None:
    fridays = replace(HERS, day=date(2026, 12, 18), weekly=True, until=date(2027, 1, 8))
    await save(store, fridays)
    free = await diary(store, date(2026, 12, 25), date(2027, 1, 1)).free([1], who, NOW)
    assert sorted({slot.starts_at.date() for slot in free.slots}) == [date(2026, 12, 18), date(2027, 1, 8)]


async def test_it_offers_nothing_beyond_what_it_looked_at(store: DatabaseStore, who: int) -> None:
    far = (NOW + FARTHEST).date()
    await save(store, *(replace(HERS, day=far + days * DAY, horizon_days=500) for days in (-1, 1)))
    assert starts(await diary(store).free([1], who, NOW)) == [
        (1, at(9, day=far - DAY)),
        (1, at(9, 30, far - DAY)),
    ]


async def test_it_has_nothing_for_nobody(store: DatabaseStore, who: int) -> None:
    await save(store, HERS)
    assert await diary(store).free([], who, NOW) == Free([], frozenset(), {}, opens=False)


@pytest.mark.parametrize(
    ("opening", "somebody"),
    [
        pytest.param(HIS, True, id="to come"),
        pytest.param(replace(HIS, day=date(2026, 11, 3)), False, id="over"),
        pytest.param(replace(HIS, day=date(2025, 1, 7), weekly=True), True, id="every week"),
        pytest.param(replace(HIS, day=date(2025, 1, 7), weekly=True, until=TUESDAY), True, id="until then"),
        pytest.param(replace(HIS, day=date(2025, 1, 7), weekly=True, until=date(2026, 11, 3)), False, id="ended"),
    ],
)  # fmt: skip
async def test_it_knows_where_time_is_opened_at_all(
    store: DatabaseStore, who: int, opening: Opening, somebody: bool
) -> None:
    assert not await diary(store).somebody_opens(NOW)
    await save(store, opening)
    assert await diary(store).somebody_opens(NOW) is somebody
    assert [(await diary(store).free([one], who, NOW)).opens for one in (1, 2)] == [False, somebody]


async def test_it_tells_appointments_and_who_serves_a_commune(store: DatabaseStore, who: int) -> None:
    async with store.transaction() as tx:
        made = await tx.book(who, None, TimeSlot(at(9), at(9, 30), 2), NOW)
    assert list(await diary(store).upcoming(who, NOW)) == [made]
    assert list(await diary(store).referents_of("NIORT")) == [2]
