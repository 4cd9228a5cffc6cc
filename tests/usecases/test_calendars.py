"""A referent's own calendar: what is planned, said to its server, and kept."""

import asyncio
from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass, field, replace
from datetime import datetime, time, timedelta
from typing import Any, cast

import pytest

from gateway.domain.appointment import Appointment, Opening
from gateway.domain.calendars import CalendarAccount, Written
from gateway.errors import CalendarAway, CalendarRefused
from gateway.ports import Transaction
from gateway.usecases.calendars import Plan, Talk, keep_calendar, planned, recorded, talked
from gateway.usecases.welcoming import welcome_referent
from tests.usecases.fakes import CLAIRE, NOW, FakeStore

ACCOUNT = CalendarAccount("https://agenda.example.org/", "claire", "a-password")
LATER = NOW + timedelta(minutes=3)
BUSY = [(NOW + timedelta(hours=2), NOW + timedelta(hours=3))]


def meeting(number: int, sequence: int = 0) -> Appointment:
    start = NOW + timedelta(days=number)
    return Appointment(
        number,
        CLAIRE.id,
        1,
        start,
        start + timedelta(minutes=30),
        uid=f"{number}@coup-de-pouce",
        sequence=sequence,
    )


GONE = Written(9, "9@coup-de-pouce", '"9"')
PLAN = Plan(CLAIRE.id, ACCOUNT, NOW + timedelta(days=61), [(meeting(1), ""), (meeting(2, 1), '"2"')], [GONE])


@dataclass
class FakeCalendar:
    """Fails where `fails` says; `said`: what it was asked, in order."""

    fails: dict[str, Exception] = field(default_factory=dict)
    said: list[tuple[Any, ...]] = field(default_factory=list)
    slow: str = ""

    @asynccontextmanager
    async def opened(self, account: CalendarAccount) -> AsyncIterator["FakeCalendar"]:
        await self._do("open", account)
        yield self

    async def busy(self, since: datetime, until: datetime) -> Sequence[tuple[datetime, datetime]]:
        await self._do("busy", since, until)
        return BUSY

    async def write(self, appointment: Appointment, etag: str) -> str:
        await self._do("write", appointment.id, etag)
        return f'"new-{appointment.id}"'

    async def remove(self, uid: str, etag: str) -> None:
        await self._do("remove", uid, etag)

    async def _do(self, what: str, *about: Any) -> None:
        if what == self.slow:
            await asyncio.sleep(30)
        self.said.append((what, *about))
        if failure := self.fails.get(what):
            raise failure


@dataclass
class FakeTransaction:
    """What the use case asks of the database, in visible lists."""

    account: CalendarAccount | None = ACCOUNT
    appointments: dict[int, Appointment] = field(default_factory=dict)
    stale: list[tuple[int, str]] = field(default_factory=list)
    gone: list[Written] = field(default_factory=list)
    openings: list[Opening] = field(default_factory=list)
    events: dict[int, tuple[int, str]] = field(default_factory=dict)
    busy: Sequence[tuple[datetime, datetime]] | None = None
    state: tuple[str, datetime] | None = None
    armed: list[tuple[str, int, datetime]] = field(default_factory=list)

    async def calendar_account(self, referent_id: int) -> CalendarAccount | None:
        return self.account

    async def save_calendar(self, referent_id: int, account: CalendarAccount) -> None:
        self.account = account

    async def to_write(self, referent_id: int, now: datetime, until: datetime) -> list[tuple[int, str]]:
        return self.stale

    async def to_remove(self, referent_id: int) -> list[Written]:
        return self.gone

    async def appointment(self, appointment_id: int) -> Appointment | None:
        return self.appointments.get(appointment_id)

    async def openings_of(self, referent_id: int) -> list[Opening]:
        return self.openings

    async def note_event(self, referent_id: int, appointment_id: int, sequence: int, etag: str) -> None:
        self.events[appointment_id] = (sequence, etag)

    async def forget_event(self, referent_id: int, appointment_id: int) -> None:
        del self.events[appointment_id]

    async def replace_busy(self, referent_id: int, stretches: Sequence[tuple[datetime, datetime]]) -> None:
        self.busy = stretches

    async def calendar_answered(self, referent_id: int, now: datetime) -> None:
        self.state = ("", now)

    async def calendar_failed(self, referent_id: int, error: str, now: datetime) -> None:
        self.state = (error, now)

    async def arm(self, kind: str, subject: int, due_at: datetime) -> int:
        self.armed.append((kind, subject, due_at))
        return 70

    @property
    def port(self) -> Transaction:
        return cast(Transaction, self)


# planned


async def test_it_plans_what_changed_and_what_is_gone() -> None:
    tx = FakeTransaction(
        appointments={1: meeting(1), 2: meeting(2, 1)}, stale=[(1, ""), (2, '"2"'), (3, "")], gone=[GONE]
    )
    assert await planned(tx.port, CLAIRE.id, NOW) == PLAN


async def test_it_plans_nothing_for_who_has_no_calendar() -> None:
    assert await planned(FakeTransaction(account=None).port, CLAIRE.id, NOW) is None


async def test_it_reads_as_far_as_her_openings_go() -> None:
    opening = Opening(CLAIRE.id, NOW.date(), time(9), time(12), horizon_days=120)
    tx = FakeTransaction(openings=[replace(opening, horizon_days=7), opening])
    plan = await planned(tx.port, CLAIRE.id, NOW)
    assert plan
    assert plan.until == NOW + timedelta(days=121)


# talked


async def test_it_reads_removes_and_writes() -> None:
    calendar = FakeCalendar()
    talk = await talked(calendar, PLAN, NOW)
    assert calendar.said == [
        ("open", ACCOUNT), ("busy", NOW, PLAN.until), ("remove", GONE.uid, GONE.etag),
        ("write", 1, ""), ("write", 2, '"2"'),
    ]  # fmt: skip
    assert talk == Talk(BUSY, [(meeting(1), '"new-1"'), (meeting(2, 1), '"new-2"')], [GONE])


FAILURES = [
    ("open", CalendarRefused("status 401"), "CalendarRefused", None, 0, 0),
    ("busy", CalendarAway("status 500"), "CalendarAway", None, 0, 0),
    ("remove", CalendarAway("status 500"), "CalendarAway", BUSY, 0, 0),
    ("write", CalendarRefused("status 403"), "CalendarRefused", BUSY, 1, 0),
    ("busy", ValueError("an event that nobody foresaw"), "CalendarAway", None, 0, 0),
]


@pytest.mark.parametrize(("where", "failure", "error", "busy", "removed", "written"), FAILURES)
async def test_it_keeps_what_was_done_before_a_failure(
    where: str, failure: Exception, error: str, busy: Any, removed: int, written: int
) -> None:
    talk = await talked(FakeCalendar({where: failure}), PLAN, NOW)
    assert (talk.error, talk.busy, len(talk.removed), len(talk.written)) == (error, busy, removed, written)
    assert "nobody foresaw" not in talk.reason


async def test_it_stops_before_its_lease_ends() -> None:
    talk = await talked(FakeCalendar(slow="write"), PLAN, NOW, deadline=0.05)
    assert (talk.error, talk.busy, talk.removed, talk.written) == ("CalendarAway", BUSY, [GONE], [])


# recorded


async def test_it_keeps_what_became_of_it() -> None:
    tx = FakeTransaction(events={9: (0, '"9"')})
    await recorded(tx.port, PLAN, Talk(BUSY, [(meeting(2, 1), '"new"')], [GONE]), LATER)
    assert tx.events == {2: (1, '"new"')}
    assert tx.busy == BUSY
    assert tx.state == ("", LATER)


async def test_it_shows_a_failure_and_keeps_what_was_known() -> None:
    tx = FakeTransaction()
    await recorded(tx.port, PLAN, Talk(None, [(meeting(1), '"new"')], error="CalendarAway"), LATER)
    assert tx.events == {1: (0, '"new"')}
    assert tx.busy is None
    assert tx.state == ("CalendarAway", LATER)


@pytest.mark.parametrize("account", [None, replace(ACCOUNT, password="another")])
async def test_it_drops_what_was_read_of_a_calendar_that_is_no_longer_hers(account: Any) -> None:
    tx = FakeTransaction(account=account)
    await recorded(tx.port, PLAN, Talk(BUSY, [(meeting(1), '"new"')]), LATER)
    assert (tx.busy, tx.events, tx.state) == (None, {}, None)


async def test_it_reads_a_new_calendar_at_once() -> None:
    tx = FakeTransaction(account=None)
    assert await keep_calendar(tx.port, CLAIRE.id, ACCOUNT, NOW) == [70]
    assert tx.account == ACCOUNT
    assert tx.armed == [("calendar", CLAIRE.id, NOW)]


# a referent's first mail


class WelcomingStore(FakeStore):
    async def calendar_secret(self, referent_id: int) -> str:
        return f"secret-of-{referent_id}"


async def test_it_welcomes_a_referent_once() -> None:
    store = WelcomingStore()
    async with store.transaction() as tx:
        first = await welcome_referent(tx, 4, CLAIRE, NOW)
        again = await welcome_referent(tx, 4, CLAIRE, LATER)
    assert (len(first), again) == (1, [])
    ((key, mail),) = store.mails.items()
    assert (key, mail.to, mail.template) == ("referent:4", CLAIRE.email, "referent")
    assert mail.values == {"first_name": "Claire", "secret": "secret-of-4"}
