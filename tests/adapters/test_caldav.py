"""A referent's own calendar: a real Radicale is read and written."""

import itertools
from collections.abc import AsyncIterator, Iterator
from datetime import datetime, timedelta
from typing import Any

import httpx2
import pytest

from gateway.adapters.icalendar_text import feed, invitation
from gateway.errors import CalendarRefused
from gateway.ports import OpenCalendar
from tests.adapters.agenda import (
    CLOCK,
    HOUR,
    MOVED,
    NAME,
    PARIS,
    PASSWORD,
    PUBLIC,
    SINCE,
    UNTIL,
    WEEKLY,
    as_shape,
    at,
    auth,
    caldav,
    hers,
    meeting,
    paris,
    put,
    shape,
    there,
    wall,
)
from tests.adapters.servers import free_port, radicale
from tests.usecases.fakes import CLAIRE

_numbers = itertools.count()


@pytest.fixture(scope="module")
def server() -> Iterator[str]:
    with radicale({NAME: PASSWORD}, free_port()) as address:
        yield address


@pytest.fixture
def calendar_url(server: str) -> str:
    """A new calendar, without an event."""
    url = f"{server}/{NAME}/work-{next(_numbers)}/"
    assert httpx2.request("MKCALENDAR", url, auth=auth(), trust_env=False).status_code == 201
    return url


@pytest.fixture
async def calendar(calendar_url: str) -> AsyncIterator[OpenCalendar]:
    async with caldav().opened(at(calendar_url)) as opened:
        yield opened


BUSY: dict[str, tuple[str, list[tuple[datetime, datetime]]]] = {
    "single": (hers(*HOUR), paris("03-25 10:00/11:00")),
    "utc": (hers("DTSTART:20270325T090000Z", "DURATION:PT45M"), paris("03-25 10:00/10:45")),
    # the clocks change on March 28
    "weekly": (hers(*WEEKLY), paris("03-23 10:00/11:00", "03-30 10:00/11:00", "04-06 10:00/11:00")),
    "but-one": (
        hers(*WEEKLY, "EXDATE;TZID=Europe/Paris:20270323T100000"),
        paris("03-30 10:00/11:00", "04-06 10:00/11:00"),
    ),
    "one-moved": (
        hers(*WEEKLY, more=MOVED),
        paris("03-23 10:00/11:00", "03-31 15:00/16:00", "04-06 10:00/11:00"),
    ),
    "by-dates": (
        hers(
            "DTSTART;TZID=Europe/Paris:20270301T080000", "DTEND;TZID=Europe/Paris:20270301T083000",
            "RDATE;TZID=Europe/Paris:20270325T080000,20270401T080000",
        ),
        paris("03-25 08:00/08:30", "04-01 08:00/08:30"),
    ),
    "under-way": (
        hers("DTSTART:20270319T220000Z", "DTEND:20270320T020000Z"),
        paris("03-20 01:00/03:00"),
    ),
    "transparent": (hers(*HOUR, "TRANSP:TRANSPARENT"), []),
    "cancelled": (hers(*HOUR, "STATUS:CANCELLED"), []),
    "tentative": (hers(*HOUR, "STATUS:TENTATIVE"), paris("03-25 10:00/11:00")),
    "weekly-transparent": (hers(*WEEKLY, "TRANSP:TRANSPARENT"), []),
    "before": (hers("DTSTART:20270310T090000Z", "DTEND:20270310T100000Z"), []),
    "after": (hers("DTSTART:20270510T090000Z", "DTEND:20270510T100000Z"), []),
    "without-length": (hers("DTSTART:20270325T090000Z"), []),
    "ours": (hers(*HOUR, uid="0123@coup-de-pouce"), []),
}  # fmt: skip


@pytest.mark.parametrize(("content", "expected"), BUSY.values(), ids=list(BUSY))
async def test_it_reads_when_she_is_busy(
    content: str, expected: list[Any], calendar: OpenCalendar, calendar_url: str
) -> None:
    put(f"{calendar_url}a.ics", content)
    assert await calendar.busy(SINCE, UNTIL) == expected


DAYS = {
    "a-day": (["DTSTART;VALUE=DATE:20270326", "DTEND;VALUE=DATE:20270327"], ["03-26"]),
    "the-short-day": (["DTSTART;VALUE=DATE:20270328", "DTEND;VALUE=DATE:20270329"], ["03-28"]),
    "two-days": (["DTSTART;VALUE=DATE:20270325", "DTEND;VALUE=DATE:20270327"], ["03-25", "03-26"]),
    "each-week": (["DTSTART;VALUE=DATE:20270303", "RRULE:FREQ=WEEKLY;COUNT=5"], ["03-24", "03-31"]),
}


@pytest.mark.parametrize(("lines", "days"), DAYS.values(), ids=list(DAYS))
async def test_it_counts_a_day_without_hours_from_midnight_to_midnight(
    lines: list[str], days: list[str], calendar: OpenCalendar, calendar_url: str
) -> None:
    put(f"{calendar_url}a.ics", hers(*lines))
    busy = await calendar.busy(SINCE, UNTIL)

    def is_busy(moment: datetime) -> bool:
        return any(start <= moment < end for start, end in busy)

    # Radicale tells such a day a second time, in UTC: the hour after midnight is not looked at
    for number in range(20):
        day = (SINCE + timedelta(days=number)).strftime("%m-%d")
        for hour in ("03:30", "09:00", "12:00", "18:00", "23:45"):
            assert is_busy(wall(f"{day} {hour}")) == (day in days), f"{day} {hour}"


async def test_it_makes_one_of_events_that_touch(calendar: OpenCalendar, calendar_url: str) -> None:
    for number, (start, end) in enumerate([("09", "10"), ("10", "11"), ("14", "16"), ("15", "15")]):
        lines = [f"DTSTART:20270325T{start}0000Z", f"DTEND:20270325T{end}3000Z"]
        put(f"{calendar_url}{number}.ics", hers(*lines, uid=f"u{number}"))
    assert await calendar.busy(SINCE, UNTIL) == paris("03-25 10:00/12:30", "03-25 15:00/17:30")


async def test_it_is_busy_where_hers_and_ours_meet(calendar: OpenCalendar, calendar_url: str) -> None:
    put(f"{calendar_url}a.ics", hers(*HOUR))
    put(f"{calendar_url}b.ics", hers(*HOUR, uid="ours@coup-de-pouce"))
    assert await calendar.busy(SINCE, UNTIL) == paris("03-25 10:00/11:00")


# our appointments, written there


async def test_it_writes_moves_and_removes(calendar: OpenCalendar, calendar_url: str) -> None:
    first = await calendar.write(meeting(), "")
    assert first
    assert [shape(e) for e in there(calendar_url)] == [as_shape(meeting())]

    moved = meeting(
        sequence=1, starts_at=wall("03-29 14:00"), ends_at=wall("03-29 14:30"), place="Mairie, 1er"
    )
    second = await calendar.write(moved, first)
    assert second not in ("", first)
    assert [shape(e) for e in there(calendar_url)] == [as_shape(moved)]

    await calendar.remove(moved.uid, second)
    assert there(calendar_url) == []


async def test_it_names_nobody_there(calendar: OpenCalendar, calendar_url: str) -> None:
    await calendar.write(meeting(), "")
    (event,) = there(calendar_url)
    assert event["DESCRIPTION"] == f"{PUBLIC}/workspace/appointments/1"
    assert not {"ATTENDEE", "ORGANIZER"} & set(event)


CHANGES = [
    "03-27 09:00",
    "03-28 01:30",
    "03-28 03:00",
    "03-29 09:00",
    "10-30 09:00",
    "10-31 02:30",
    "11-01 09:00",
]


async def test_it_keeps_the_hour_through_both_clock_changes(
    calendar: OpenCalendar, calendar_url: str
) -> None:
    meetings = [
        meeting(number, starts_at=wall(start), ends_at=wall(start) + timedelta(minutes=30))
        for number, start in enumerate(CHANGES)
    ]
    for known in meetings:
        await calendar.write(known, "")
    read = sorted(shape(e) for e in there(calendar_url))
    assert read == sorted(as_shape(known) for known in meetings)


@pytest.mark.parametrize("etag", ["", '"of-another-version"', 'W/"weak"'])
async def test_it_wins_when_the_event_was_changed_there(
    etag: str, calendar: OpenCalendar, calendar_url: str
) -> None:
    await calendar.write(meeting(), "")
    await calendar.write(meeting(sequence=1, place="Ailleurs"), etag)
    assert [shape(e) for e in there(calendar_url)] == [as_shape(meeting(sequence=1, place="Ailleurs"))]


async def test_it_writes_again_what_she_removed(calendar: OpenCalendar, calendar_url: str) -> None:
    etag = await calendar.write(meeting(), "")
    await calendar.remove(meeting().uid, etag)
    await calendar.write(meeting(sequence=1), etag)
    assert [shape(e) for e in there(calendar_url)] == [as_shape(meeting(sequence=1))]


async def test_it_finds_the_invitation_that_she_accepted_herself(
    calendar: OpenCalendar, calendar_url: str
) -> None:
    """Her mail program put it under a name of its own: one event all the same."""
    put(f"{calendar_url}by-thunderbird.ics", hers(*HOUR, uid=meeting().uid))
    etag = await calendar.write(meeting(sequence=1), "")
    assert [shape(e) for e in there(calendar_url)] == [as_shape(meeting(sequence=1))]
    await calendar.remove(meeting().uid, etag)
    assert there(calendar_url) == []


@pytest.mark.parametrize("etag", ["", '"of-another-version"'])
async def test_it_removes_what_she_changed(etag: str, calendar: OpenCalendar, calendar_url: str) -> None:
    await calendar.write(meeting(), "")
    await calendar.remove(meeting().uid, etag)
    assert there(calendar_url) == []


async def test_it_removes_what_is_not_there(calendar: OpenCalendar, calendar_url: str) -> None:
    put(f"{calendar_url}a.ics", hers(*HOUR))
    await calendar.remove(meeting().uid, '"of-before"')
    assert [str(e["UID"]) for e in there(calendar_url)] == ["hers"]


# what we publish and send, kept by a real server and read back


async def test_it_publishes_a_feed_that_a_server_can_keep(server: str) -> None:
    url = f"{server}/{NAME}/feed-{next(_numbers)}/"
    meetings = [
        meeting(number, starts_at=wall(start), ends_at=wall(start) + timedelta(minutes=30))
        for number, start in enumerate(CHANGES)
    ]
    put(url, feed(meetings, CLOCK.now(), PARIS, PUBLIC))
    assert sorted(shape(e) for e in there(url)) == sorted(as_shape(known) for known in meetings)


@pytest.mark.parametrize("start", CHANGES)
async def test_it_invites_in_a_way_that_a_server_can_keep(start: str, calendar_url: str) -> None:
    known = meeting(starts_at=wall(start), ends_at=wall(start) + timedelta(minutes=30))
    sent = invitation("REQUEST", known, CLOCK.now(), PARIS, PUBLIC, "aide@example.org", CLAIRE.email)
    put(f"{calendar_url}invite.ics", sent)
    (event,) = there(calendar_url)
    assert shape(event) == as_shape(known)
    assert event["ORGANIZER"] == "mailto:aide@example.org"


# where she says her calendar is


@pytest.mark.parametrize(
    "path", ["", "/", "/claire", "/claire/", "/.well-known/caldav", "/CALENDAR", "/CALENDAR/"]
)
async def test_it_finds_her_calendar_from_what_she_gave(path: str, server: str, calendar_url: str) -> None:
    own = calendar_url.rstrip("/").removeprefix(server)
    async with caldav().opened(at(server + path.replace("/CALENDAR", own))) as opened:
        await opened.write(meeting(7), "")
        await opened.remove(meeting(7).uid, "")


REFUSED = {
    "nothing-there": "{server}/claire/nowhere/",
    "of-somebody-else": "{server}/karim/work/",
    "no-address": "mon agenda",
    "another-scheme": "ftp://127.0.0.1/",
    "a-file": "file:///etc/passwd",
    "nobody-of-that-name": "https://agenda.invalid/",
    "empty": "",
}


@pytest.mark.parametrize("url", REFUSED.values(), ids=list(REFUSED))
async def test_it_says_that_the_address_is_wrong(url: str, server: str, calendar_url: str) -> None:
    with pytest.raises(CalendarRefused) as refused:
        async with caldav().opened(at(url.format(server=server))) as opened:
            await opened.busy(SINCE, UNTIL)
    assert "127.0.0.1" not in str(refused.value)


async def test_it_says_that_the_password_is_wrong(calendar_url: str) -> None:
    with pytest.raises(CalendarRefused) as refused:
        async with caldav().opened(at(calendar_url, "of-before")):
            pass
    assert "of-before" not in str(refused.value)
