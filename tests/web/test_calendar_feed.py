"""A referent's calendar at its secret address, over real HTTP."""

from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from icalendar import Calendar

from gateway.adapters.database import tables as t
from gateway.domain.appointment import Appointment, Kind, Status, TimeSlot
from gateway.domain.conversation import Channel
from tests.usecases.fakes import AMINA, CLAIRE
from tests.web.service import Service, phone

PAUL = "paul.petit@example.org"


async def referent(service: Service, email: str = CLAIRE.email) -> tuple[int, str]:
    """(her id, the path of her calendar)."""
    async with service.wiring.store.transaction() as tx:
        new = CLAIRE.__class__(email, CLAIRE.name)
        referent_id = await tx.save_referent(new)
        return referent_id, f"/calendar/{await tx.calendar_secret(referent_id)}.ics"


async def booked(
    service: Service, referent_id: int, start: datetime, status: Status = Status.BOOKED, **more: Any
) -> Appointment:
    slot = TimeSlot(start, start + timedelta(minutes=30), referent_id, **more)
    async with service.wiring.store.transaction() as tx:
        who = await tx.conversation_at(Channel.SMS, phone(), start)
        made = await tx.book(who, None, slot, start)
        assert made
        if status is not Status.BOOKED:
            made = await tx.set_status(made.id, made.sequence, status, start)
        assert made
    return made


def events(content: bytes) -> dict[str, Any]:
    return {str(event["UID"]): event for event in Calendar.from_ical(content).walk("VEVENT")}


def soon(service: Service, **after: float) -> datetime:
    now = service.wiring.clock.now() + timedelta(**after)
    return now.replace(minute=0, second=0, microsecond=0).astimezone(UTC)


async def test_it_serves_her_appointments_to_her_calendar(service: Service) -> None:
    her, path = await referent(service)
    one = await booked(service, her, soon(service, days=2), place="Antenne de Niort")
    two = await booked(service, her, soon(service, days=3), kind=Kind.PHONE)
    answer = await service.http.get(path)
    assert answer.status_code == 200
    assert answer.headers["content-type"] == "text/calendar; charset=utf-8"
    assert answer.headers["cache-control"].startswith("private")
    shown = events(answer.content)
    assert set(shown) == {one.uid, two.uid}
    assert (shown[one.uid].start, shown[one.uid].end) == (one.starts_at, one.ends_at)
    assert [shown[one.uid]["LOCATION"], shown[two.uid]["LOCATION"]] == ["Antenne de Niort", "Téléphone"]
    assert f"{service.public}/workspace/appointments/{one.id}" == shown[one.uid]["DESCRIPTION"]


async def test_it_shows_no_appointment_of_a_colleague(service: Service) -> None:
    her, path = await referent(service)
    _, other = await referent(service, PAUL)
    one = await booked(service, her, soon(service, days=2))
    assert set(events((await service.http.get(path)).content)) == {one.uid}
    assert events((await service.http.get(other)).content) == {}


async def test_it_names_nobody(service: Service) -> None:
    her, path = await referent(service)
    async with service.wiring.store.transaction() as tx:
        who = await tx.conversation_at(Channel.SMS, AMINA.phone, service.wiring.clock.now())
        beneficiary = await tx.save_beneficiary(AMINA, CLAIRE.email)
        start = soon(service, days=2)
        assert await tx.book(who, beneficiary, TimeSlot(start, start + timedelta(minutes=30), her), start)
    content = (await service.http.get(path)).text
    assert "SUMMARY:Rendez-vous\r\n" in content
    assert AMINA.first_name not in content
    assert AMINA.phone[3:] not in content


WINDOW = [
    (timedelta(days=-31), Status.SEEN, None),
    (timedelta(days=-29), Status.SEEN, "CONFIRMED"),
    (timedelta(days=-29), Status.EXCUSED, "CANCELLED"),
    (timedelta(days=-31), Status.REVOKED, None),
    (timedelta(days=5), Status.REVOKED, "CANCELLED"),
    (timedelta(days=-2), Status.NOSHOW, "CONFIRMED"),
    (timedelta(days=364), Status.BOOKED, "CONFIRMED"),
    (timedelta(days=366), Status.BOOKED, None),
]


@pytest.mark.parametrize(("after", "status", "shown"), WINDOW)
async def test_it_shows_a_month_back_and_a_year_ahead(
    after: timedelta, status: Status, shown: str | None, service: Service
) -> None:
    her, path = await referent(service)
    one = await booked(service, her, soon(service, seconds=after.total_seconds()), status)
    found = events((await service.http.get(path)).content)
    assert {uid: event["STATUS"] for uid, event in found.items()} == ({one.uid: shown} if shown else {})


async def test_it_says_when_nothing_has_changed(service: Service) -> None:
    her, path = await referent(service)
    one = await booked(service, her, soon(service, days=2))
    first = await service.http.get(path)
    etag = first.headers["etag"]
    again = await service.http.get(path, headers={"If-None-Match": f'"other", {etag}'})
    assert (again.status_code, again.content, again.headers["etag"]) == (304, b"", etag)
    async with service.wiring.store.transaction() as tx:
        assert await tx.set_status(one.id, one.sequence, Status.EXCUSED, service.wiring.clock.now())
    changed = await service.http.get(path, headers={"If-None-Match": etag})
    assert changed.status_code == 200
    assert changed.headers["etag"] != etag
    assert events(changed.content)[one.uid]["SEQUENCE"] == 1


async def test_it_answers_who_only_asks_whether_it_is_there(service: Service) -> None:
    _, path = await referent(service)
    answer = await service.http.head(path)
    assert (answer.status_code, answer.content) == (200, b"")
    assert answer.headers["etag"]


WRONG = ["a", "a" * 43, "a" * 5000, "%00", "é", "..%2F..%2Fetc%2Fpasswd", "%ff", "'--", "%20"]


@pytest.mark.parametrize("secret", WRONG)
async def test_it_knows_no_other_secret(secret: str, service: Service) -> None:
    await referent(service)
    answer = await service.http.get(f"/calendar/{secret}.ics")
    assert answer.status_code in (404, 414)
    assert "BEGIN" not in answer.text


async def test_it_forgets_the_old_address_when_a_new_one_is_made(service: Service) -> None:
    her, old = await referent(service)
    async with service.wiring.store.transaction() as tx:
        new = f"/calendar/{await tx.new_calendar_secret(her)}.ics"
    assert (await service.http.get(old)).status_code == 404
    assert (await service.http.get(new)).status_code == 200


async def test_it_keeps_the_address_when_she_is_imported_again(service: Service) -> None:
    first, path = await referent(service)
    assert await referent(service) == (first, path)
    assert len(path) == len("/calendar/.ics") + 43


async def test_it_makes_one_for_who_was_imported_before_there_were_calendars(service: Service) -> None:
    her, old = await referent(service)
    async with service.wiring.store.transaction() as tx:
        await tx.db.execute(t.referent.update().values(calendar_index=None, calendar_sealed=None))
        secret = await tx.calendar_secret(her)
        assert await tx.calendar_secret(her) == secret
    assert (await service.http.get(f"/calendar/{secret}.ics")).status_code == 200
    assert (await service.http.get(old)).status_code == 404


async def test_it_writes_no_secret_in_the_log_or_in_the_clear(service: Service) -> None:
    _, path = await referent(service)
    service.log_begins()
    await service.http.get(path)
    await service.http.get("/calendar/a-wrong-secret.ics")
    secret = path.removeprefix("/calendar/").removesuffix(".ics")
    assert service.leaked(secret, "a-wrong-secret") == []
    (row,) = await service.rows(t.referent)
    assert secret not in str(row)
