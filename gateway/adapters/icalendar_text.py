"""Appointments as calendars read them: a feed, an invitation, one event of a CalDAV server.

A title is seen by whoever sees the referent's calendar: never a name, a number or a reason. What she may
know is behind the link to her workspace.
"""

from collections.abc import Sequence
from datetime import date, datetime, timedelta
from functools import cache
from pathlib import Path
from typing import Literal
from zoneinfo import ZoneInfo

import yaml
from icalendar import Calendar, Event, Timezone, vCalAddress, vText

from gateway.domain.appointment import OFF, Appointment
from gateway.domain.text import cleaned

Method = Literal["REQUEST", "CANCEL"]

NAME = "Coup de pouce"
DOMAIN = "@coup-de-pouce"  # how the UIDs of our own appointments end
READ_AGAIN = timedelta(minutes=15)

_WORDS: dict[str, dict[str, str]] = yaml.safe_load(
    (Path(__file__).resolve().parents[1] / "mails" / "calendar.yml").read_text(encoding="utf-8")
)

# Outlook wants rules here, not the list of dates that is made for other zones.
_PARIS = b"""BEGIN:VTIMEZONE
TZID:Europe/Paris
BEGIN:STANDARD
DTSTART:19961027T030000
RRULE:FREQ=YEARLY;BYMONTH=10;BYDAY=-1SU
TZNAME:CET
TZOFFSETFROM:+0200
TZOFFSETTO:+0100
END:STANDARD
BEGIN:DAYLIGHT
DTSTART:19810329T020000
RRULE:FREQ=YEARLY;BYMONTH=3;BYDAY=-1SU
TZNAME:CEST
TZOFFSETFROM:+0100
TZOFFSETTO:+0200
END:DAYLIGHT
END:VTIMEZONE
"""


def feed(appointments: Sequence[Appointment], now: datetime, zone: ZoneInfo, public: str) -> bytes:
    """All of them, for a calendar that reads an address again and again. `public`: where the workspace is."""
    calendar = _calendar(zone, "PUBLISH")
    calendar.add("X-WR-CALNAME", NAME)
    calendar.add("X-WR-TIMEZONE", zone.key)
    calendar.add("REFRESH-INTERVAL", READ_AGAIN, parameters={"VALUE": "DURATION"})
    calendar.add("X-PUBLISHED-TTL", "PT15M")  # the same, for Outlook
    for appointment in appointments:
        calendar.add_component(_event(appointment, now, zone, public))
    return _written(calendar)


def invitation(
    method: Method,
    appointment: Appointment,
    now: datetime,
    zone: ZoneInfo,
    public: str,
    organizer: str,
    attendee: str,
) -> bytes:
    """One appointment to accept, or its end. `organizer`, `attendee`: bare mail addresses."""
    calendar = _calendar(zone, method)
    event = _event(appointment, now, zone, public)
    event["STATUS"] = vText("CANCELLED" if method == "CANCEL" else "CONFIRMED")
    event.add("ORGANIZER", _person(organizer, CN=NAME))
    answer = {"RSVP": "TRUE"} if method == "REQUEST" else {}
    event.add(
        "ATTENDEE",
        _person(attendee, CUTYPE="INDIVIDUAL", ROLE="REQ-PARTICIPANT", PARTSTAT="NEEDS-ACTION", **answer),
    )
    calendar.add_component(event)
    return _written(calendar)


def stored(appointment: Appointment, now: datetime, zone: ZoneInfo, public: str) -> bytes:
    """One event as a CalDAV server keeps it: without a method, and without an organizer, or it would write mails."""
    calendar = _calendar(zone)
    calendar.add_component(_event(appointment, now, zone, public))
    return _written(calendar)


def _calendar(zone: ZoneInfo, method: str = "") -> Calendar:
    calendar = Calendar()
    calendar.add("PRODID", "-//Coup de pouce//Rendez-vous//FR")
    calendar.add("VERSION", "2.0")
    calendar.add("CALSCALE", "GREGORIAN")
    if method:
        calendar.add("METHOD", method)
    calendar.add_component(_timezone(zone.key))
    return calendar


@cache
def _timezone(key: str) -> Timezone:
    if key == "Europe/Paris":
        return Timezone.from_ical(_PARIS)
    return Timezone.from_tzinfo(ZoneInfo(key), key, date(2020, 1, 1), date(2038, 1, 1))


def _event(appointment: Appointment, now: datetime, zone: ZoneInfo, public: str) -> Event:
    off = appointment.status in OFF
    event = Event()
    event.add("UID", appointment.uid)
    event.add("SEQUENCE", appointment.sequence)
    event.add("DTSTAMP", now)
    event.add("DTSTART", _wall(appointment.starts_at, zone))
    event.add("DTEND", _wall(appointment.ends_at, zone))
    event.add("SUMMARY", _WORDS["titles"][appointment.kind])
    if place := cleaned(appointment.place) or _WORDS["places"][appointment.kind]:
        event.add("LOCATION", place)
    event.add("DESCRIPTION", f"{public}/workspace/appointments/{appointment.id}")
    event.add("STATUS", "CANCELLED" if off else "CONFIRMED")
    event.add("TRANSP", "TRANSPARENT" if off else "OPAQUE")
    return event


def _wall(moment: datetime, zone: ZoneInfo) -> datetime:
    """On the wall clock; in UTC the second time that an hour comes, which the wall clock cannot tell."""
    local = moment.astimezone(zone)
    return moment if local.fold else local


def _person(address: str, **parameters: str) -> vCalAddress:
    person = vCalAddress(f"mailto:{address}")
    person.params.update(parameters)
    return person


def _written(calendar: Calendar) -> bytes:
    """CRLF, lines of 75 bytes at most."""
    return bytes(calendar.to_ical())
