"""Calendars in the database, and a worker that keeps a real Radicale up to date."""

import asyncio
import itertools
from collections.abc import AsyncIterator, Iterator
from contextlib import asynccontextmanager
from dataclasses import replace
from datetime import datetime, timedelta
from typing import Any
from zoneinfo import ZoneInfo

import httpx2
import pytest
from icalendar import Calendar

from gateway.adapters.caldav import CalDav
from gateway.adapters.database import tables as t
from gateway.adapters.database.store import DatabaseStore
from gateway.domain.appointment import Appointment, Status, TimeSlot
from gateway.domain.calendars import CalendarAccount, CalendarState, Written
from gateway.domain.conversation import Channel
from gateway.usecases.booking import tell_referents
from gateway.usecases.calendars import keep_calendar
from tests.adapters.servers import free_port, radicale
from tests.adapters.work import Service
from tests.usecases.fakes import AMINA_PHONE, CLAIRE, NOW

PASSWORD = "a-password"
ACCOUNT = CalendarAccount("https://agenda.example.org/claire/", "claire", PASSWORD)
PAUL = replace(CLAIRE, email="paul.petit@example.org", name="Paul Petit")
_numbers = itertools.count()
UNTIL = NOW + timedelta(days=365)
LATER = NOW + timedelta(minutes=20)


async def referent(store: DatabaseStore, who: Any = CLAIRE) -> int:
    async with store.transaction() as tx:
        return await tx.save_referent(who)


async def book(
    store: DatabaseStore,
    referent_id: int,
    start: datetime = NOW + timedelta(days=2),
    phone: str = AMINA_PHONE,
) -> Appointment:
    async with store.transaction() as tx:
        who = await tx.conversation_at(Channel.SMS, phone, NOW)
        slot = TimeSlot(start, start + timedelta(minutes=30), referent_id, place="Antenne de Niort")
        made = await tx.book(who, None, slot, NOW)
    assert made
    return made


# the secret address


async def test_it_makes_a_secret_once_and_seals_it(store: DatabaseStore) -> None:
    her, other = await referent(store), await referent(store, PAUL)
    async with store.transaction() as tx:
        first = await tx.calendar_secret(her)
        await tx.save_referent(replace(CLAIRE, name="Claire Moreau-Petit"))
        assert await tx.calendar_secret(her) == first != await tx.calendar_secret(other)
        assert await tx.referent_by_calendar(first) == her
        assert await tx.referent_by_calendar(first[:-1]) is None
        assert await tx.referent_by_calendar("") is None
        second = await tx.new_calendar_secret(her)
        assert await tx.referent_by_calendar(first) is None
        assert await tx.referent_by_calendar(second) == her
    assert not any(second in str(row) for row in await store.rows(t.referent))


# her own calendar


async def test_it_keeps_the_account_sealed(store: DatabaseStore) -> None:
    her = await referent(store)
    async with store.transaction() as tx:
        assert (await tx.has_calendar(her), await tx.calendar_account(her)) == (False, None)
        assert await tx.calendar_state(her) is None
        await tx.save_calendar(her, ACCOUNT)
        assert (await tx.has_calendar(her), await tx.calendar_account(her)) == (True, ACCOUNT)
        assert await tx.calendar_state(her) == CalendarState(None, "", None)
    (row,) = await store.rows(t.calendar)
    assert not any(secret in str(row) for secret in (ACCOUNT.url, ACCOUNT.password, "example.org"))


async def test_it_notes_failures_until_it_answers(store: DatabaseStore) -> None:
    her = await referent(store)
    async with store.transaction() as tx:
        await tx.save_calendar(her, ACCOUNT)
        await tx.calendar_answered(her, NOW)
        await tx.calendar_failed(her, "CalendarAway", LATER)
        assert await tx.calendar_state(her) == (NOW, "CalendarAway", LATER)
        await tx.calendar_answered(her, LATER)
        assert await tx.calendar_state(her) == (LATER, "", None)


async def test_it_replaces_her_busy_times_whole(store: DatabaseStore) -> None:
    her, other = await referent(store), await referent(store, PAUL)
    first, second = [(NOW, LATER)], [(LATER, UNTIL), (NOW - timedelta(days=1), NOW)]
    async with store.transaction() as tx:
        await tx.replace_busy(other, first)
        await tx.replace_busy(her, first)
        await tx.replace_busy(her, second)
    rows = await store.rows(t.busy)
    assert {(r["referent_id"], r["starts_at"], r["ends_at"]) for r in rows} == {
        (other, *first[0]), (her, *second[0]), (her, *second[1]),
    }  # fmt: skip
    async with store.transaction() as tx:
        schedule = await tx.schedule([her], NOW - timedelta(days=2), UNTIL)
        assert len(schedule.occupied) == 2
        await tx.replace_busy(her, [])
        assert (await tx.schedule([her], NOW - timedelta(days=2), UNTIL)).occupied == []


async def test_it_writes_what_changed_since(store: DatabaseStore) -> None:
    her, other = await referent(store), await referent(store, PAUL)
    known, past = await book(store, her), await book(store, her, NOW - timedelta(days=1))
    await book(store, other)
    async with store.transaction() as tx:
        assert await tx.to_write(her, NOW, UNTIL) == [(known.id, "")]
        await tx.note_event(her, known.id, known.sequence, '"1"')
        assert await tx.to_write(her, NOW, UNTIL) == []
        slot = TimeSlot(known.starts_at + timedelta(hours=1), known.ends_at + timedelta(hours=1), her)
        moved = await tx.move(known.id, known.sequence, slot, NOW)
        assert moved
        assert await tx.to_write(her, NOW, UNTIL) == [(known.id, '"1"')]
        await tx.note_event(her, known.id, moved.sequence, "e" * 300)  # too long to keep: as if unknown
        assert await tx.to_write(her, NOW, UNTIL) == []
        assert await tx.to_remove(her) == []
    assert past.id not in [row["appointment_id"] for row in await store.rows(t.event)]


@pytest.mark.parametrize("status", [Status.EXCUSED, Status.REVOKED])
async def test_it_removes_what_was_cancelled(status: Status, store: DatabaseStore) -> None:
    her = await referent(store)
    known, never_written = await book(store, her), await book(store, her, NOW + timedelta(days=3))
    async with store.transaction() as tx:
        await tx.note_event(her, known.id, known.sequence, '"1"')
        for one in (known, never_written):
            assert await tx.set_status(one.id, one.sequence, status, NOW)
        assert await tx.to_write(her, NOW, UNTIL) == []
        assert await tx.to_remove(her) == [Written(known.id, known.uid, '"1"')]
        await tx.forget_event(her, known.id)
        assert await tx.to_remove(her) == []


async def test_it_removes_what_went_to_a_colleague(store: DatabaseStore) -> None:
    her, other = await referent(store), await referent(store, PAUL)
    known = await book(store, her)
    async with store.transaction() as tx:
        await tx.note_event(her, known.id, known.sequence, '"1"')
        slot = TimeSlot(known.starts_at, known.ends_at, other)
        assert await tx.move(known.id, known.sequence, slot, NOW)
        assert await tx.to_remove(her) == [Written(known.id, known.uid, '"1"')]
        assert (await tx.to_write(her, NOW, UNTIL), await tx.to_remove(other)) == ([], [])
        assert await tx.to_write(other, NOW, UNTIL) == [(known.id, "")]


@pytest.mark.parametrize(
    ("changed", "kept"),
    [
        (replace(ACCOUNT, password="another"), True),
        (replace(ACCOUNT, url="https://other.example.org/"), False),
        (replace(ACCOUNT, username="paul"), False),
    ],
)
async def test_it_begins_anew_in_another_calendar(
    changed: CalendarAccount, kept: bool, store: DatabaseStore
) -> None:
    her = await referent(store)
    known = await book(store, her)
    async with store.transaction() as tx:
        await tx.save_calendar(her, ACCOUNT)
        await tx.note_event(her, known.id, known.sequence, '"1"')
        await tx.replace_busy(her, [(NOW, LATER)])
        await tx.calendar_failed(her, "CalendarRefused", NOW)
        await tx.save_calendar(her, changed)
        assert await tx.calendar_account(her) == changed
        state = await tx.calendar_state(her)
        assert state
        assert state.error == ""
        assert (await tx.to_write(her, NOW, UNTIL) == []) is kept
    assert (len(await store.rows(t.busy)) == 1) is kept


async def test_it_forgets_a_calendar(store: DatabaseStore) -> None:
    her = await referent(store)
    known = await book(store, her)
    async with store.transaction() as tx:
        await tx.save_calendar(her, ACCOUNT)
        await tx.note_event(her, known.id, 0, "")
        await tx.replace_busy(her, [(NOW, LATER)])
        await tx.forget_calendar(her)
    for table in (t.calendar, t.event, t.busy):
        assert await store.rows(table) == []


# the job "calendar", with a real server


@pytest.fixture(scope="module")
def server() -> Iterator[str]:
    with radicale({"claire": PASSWORD}, free_port()) as address:
        yield address


@pytest.fixture
def url(server: str) -> str:
    url = f"{server}/claire/work-{next(_numbers)}/"
    assert httpx2.request("MKCALENDAR", url, auth=("claire", PASSWORD), trust_env=False).status_code == 201
    return url


@pytest.fixture
def service(store: DatabaseStore) -> Service:
    made = Service(store)
    made.worker.calendars = CalDav(
        made.clock, ZoneInfo("Europe/Paris"), "https://aide.example.org", private=True
    )
    return made


def there(url: str) -> dict[str, Any]:
    whole = httpx2.get(url, auth=("claire", PASSWORD), trust_env=False)
    return {str(e["UID"]): e for e in Calendar.from_ical(whole.content).walk("VEVENT")}


async def given(service: Service, url: str, password: str = PASSWORD) -> int:
    her = await referent(service.store)
    async with service.store.transaction() as tx:
        await keep_calendar(tx, her, CalendarAccount(url, "claire", password), service.clock.now())
    return her


async def state(service: Service, her: int) -> CalendarState:
    async with service.store.transaction() as tx:
        found = await tx.calendar_state(her)
    assert found
    return found


async def test_it_keeps_her_calendar_up_to_date(service: Service, url: str) -> None:
    her = await given(service, url)
    known = await book(service.store, her)
    await service.drain()
    assert await state(service, her) == (NOW, "", None)
    assert there(url)[known.uid].start == known.starts_at

    async with service.store.transaction() as tx:
        start = known.starts_at + timedelta(days=1)
        moved = await tx.move(known.id, 0, TimeSlot(start, start + timedelta(minutes=30), her), NOW)
        assert moved
        await tell_referents(tx, moved, "moved", NOW, known)  # which arms the job at once
    await service.drain()
    assert (there(url)[known.uid].start, there(url)[known.uid]["SEQUENCE"]) == (start, 1)

    async with service.store.transaction() as tx:
        off = await tx.set_status(known.id, 1, Status.EXCUSED, NOW)
        assert off
        await tell_referents(tx, off, "cancelled", NOW)
    await service.drain()
    assert there(url) == {}
    assert await service.store.rows(t.event) == []


async def test_it_reads_her_busy_times_again_each_quarter_of_an_hour(service: Service, url: str) -> None:
    her = await given(service, url)
    await book(service.store, her)
    await service.drain()
    assert await service.store.rows(t.busy) == []  # our own appointment is no obstacle
    event = (
        "BEGIN:VCALENDAR\r\nVERSION:2.0\r\nPRODID:x\r\nBEGIN:VEVENT\r\nUID:a\r\nDTSTAMP:20261101T000000Z\r\n"
        "SUMMARY:Dentiste\r\nDTSTART:20261125T130000Z\r\nDTEND:20261125T140000Z\r\nEND:VEVENT\r\nEND:VCALENDAR\r\n"
    )
    put = httpx2.put(f"{url}a.ics", content=event, auth=("claire", PASSWORD), trust_env=False)
    assert put.status_code == 201
    await service.drain(timedelta(minutes=14))
    assert await service.store.rows(t.busy) == []
    await service.drain(timedelta(minutes=1))
    (row,) = await service.store.rows(t.busy)
    assert (row["referent_id"], row["starts_at"].hour, row["ends_at"].hour) == (her, 13, 14)
    await service.drain(timedelta(minutes=15))
    assert len(await service.store.rows(t.busy)) == 1
    assert (await state(service, her)).read_at == service.clock.now()


async def test_it_shows_a_calendar_that_fails_and_goes_on_when_it_answers(service: Service, url: str) -> None:
    her = await given(service, url, "of-before")
    known = await book(service.store, her)
    await service.drain()
    assert await state(service, her) == (None, "CalendarRefused", NOW)
    assert there(url) == {}
    async with service.store.transaction() as tx:
        await keep_calendar(tx, her, CalendarAccount(url, "claire", PASSWORD), NOW)
    await service.drain()
    assert (await state(service, her)).error == ""
    assert set(there(url)) == {known.uid}


async def test_it_shows_a_server_that_is_down_and_keeps_what_it_knew(service: Service, url: str) -> None:
    her = await given(service, url)
    async with service.store.transaction() as tx:
        await tx.save_calendar(her, CalendarAccount(f"http://127.0.0.1:{free_port()}/", "claire", PASSWORD))
        await tx.replace_busy(her, [(NOW, LATER)])
    await service.drain()
    assert await state(service, her) == (None, "CalendarAway", NOW)
    assert len(await service.store.rows(t.busy)) == 1
    assert await service.waiting() == ["calendar"]  # it will be tried again


class Busybody:
    """A calendar server; the first time that it is read, somebody books meanwhile."""

    def __init__(self, store: DatabaseStore, her: int) -> None:
        self.store, self.her, self.read = store, her, 0

    @asynccontextmanager
    async def opened(self, account: CalendarAccount) -> AsyncIterator["Busybody"]:
        yield self

    async def busy(self, since: datetime, until: datetime) -> list[tuple[datetime, datetime]]:
        self.read += 1
        if self.read == 1:
            async with self.store.transaction() as tx:
                await tx.arm("calendar", self.her, NOW)
        return []

    async def write(self, appointment: Appointment, etag: str) -> str:
        return etag

    async def remove(self, uid: str, etag: str) -> None:
        pass


async def test_it_runs_again_when_an_appointment_changes_meanwhile(store: DatabaseStore) -> None:
    service = Service(store)
    her = await given(service, "https://agenda.example.org/")
    service.worker.calendars = calendar = Busybody(store, her)
    await service.drain()
    assert calendar.read == 2
    await service.drain(timedelta(minutes=14))
    assert calendar.read == 2
    await service.drain(timedelta(minutes=1))
    assert calendar.read == 3


async def test_it_opens_few_calendars_at_once(store: DatabaseStore) -> None:
    """Servers that do not answer must not hold up those who wait for a message."""
    service = Service(store)
    for number in range(6):
        her = await referent(store, replace(CLAIRE, email=f"r{number}@example.org"))
        async with store.transaction() as tx:
            await keep_calendar(tx, her, ACCOUNT, NOW)
    answer, opened = asyncio.Event(), list[int]()

    class Silent(Busybody):
        async def busy(self, since: datetime, until: datetime) -> list[tuple[datetime, datetime]]:
            opened.append(1)
            await answer.wait()
            return []

    service.worker.calendars = Silent(store, 0)
    waiting = [asyncio.create_task(service.worker.do(job)) for job in await service.worker.due()]
    await asyncio.wait(waiting, timeout=10, return_when=asyncio.FIRST_COMPLETED)
    while sum(task.done() for task in waiting) < 2:
        await asyncio.sleep(0.01)
    assert (len(waiting), len(opened)) == (6, 4)
    answer.set()
    await asyncio.gather(*waiting)
    await service.drain(timedelta(seconds=5))
    assert len(opened) == 6


async def test_it_ends_with_a_calendar_that_she_took_away(service: Service, url: str) -> None:
    her = await given(service, url)
    await service.drain()
    async with service.store.transaction() as tx:
        await tx.forget_calendar(her)
    await service.drain(timedelta(minutes=15))
    assert await service.waiting() == []
