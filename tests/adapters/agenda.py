"""A referent's own calendar in tests: her events, our appointments, servers that answer as they are told."""

from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager
from dataclasses import replace
from datetime import UTC, datetime
from typing import Any
from zoneinfo import ZoneInfo

import httpx2
from fastapi import FastAPI, Request
from fastapi.responses import Response
from icalendar import Calendar

from gateway.adapters.caldav import CalDav
from gateway.domain.appointment import Appointment
from gateway.domain.calendars import CalendarAccount
from tests.adapters.servers import free_port, served
from tests.usecases.fakes import FakeClock

PARIS = ZoneInfo("Europe/Paris")
PUBLIC = "https://coup-de-pouce.example.org"
NAME, PASSWORD = "claire", "a-password: é!"
SINCE, UNTIL = datetime(2027, 3, 20, tzinfo=UTC), datetime(2027, 4, 10, tzinfo=UTC)
CLOCK = FakeClock(datetime(2027, 3, 20, 9, tzinfo=UTC))


def auth() -> httpx2.BasicAuth:
    return httpx2.BasicAuth(NAME, PASSWORD)


def caldav(patience: float = 10.0, private: bool = True) -> CalDav:
    return CalDav(CLOCK, PARIS, PUBLIC, private, patience)


def at(url: str, password: str = PASSWORD) -> CalendarAccount:
    return CalendarAccount(url, NAME, password)


def put(url: str, content: str | bytes, **headers: str) -> None:
    kind = {"Content-Type": "text/calendar; charset=utf-8", **headers}
    answer = httpx2.put(url, content=content, headers=kind, auth=auth(), trust_env=False)
    assert answer.status_code in (200, 201, 204), answer.text


def there(url: str) -> list[Any]:
    """What the server keeps, as another calendar would read it."""
    whole = httpx2.get(url, auth=auth(), trust_env=False)
    assert whole.status_code == 200
    return list(Calendar.from_ical(whole.content).walk("VEVENT"))


ZONE = """BEGIN:VTIMEZONE
TZID:Europe/Paris
BEGIN:STANDARD
DTSTART:19961027T030000
RRULE:FREQ=YEARLY;BYMONTH=10;BYDAY=-1SU
TZOFFSETFROM:+0200
TZOFFSETTO:+0100
END:STANDARD
BEGIN:DAYLIGHT
DTSTART:19810329T020000
RRULE:FREQ=YEARLY;BYMONTH=3;BYDAY=-1SU
TZOFFSETFROM:+0100
TZOFFSETTO:+0200
END:DAYLIGHT
END:VTIMEZONE
"""


def hers(*lines: str, uid: str = "hers", more: str = "") -> str:
    """An event of her own, as Thunderbird writes it."""
    event = "\n".join([f"BEGIN:VEVENT\nUID:{uid}\nDTSTAMP:20270301T000000Z\nSUMMARY:Dentiste", *lines])
    whole = f"BEGIN:VCALENDAR\nVERSION:2.0\nPRODID:-//test\n{ZONE}{event}\nEND:VEVENT\n{more}END:VCALENDAR\n"
    return whole.replace("\n", "\r\n")


def paris(*moments: str) -> list[tuple[datetime, datetime]]:
    """ "03-25 10:00/11:00" on the wall clock in 2027."""
    found = []
    for moment in moments:
        start, _, end = moment.partition("/")
        day = start[:5]
        end = end if " " in end else f"{day} {end}"
        found.append((wall(start), wall(end)))
    return found


def wall(text: str) -> datetime:
    return datetime.strptime(f"2027-{text}", "%Y-%m-%d %H:%M").replace(tzinfo=PARIS).astimezone(UTC)


HOUR = ("DTSTART;TZID=Europe/Paris:20270325T100000", "DTEND;TZID=Europe/Paris:20270325T110000")
WEEKLY = (
    "DTSTART;TZID=Europe/Paris:20270302T100000", "DTEND;TZID=Europe/Paris:20270302T110000",
    "RRULE:FREQ=WEEKLY;UNTIL=20270406T210000Z",
)  # fmt: skip
MOVED = (
    "BEGIN:VEVENT\nUID:hers\nDTSTAMP:20270301T000000Z\nRECURRENCE-ID;TZID=Europe/Paris:20270330T100000\n"
    "DTSTART;TZID=Europe/Paris:20270331T150000\nDTEND;TZID=Europe/Paris:20270331T160000\nEND:VEVENT\n"
)


def meeting(number: int = 1, sequence: int = 0, **changes: Any) -> Appointment:
    known = Appointment(
        id=number, referent_id=1, conversation_id=3, starts_at=wall("03-25 09:00"), ends_at=wall("03-25 09:30"),
        place="Antenne de Niort", uid=f"{number:032x}@coup-de-pouce", sequence=sequence,
    )  # fmt: skip
    return replace(known, **changes)


def shape(event: Any) -> tuple[str, datetime, datetime, int, str, str]:
    moments = (event.start.astimezone(UTC), event.end.astimezone(UTC))
    return str(event["UID"]), *moments, event["SEQUENCE"], str(event["SUMMARY"]), str(event["LOCATION"])


def as_shape(known: Appointment) -> tuple[str, datetime, datetime, int, str, str]:
    return known.uid, known.starts_at, known.ends_at, known.sequence, "Rendez-vous", known.place


# servers that answer as they are told


def multistatus(href: str, properties: str, status: int = 207) -> Response:
    body = (
        '<multistatus xmlns="DAV:" xmlns:C="urn:ietf:params:xml:ns:caldav"><response>'
        f"<href>{href}</href><propstat><prop>{properties}</prop><status>HTTP/1.1 200 OK</status></propstat>"
        "</response></multistatus>"
    )
    return Response(body, status, media_type="application/xml")


Answers = Callable[[Request], Awaitable[Response]]


@asynccontextmanager
async def misbehaving(answers: Answers) -> AsyncIterator[tuple[str, list[str]]]:
    """A server that does as it likes once it has been found to be a calendar. Gives also what it was asked."""
    asked: list[str] = []
    app = FastAPI()

    @app.api_route("/{path:path}", methods=["PROPFIND", "REPORT", "PUT", "DELETE", "GET"])
    async def any_verb(request: Request, path: str) -> Response:
        asked.append(request.method)
        if request.method == "PROPFIND" and path == "cal/":
            return multistatus("/cal/", "<resourcetype><collection/><C:calendar/></resourcetype>")
        return await answers(request)

    port = free_port()
    with served(app, port):
        yield f"http://127.0.0.1:{port}", asked


def saying(response: Response) -> Answers:
    async def answers(_request: Request) -> Response:
        return response

    return answers
