"""Openings, absences, appointments, notices: kept, told to the right person, never two at one time."""

import asyncio
from dataclasses import replace
from datetime import UTC, date, datetime, time, timedelta
from typing import Any

import pytest
from sqlalchemy import insert, update

from gateway.adapters.database import tables as t
from gateway.adapters.database.store import DatabaseStore
from gateway.domain.appointment import (
    HELD_FOR,
    Absence,
    Appointment,
    Kind,
    Opening,
    Status,
    TimeSlot,
    cells,
)
from gateway.domain.conversation import Channel
from gateway.domain.people import Referent
from gateway.ports import Notice, Occupied
from tests.usecases.fakes import AMINA, AMINA_PHONE, CLAIRE, KARIM_PHONE, NOW

PAUL = Referent("paul.martin@example.org", "Paul Martin", communes=("Saint-Maixent-l'École", "Niort"))
HOUR, DAY = timedelta(hours=1), timedelta(days=1)
NINE = datetime(2026, 12, 1, 8, 0, tzinfo=UTC)  # 9 o'clock in Paris
TUESDAYS = Opening(
    1, date(2026, 12, 1), time(9), time(12), 45, Kind.PHONE, "Maison des solidarités", True,
    date(2027, 3, 30), frozenset({date(2026, 12, 22), date(2026, 12, 8)}), 24, 30,
)  # fmt: skip


def slot(after: timedelta = timedelta(), referent: int = 1, minutes: int = 30) -> TimeSlot:
    starts = NINE + after
    return TimeSlot(starts, starts + timedelta(minutes=minutes), referent, Kind.IN_PERSON, "CCAS, Niort")


@pytest.fixture
async def amina(store: DatabaseStore) -> int:
    """Her conversation; Claire is referent 1, Paul is referent 2, she is beneficiary 1."""
    async with store.transaction() as tx:
        assert [await tx.save_referent(CLAIRE), await tx.save_referent(PAUL)] == [1, 2]
        assert await tx.save_beneficiary(AMINA, CLAIRE.email) == 1
        return await tx.conversation_at(Channel.SMS, AMINA_PHONE, NOW)


@pytest.fixture
async def karim(store: DatabaseStore) -> int:
    """The conversation of somebody whom nobody imported."""
    async with store.transaction() as tx:
        return await tx.conversation_at(Channel.SMS, KARIM_PHONE, NOW)


async def booked(
    store: DatabaseStore, who: int, when: TimeSlot, beneficiary: int | None = None
) -> Appointment:
    async with store.transaction() as tx:
        made = await tx.book(who, beneficiary, when, NOW)
    assert made
    return made


async def upcoming(store: DatabaseStore, who: int, now: datetime = NOW) -> list[int]:
    async with store.transaction() as tx:
        return [one.id for one in await tx.upcoming(who, now)]


async def taken(store: DatabaseStore) -> dict[int, list[int]]:
    """Appointment's id → its cells, counted from nine o'clock."""
    found: dict[int, list[int]] = {}
    for row in sorted(await store.rows(t.occupied), key=lambda r: r["cell"]):
        found.setdefault(row["appointment_id"], []).append(row["cell"] - cells(NINE, NINE)[0])
    return found


async def set_columns(store: DatabaseStore, appointment_id: int, **values: Any) -> None:
    async with store.engine.begin() as connection:
        await connection.execute(
            update(t.appointment).where(t.appointment.c.id == appointment_id).values(**values)
        )


# openings and absences


async def test_it_gives_an_opening_back_as_it_was(store: DatabaseStore, amina: int) -> None:
    async with store.transaction() as tx:
        kept = await tx.save_opening(TUESDAYS)
        assert list(await tx.openings_of(1)) == [replace(TUESDAYS, id=kept)]
        assert list(await tx.openings_of(2)) == []


async def test_it_brings_an_opening_up_to_date(store: DatabaseStore, amina: int) -> None:
    changed = replace(TUESDAYS, slot_minutes=30, place="CCAS", exceptions=frozenset(), until=None)
    single, afternoon = replace(TUESDAYS, weekly=False), replace(TUESDAYS, start=time(14), end=time(17))
    async with store.transaction() as tx:
        kept = await tx.save_opening(TUESDAYS)
        assert await tx.save_opening(changed) == kept
        others = [await tx.save_opening(o) for o in (single, afternoon, replace(TUESDAYS, referent_id=2))]
        assert len({kept, *others}) == 4
        assert replace(changed, id=kept) in await tx.openings_of(1)


async def test_it_deletes_what_is_hers_only(store: DatabaseStore, amina: int) -> None:
    async with store.transaction() as tx:
        opening = await tx.save_opening(TUESDAYS)
        absence = await tx.save_absence(Absence(1, NINE, NINE + DAY))
        assert not await tx.delete_opening(opening, 2)
        assert not await tx.delete_absence(absence, 2)
        assert await tx.delete_opening(opening, 1)
        assert await tx.delete_absence(absence, 1)
        assert not await tx.delete_opening(opening, 1)
        assert not await tx.delete_absence(absence, 1)


async def test_it_keeps_an_absence_once_and_its_last_substitute(store: DatabaseStore, amina: int) -> None:
    away = Absence(1, NINE, NINE + DAY)
    async with store.transaction() as tx:
        kept = await tx.save_absence(away)
        assert await tx.save_absence(away) == kept
        assert await tx.save_absence(replace(away, substitute_id=2)) == kept
        later = await tx.save_absence(Absence(1, NINE + DAY, NINE + 2 * DAY))
        assert [a.id for a in await tx.absences_of(1, NOW)] == [kept, later]
        assert [a.id for a in await tx.absences_of(1, NINE + DAY)] == [later], "over at that very moment"
        assert (await tx.absences_of(1, NOW))[0] == replace(away, substitute_id=2, id=kept)


# the schedule


@pytest.mark.parametrize(
    ("opening", "found"),
    [
        pytest.param(replace(TUESDAYS, weekly=False, until=None), True, id="single"),
        pytest.param(replace(TUESDAYS, weekly=False, day=date(2026, 11, 20), until=None), False, id="over"),
        pytest.param(replace(TUESDAYS, weekly=False, day=date(2027, 1, 20), until=None), False, id="far"),
        pytest.param(replace(TUESDAYS, day=date(2025, 1, 7), until=None), True, id="weekly for long"),
        pytest.param(replace(TUESDAYS, day=date(2025, 1, 7), until=date(2026, 11, 3)), False, id="ended"),
        pytest.param(replace(TUESDAYS, day=date(2027, 1, 5)), False, id="not begun"),
        pytest.param(replace(TUESDAYS, referent_id=2), False, id="of somebody else"),
    ],
)
async def test_it_finds_the_openings_of_a_stretch(
    store: DatabaseStore, amina: int, opening: Opening, found: bool
) -> None:
    async with store.transaction() as tx:
        await tx.save_opening(opening)
        plan = await tx.schedule([1], NOW, NOW + 30 * DAY)
    assert bool(plan.openings) is found


async def test_it_brings_the_substitute_in_while_she_is_away(store: DatabaseStore, amina: int) -> None:
    hers, his = TUESDAYS, replace(TUESDAYS, referent_id=2)
    async with store.transaction() as tx:
        for opening in (hers, his):
            await tx.save_opening(opening)
        await tx.save_absence(Absence(1, NINE, NINE + DAY, substitute_id=2))
        await tx.save_absence(Absence(2, NINE + HOUR, NINE + 2 * HOUR))
        during = await tx.schedule([1], NOW, NINE + 30 * DAY)
        after = await tx.schedule([1], NINE + DAY, NINE + 30 * DAY)
    assert [o.referent_id for o in during.openings] == [1, 2]
    assert [a.referent_id for a in during.absences] == [1, 2]
    assert ([o.referent_id for o in after.openings], list(after.absences)) == ([1], [])


async def test_it_counts_as_occupied_all_that_takes_her_time(
    store: DatabaseStore, amina: int, karim: int
) -> None:
    ours, foreign, off, past = [
        await booked(store, amina, slot(after)) for after in (HOUR, 2 * HOUR, 3 * HOUR, -30 * DAY)
    ]
    await booked(store, karim, slot(referent=2))
    await set_columns(store, foreign.id, source="rdv_service_public", status="noshow")
    async with store.transaction() as tx:
        assert await tx.set_status(off.id, 0, Status.EXCUSED, NOW)
    lunch = {"referent_id": 1, "starts_at": NINE, "ends_at": NINE + HOUR}
    async with store.engine.begin() as connection:
        await connection.execute(insert(t.busy).values(lunch))
    async with store.transaction() as tx:
        plan = await tx.schedule([1], NOW, NOW + 30 * DAY)
        assert not (await tx.schedule([1], past.ends_at, NINE)).occupied, "up to there, and from there"
    assert list(plan.occupied) == [
        Occupied(1, NINE, NINE + HOUR),
        Occupied(1, ours.starts_at, ours.ends_at),
        Occupied(1, foreign.starts_at, foreign.ends_at),
    ]


async def test_it_holds_for_ten_minutes_what_she_was_offered_last(
    store: DatabaseStore, amina: int, karim: int
) -> None:
    async def held(but_for: int, now: datetime = NOW) -> set[tuple[int, datetime]]:
        async with store.transaction() as tx:
            return set((await tx.schedule([1, 2], now, NOW + 30 * DAY, but_for)).held)

    first, second, third = (slot(), slot(HOUR), slot(HOUR, referent=2))
    async with store.transaction() as tx:
        await tx.hold(amina, [first], NOW + HELD_FOR)
        await tx.hold(amina, [second, third], NOW + HELD_FOR)
        await tx.hold(karim, [second], NOW + HELD_FOR)
    assert await held(karim) == {(1, second.starts_at), (2, third.starts_at)}
    assert await held(amina) == {(1, second.starts_at)}, "karim's, of the same time slot"
    assert await held(karim, NOW + HELD_FOR) == set()
    async with store.transaction() as tx:
        assert set(await tx.offered_to(1, second.starts_at)) == {amina, karim}
        assert list(await tx.offered_to(1, first.starts_at)) == [], "it was not the last offer"
        await tx.hold(amina, [], NOW + HELD_FOR)
    assert await held(karim) == set()


# referents


async def test_it_knows_a_referent_whole(store: DatabaseStore, amina: int) -> None:
    async with store.engine.begin() as connection:
        await connection.execute(update(t.referent).where(t.referent.c.id == 2).values(leads=True))
    async with store.transaction() as tx:
        assert await tx.referent(1) == CLAIRE
        assert await tx.referent(2) == replace(PAUL, id=2, leads=True)
        assert await tx.referent(404) is None


@pytest.mark.parametrize(
    ("commune", "found"),
    [
        ("Saint-Maixent-l'École", [2]),
        ("ST MAIXENT L'ECOLE", [2]),
        ("saint maixent l ecole", [2]),
        ("niort", [2]),
        ("Maixent", []),
        ("Parthenay", []),
        ("", []),
    ],
)
async def test_it_finds_who_serves_a_commune(
    store: DatabaseStore, amina: int, commune: str, found: list[int]
) -> None:
    async with store.transaction() as tx:
        assert list(await tx.referents_of_commune(commune)) == found


# booking


async def test_it_books_with_all_that_she_will_be_told(store: DatabaseStore, amina: int) -> None:
    made = await booked(store, amina, slot(), 1)
    assert made.created_at == made.changed_at == NOW
    assert replace(made, uid="", created_at=None, changed_at=None) == Appointment(
        made.id, 1, amina, NINE, NINE + HOUR / 2, Kind.IN_PERSON, "CCAS, Niort",
        beneficiary_id=1, referent_first_name="Claire",
    )  # fmt: skip
    assert made.uid.endswith("@coup-de-pouce")
    assert len(made.uid) == 46
    assert made.uid != (await booked(store, amina, slot(HOUR))).uid
    async with store.transaction() as tx:
        assert await tx.appointment(made.id) == made
        assert await tx.appointment(404) is None


@pytest.mark.parametrize(
    ("second", "free"),
    [
        pytest.param(slot(), False, id="the same"),
        pytest.param(slot(timedelta(minutes=25)), False, id="overlaps its end"),
        pytest.param(slot(timedelta(minutes=-25)), False, id="overlaps its beginning"),
        pytest.param(slot(timedelta(minutes=10), minutes=5), False, id="within"),
        pytest.param(slot(timedelta(minutes=-10), minutes=60), False, id="around"),
        pytest.param(slot(timedelta(minutes=30)), True, id="just after"),
        pytest.param(slot(timedelta(minutes=-30)), True, id="just before"),
        pytest.param(slot(referent=2), True, id="another referent"),
    ],
)
async def test_it_gives_one_time_to_one_person(
    store: DatabaseStore, amina: int, karim: int, second: TimeSlot, free: bool
) -> None:
    first = await booked(store, amina, slot())
    async with store.transaction() as tx:
        assert bool(await tx.book(karim, None, second, NOW)) is free
        await tx.wait(karim, [1], NOW)  # the transaction of the turn goes on
    assert (await taken(store))[first.id] == [0, 1, 2, 3, 4, 5]
    assert len(await store.rows(t.appointment)) == 1 + free
    assert len(await store.rows(t.waiting)) == 1


# who may be told


async def test_it_tells_the_next_ones_first_and_none_that_is_over_or_off(
    store: DatabaseStore, amina: int
) -> None:
    late, soon, seen, off = [
        (await booked(store, amina, slot(after), 1)).id for after in (DAY, HOUR, 2 * HOUR, 3 * HOUR)
    ]
    async with store.transaction() as tx:
        assert await tx.set_status(seen, 0, Status.SEEN, NOW)
        assert await tx.set_status(off, 0, Status.REVOKED, NOW)
    assert await upcoming(store, amina) == [soon, late]
    assert await upcoming(store, amina, NINE + HOUR + timedelta(minutes=29)) == [soon, late]
    assert await upcoming(store, amina, NINE + HOUR + timedelta(minutes=30)) == [late]


async def test_it_tells_nobody_else(store: DatabaseStore, amina: int, karim: int) -> None:
    hers, unbound = await booked(store, amina, slot(), 1), await booked(store, karim, slot(HOUR))
    async with store.transaction() as tx:
        page = await tx.conversation_at(Channel.WEB, AMINA_PHONE, NOW)
    on_the_page = await booked(store, page, slot(2 * HOUR))
    assert await upcoming(store, amina) == [hers.id]
    assert await upcoming(store, karim) == [unbound.id]
    assert await upcoming(store, page) == [on_the_page.id]
    async with store.transaction() as tx:
        await tx.unbind(amina)
    assert await upcoming(store, amina) == [], "the number is nobody's any more"


async def test_it_follows_her_to_a_new_number(store: DatabaseStore, amina: int, karim: int) -> None:
    made = await booked(store, amina, slot(), 1)
    async with store.transaction() as tx:
        new = {"phone_index": store.cipher.index(KARIM_PHONE), "phone_sealed": store.cipher.seal(KARIM_PHONE)}
        await tx.db.execute(update(t.beneficiary).values(new))
    assert (await upcoming(store, amina), await upcoming(store, karim)) == ([], [made.id])


async def test_it_shows_a_referent_her_day(store: DatabaseStore, amina: int) -> None:
    second, first, off = [await booked(store, amina, slot(after)) for after in (HOUR, timedelta(), 2 * HOUR)]
    await booked(store, amina, slot(DAY))
    await booked(store, amina, slot(referent=2))
    async with store.transaction() as tx:
        gone = await tx.set_status(off.id, 0, Status.EXCUSED, NOW)
        day = await tx.appointments_of_referent(1, NINE, NINE + DAY)
        assert list(day) == [first, second, gone]
        assert list(await tx.appointments_of_referent(1, first.ends_at, second.starts_at)) == []


# moving


async def move(
    store: DatabaseStore, appointment_id: int, sequence: int, to: TimeSlot, then: timedelta = timedelta()
) -> Appointment | None:
    async with store.transaction() as tx:
        moved = await tx.move(appointment_id, sequence, to, NOW)
        await asyncio.sleep(then.total_seconds())
        return moved


@pytest.mark.parametrize(
    ("to", "its_cells"),
    [
        pytest.param(slot(HOUR), range(12, 18), id="elsewhere"),
        pytest.param(slot(timedelta(minutes=15)), range(3, 9), id="onto a part of itself"),
        pytest.param(slot(minutes=15), range(3), id="shorter"),
        pytest.param(slot(), range(6), id="nowhere"),
        pytest.param(slot(HOUR, referent=2), range(12, 18), id="to a colleague"),
        pytest.param(slot(referent=2), range(6), id="to a colleague, at the same time"),
    ],
)
async def test_it_moves_an_appointment(
    store: DatabaseStore, amina: int, to: TimeSlot, its_cells: range
) -> None:
    old = await booked(store, amina, slot(), 1)
    moved = await move(store, old.id, 0, replace(to, kind=Kind.VIDEO, place="en ligne"))
    assert moved == replace(
        old, starts_at=to.starts_at, ends_at=to.ends_at, referent_id=to.referent_id, kind=Kind.VIDEO,
        place="en ligne", sequence=1, referent_first_name="Claire" if to.referent_id == 1 else "Paul",
    )  # fmt: skip
    assert await taken(store) == {old.id: list(its_cells)}
    assert {row["referent_id"] for row in await store.rows(t.occupied)} == {to.referent_id}


async def test_it_changes_nothing_when_the_time_is_taken(
    store: DatabaseStore, amina: int, karim: int
) -> None:
    hers, his = await booked(store, amina, slot()), await booked(store, karim, slot(HOUR))
    assert await move(store, hers.id, 0, slot(timedelta(minutes=45))) is None
    async with store.transaction() as tx:
        assert await tx.appointment(hers.id) == hers
    assert await taken(store) == {hers.id: list(range(6)), his.id: list(range(12, 18))}


@pytest.mark.parametrize(
    ("columns", "sequence"),
    [
        pytest.param({}, 1, id="changed meanwhile"),
        pytest.param({"status": "seen"}, 0, id="seen"),
        pytest.param({"status": "excused"}, 0, id="cancelled"),
        pytest.param({"source": "rdv_service_public"}, 0, id="another tool's"),
    ],
)
async def test_it_does_not_move_what_is_no_longer_so(
    store: DatabaseStore, amina: int, columns: dict[str, str], sequence: int
) -> None:
    old = await booked(store, amina, slot())
    if columns:
        await set_columns(store, old.id, **columns)
    assert await move(store, old.id, sequence, slot(HOUR)) is None
    assert await move(store, 404, 0, slot(HOUR)) is None
    assert await taken(store) == {old.id: list(range(6))}


async def test_it_lets_one_of_two_sides_move_it(store: DatabaseStore, amina: int) -> None:
    old = await booked(store, amina, slot())
    sides = [slot(HOUR), slot(2 * HOUR), slot(timedelta(minutes=15)), slot(referent=2)]
    wait = timedelta(milliseconds=50)  # so that all have read it before the first commits
    moved = [m for m in await asyncio.gather(*(move(store, old.id, 0, to, wait) for to in sides)) if m]
    assert [m.sequence for m in moved] == [1]
    async with store.transaction() as tx:
        assert await tx.appointment(old.id) == moved[0]
    starts = cells(moved[0].starts_at, moved[0].ends_at)[0] - cells(NINE, NINE)[0]
    assert await taken(store) == {old.id: list(range(starts, starts + 6))}


# what becomes of it


@pytest.mark.parametrize(
    ("before", "after", "changes"),
    [
        (Status.BOOKED, Status.SEEN, True),
        (Status.SEEN, Status.NOSHOW, True),
        (Status.NOSHOW, Status.BOOKED, True),
        (Status.SEEN, Status.EXCUSED, True),
        (Status.BOOKED, Status.REVOKED, True),
        (Status.EXCUSED, Status.REVOKED, True),
        (Status.EXCUSED, Status.SEEN, True),
        (Status.REVOKED, Status.NOSHOW, True),
        (Status.EXCUSED, Status.BOOKED, False),
        (Status.REVOKED, Status.BOOKED, False),
    ],
)
async def test_it_says_what_became_of_it(
    store: DatabaseStore, amina: int, before: Status, after: Status, changes: bool
) -> None:
    made = await booked(store, amina, slot())
    async with store.transaction() as tx:
        assert await tx.set_status(made.id, 0, before, NOW)
    async with store.transaction() as tx:
        found = await tx.set_status(made.id, 1, after, NOW)
        assert await tx.set_status(made.id, 1, after, NOW) is None, "a second click, too late"
        assert await tx.set_status(404, 0, after, NOW) is None
    assert found == (replace(made, status=after, sequence=2) if changes else None)
    free = (after if changes else before) in (Status.EXCUSED, Status.REVOKED)
    assert await taken(store) == ({} if free else {made.id: list(range(6))})


async def test_it_gives_the_time_of_a_cancelled_one_to_the_next(
    store: DatabaseStore, amina: int, karim: int
) -> None:
    made = await booked(store, amina, slot())
    async with store.transaction() as tx:
        assert await tx.set_status(made.id, 0, Status.EXCUSED, NOW)
        his = await tx.book(karim, None, slot(timedelta(minutes=15)), NOW)
        assert his
        assert await tx.set_status(made.id, 1, Status.SEEN, NOW) is None, "he has a part of it"
    assert await taken(store) == {his.id: list(range(3, 9))}


async def test_it_takes_no_cell_for_another_tool(store: DatabaseStore, amina: int, karim: int) -> None:
    made = await booked(store, amina, slot())
    async with store.transaction() as tx:
        assert await tx.set_status(made.id, 0, Status.EXCUSED, NOW)
    await set_columns(store, made.id, source="rdv_service_public")
    async with store.transaction() as tx:
        assert await tx.set_status(made.id, 1, Status.SEEN, NOW)
    assert await taken(store) == {}


# waiting


async def test_it_keeps_her_place_in_the_waiting_list(store: DatabaseStore, amina: int, karim: int) -> None:
    async with store.transaction() as tx:
        await tx.wait(karim, [1], NOW)
        await tx.wait(amina, [1, 2], NOW + HOUR)
        await tx.wait(karim, [1, 2], NOW + 2 * HOUR)
        assert [list(await tx.waiting_for(who)) for who in (1, 2, 3)] == [[karim, amina]] * 2 + [[]]
        await tx.wait(karim, [2], NOW + 3 * HOUR)
        assert list(await tx.waiting_for(1)) == [amina]
        assert await tx.waits(karim)
        await tx.wait_no_more(karim)
        await tx.wait_no_more(karim)
        assert not await tx.waits(karim)
        assert list(await tx.waiting_for(2)) == [amina]


# notices, and a conversation taken over


async def test_it_says_a_notice_once_when_its_hour_has_come(store: DatabaseStore, amina: int) -> None:
    async with store.transaction() as tx:
        first = await tx.add_notice("freed:7:1", amina, "freed", {"slot": NINE.isoformat()}, NOW)
        second = await tx.add_notice("moved:7:2", amina, "moved", {}, NOW)
        assert first
        assert second
        assert await tx.add_notice("freed:7:1", amina, "freed", {}, NOW) is None
        told = Notice(first, amina, "freed", {"slot": NINE.isoformat()})
        assert await tx.notice(first) == told
        assert await tx.next_notice(amina) is None
        for one in (second, first):
            await tx.notice_is_ready(one, NOW)
        assert await tx.next_notice(amina) == told
        assert await tx.close_notice(first, NOW)
        assert not await tx.close_notice(first, NOW)
        assert await tx.notice(first) is None
        assert await tx.next_notice(amina) == Notice(second, amina, "moved", {})
        await tx.notice_is_ready(first, NOW)
        assert await tx.close_notice(second, NOW)
        assert await tx.next_notice(amina) is None
    assert NINE.isoformat().encode() not in (await store.rows(t.notice))[0]["values_sealed"]


async def test_it_tells_one_person_nothing_meant_for_another(
    store: DatabaseStore, amina: int, karim: int
) -> None:
    async with store.transaction() as tx:
        one = await tx.add_notice("freed:7:1", amina, "freed", {}, NOW)
        assert one
        await tx.notice_is_ready(one, NOW)
        assert await tx.next_notice(karim) is None


async def test_it_lends_a_conversation_to_a_referent(store: DatabaseStore, amina: int, karim: int) -> None:
    async with store.transaction() as tx:
        await tx.take_over(amina, 2, NOW)
        assert [(await tx.conversation(who, NOW)).taken_by for who in (amina, karim)] == [2, None]
        await tx.take_over(amina, None, NOW + HOUR)
        assert (await tx.conversation(amina, NOW)).taken_by is None
    assert [row["taken_at"] for row in await store.rows(t.conversation)] == [None, None]
