"""Appointments as calendars read them, parsed back by icalendar."""

from dataclasses import replace
from datetime import UTC, datetime, timedelta
from typing import Any
from zoneinfo import ZoneInfo

import pytest
from hypothesis import given
from hypothesis import strategies as st
from icalendar import Calendar

from gateway.adapters.icalendar_text import feed, invitation, stored
from gateway.domain.appointment import Appointment, Kind, Status
from gateway.domain.text import cleaned
from tests.usecases.fakes import CLAIRE, NOW

PARIS, REUNION = ZoneInfo("Europe/Paris"), ZoneInfo("Indian/Reunion")
PUBLIC = "https://coup-de-pouce.example.org"
SENDER = "coup-de-pouce@example.org"

MEETING = Appointment(
    id=12, referent_id=1, conversation_id=3,
    starts_at=datetime(2026, 11, 24, 8, tzinfo=UTC), ends_at=datetime(2026, 11, 24, 8, 30, tzinfo=UTC),
    place="Antenne de Niort", uid="0123abcd@coup-de-pouce", sequence=2,
)  # fmt: skip


def events(content: bytes) -> list[Any]:
    return list(Calendar.from_ical(content).walk("VEVENT"))


def only(content: bytes) -> Any:
    (event,) = events(content)
    return event


def test_it_makes_a_feed_that_calendars_read_again() -> None:
    calendar = Calendar.from_ical(feed([MEETING, replace(MEETING, id=13, uid="b@c")], NOW, PARIS, PUBLIC))
    assert (calendar["VERSION"], calendar["METHOD"]) == ("2.0", "PUBLISH")
    assert calendar["X-WR-CALNAME"] == "Coup de pouce"
    assert calendar["REFRESH-INTERVAL"].dt == timedelta(minutes=15)
    assert [zone.tz_name for zone in calendar.timezones] == ["Europe/Paris"]
    assert calendar.get_missing_tzids() == set()
    assert [str(event["UID"]) for event in calendar.walk("VEVENT")] == [MEETING.uid, "b@c"]


def test_it_says_when_and_where() -> None:
    event = only(feed([MEETING], NOW, PARIS, PUBLIC))
    assert event["DTSTART"].params["TZID"] == "Europe/Paris"
    assert event["DTSTART"].to_ical() == b"20261124T090000"
    assert (event.start, event.end) == (MEETING.starts_at, MEETING.ends_at)
    assert event["DTSTAMP"].dt == NOW
    assert (event["SEQUENCE"], event["LOCATION"]) == (2, "Antenne de Niort")
    assert (event["STATUS"], event["TRANSP"]) == ("CONFIRMED", "OPAQUE")


TITLES = [
    (Kind.IN_PERSON, "Antenne de Niort", "Rendez-vous", "Antenne de Niort"),
    (Kind.IN_PERSON, "", "Rendez-vous", None),
    (Kind.PHONE, "", "Rendez-vous au téléphone", "Téléphone"),
    (Kind.VIDEO, "", "Rendez-vous en vidéo", "Vidéo"),
    (Kind.VIDEO, "https://visio.example.org/a", "Rendez-vous en vidéo", "https://visio.example.org/a"),
]


@pytest.mark.parametrize(("kind", "place", "title", "location"), TITLES)
def test_it_titles_without_a_name(kind: Kind, place: str, title: str, location: str | None) -> None:
    event = only(feed([replace(MEETING, kind=kind, place=place)], NOW, PARIS, PUBLIC))
    assert (event["SUMMARY"], event.get("LOCATION")) == (title, location)
    assert event["DESCRIPTION"] == f"{PUBLIC}/workspace/appointments/12"


@pytest.mark.parametrize("status", Status)
def test_it_shows_what_was_cancelled_as_free_time(status: Status) -> None:
    event = only(feed([replace(MEETING, status=status)], NOW, PARIS, PUBLIC))
    off = status in (Status.EXCUSED, Status.REVOKED)
    assert (event["STATUS"], event["TRANSP"]) == (
        ("CANCELLED", "TRANSPARENT") if off else ("CONFIRMED", "OPAQUE")
    )


def test_it_keeps_a_place_in_its_line() -> None:
    place = "2, rue de l'Hôtel ; 1er étage\r\nsonner « CMS »\x07\x00\u202e\ud800 \\n\nEND:VEVENT"
    event = only(feed([replace(MEETING, place=place)], NOW, PARIS, PUBLIC))
    assert event["LOCATION"] == "2, rue de l'Hôtel ; 1er étage\nsonner « CMS » \\n\nEND:VEVENT"


@given(st.text(max_size=200))
def test_it_gives_any_place_back(place: str) -> None:
    content = feed([replace(MEETING, place=place)], NOW, PARIS, PUBLIC)
    event = only(content)
    assert event.get("LOCATION", "") == cleaned(place)
    assert event["UID"] == MEETING.uid
    assert_written_right(content)


def assert_written_right(content: bytes) -> None:
    """CRLF at each line's end and nowhere else; 75 bytes a line."""
    assert content.endswith(b"\r\n")
    lines = content.split(b"\r\n")
    assert not any(b"\r" in line or b"\n" in line or len(line) > 75 for line in lines)


# both clock changes of a year, to the hour: UTC, then the wall clock in Paris
CHANGES = [
    (datetime(2027, 3, 27, 8, tzinfo=UTC), "20270327T090000"),
    (datetime(2027, 3, 28, 0, 30, tzinfo=UTC), "20270328T013000"),
    (datetime(2027, 3, 28, 1, 0, tzinfo=UTC), "20270328T030000"),
    (datetime(2027, 3, 29, 7, tzinfo=UTC), "20270329T090000"),
    (datetime(2026, 10, 24, 7, tzinfo=UTC), "20261024T090000"),
    (datetime(2026, 10, 25, 0, 30, tzinfo=UTC), "20261025T023000"),
    (datetime(2026, 10, 25, 1, 30, tzinfo=UTC), "20261025T013000Z"),  # the second half past two
    (datetime(2026, 10, 25, 2, 0, tzinfo=UTC), "20261025T030000"),
    (datetime(2026, 10, 26, 8, tzinfo=UTC), "20261026T090000"),
]


@pytest.mark.parametrize(("moment", "written"), CHANGES, ids=[w for _, w in CHANGES])
def test_it_stays_right_when_the_clocks_change(moment: datetime, written: str) -> None:
    moved = replace(MEETING, starts_at=moment, ends_at=moment + timedelta(minutes=30))
    event = only(feed([moved], NOW, PARIS, PUBLIC))
    assert event["DTSTART"].to_ical().decode() == written
    assert event.start.astimezone(UTC) == moment
    assert event.end.astimezone(UTC) == moment + timedelta(minutes=30)


@pytest.mark.parametrize("day", ["20270328", "20261025", "20271031", "20280326"])
def test_it_describes_paris_as_the_clocks_of_the_machine_know_it(day: str) -> None:
    """A calendar that trusts the VTIMEZONE alone finds the same moments."""
    content = feed([MEETING], NOW, PARIS, PUBLIC).replace(b"Europe/Paris", b"Here/Alone")
    content = content.replace(b"20261124T09", f"{day}T09".encode()).replace(
        b"20261124T09", f"{day}T09".encode()
    )
    start = only(content).start
    there = datetime.strptime(f"{day}T09", "%Y%m%dT%H").replace(tzinfo=PARIS)
    assert start.utcoffset() == there.utcoffset()


def test_it_serves_a_departement_far_away() -> None:
    content = feed([MEETING], NOW, REUNION, PUBLIC)
    event = only(content)
    assert event["DTSTART"].to_ical() == b"20261124T120000"
    assert event.start.astimezone(UTC) == MEETING.starts_at
    assert Calendar.from_ical(content).get_missing_tzids() == set()


# invitations


def test_it_invites() -> None:
    content = invitation("REQUEST", MEETING, NOW, PARIS, PUBLIC, SENDER, CLAIRE.email)
    assert Calendar.from_ical(content)["METHOD"] == "REQUEST"
    event = only(content)
    assert event["ORGANIZER"] == f"mailto:{SENDER}"
    assert event["ATTENDEE"] == f"mailto:{CLAIRE.email}"
    assert (event["ATTENDEE"].params["RSVP"], event["ATTENDEE"].params["PARTSTAT"]) == (
        "TRUE", "NEEDS-ACTION",
    )  # fmt: skip
    assert (event["STATUS"], event["UID"], event["SEQUENCE"]) == ("CONFIRMED", MEETING.uid, 2)
    assert_written_right(content)


def test_it_takes_an_invitation_back() -> None:
    content = invitation("CANCEL", replace(MEETING, sequence=3), NOW, PARIS, PUBLIC, SENDER, CLAIRE.email)
    assert Calendar.from_ical(content)["METHOD"] == "CANCEL"
    event = only(content)
    assert (event["STATUS"], event["UID"], event["SEQUENCE"]) == ("CANCELLED", MEETING.uid, 3)
    assert event["ATTENDEE"] == f"mailto:{CLAIRE.email}"


def test_it_stores_an_event_for_which_no_server_writes_mails() -> None:
    content = stored(MEETING, NOW, PARIS, PUBLIC)
    assert "METHOD" not in Calendar.from_ical(content)
    assert not {"ORGANIZER", "ATTENDEE"} & set(only(content))
