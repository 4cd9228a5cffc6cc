"""A campaign's turn: one message after the other, at hours when people may be written to."""

from datetime import UTC, date, datetime, time
from zoneinfo import ZoneInfo

import pytest

from gateway.domain.campaign import Audience, Reached, Results, due_for, following
from gateway.domain.quiet import QuietHours

PARIS, GUADELOUPE = ZoneInfo("Europe/Paris"), ZoneInfo("America/Guadeloupe")
QUIET = QuietHours(time(20), time(8), PARIS, lambda day: day == date(2026, 12, 25))


def at(written: str, zone: ZoneInfo = PARIS) -> datetime:
    return datetime.fromisoformat(written).replace(tzinfo=zone).astimezone(UTC)


@pytest.mark.parametrize(
    ("before", "rate", "after"),
    [
        ("2026-11-23T10:00:00", 1.0, "2026-11-23T10:00:01"),
        ("2026-11-23T10:00:00", 0.1, "2026-11-23T10:00:10"),
        ("2026-11-23T19:59:59.500", 1.0, "2026-11-24T08:00:00"),  # the night
        ("2026-11-28T19:59:59", 1.0, "2026-11-30T08:00:00"),  # Sunday
        ("2026-12-24T19:59:59", 1.0, "2026-12-26T08:00:00"),  # Christmas
    ],
)
def test_it_sends_one_after_the_other_and_rests_when_people_do(before: str, rate: float, after: str) -> None:
    assert following(at(before), rate, QUIET) == at(after)


@pytest.mark.parametrize(
    ("turn", "hour", "due"),
    [
        ("2026-11-23T10:00", None, "2026-11-23T10:00"),
        ("2026-11-23T10:00", 17, "2026-11-23T17:00"),
        ("2026-11-23T17:20", 17, "2026-11-23T17:20"),
        ("2026-11-23T18:00", 17, "2026-11-24T17:00"),
        ("2026-11-28T18:00", 17, "2026-11-30T08:00"),  # her hour falls on a Sunday
        ("2026-10-24T18:00", 10, "2026-10-26T08:00"),  # the night when clocks go back, then Sunday
    ],
)
def test_it_writes_at_her_hour(turn: str, hour: int | None, due: str) -> None:
    assert due_for(Reached(1, 1, "79000", hour), at(turn), QUIET) == at(due)


def test_it_reads_the_hour_on_the_clock_of_where_she_lives() -> None:
    there = QUIET.at_home(GUADELOUPE)
    nine_in_paris = at("2026-11-23T09:00")
    assert due_for(Reached(1, 1), nine_in_paris, there) == at("2026-11-23T08:00", GUADELOUPE)
    assert due_for(Reached(1, 1, "", 17), nine_in_paris, there) == at("2026-11-23T17:00", GUADELOUPE)


@pytest.mark.parametrize(
    "audience",
    [Audience(), Audience(False, ("Niort", "Thouars"), ("new_rsa",), ("ar", "fr"))],
)
def test_it_keeps_whom_it_was_for(audience: Audience) -> None:
    assert Audience.of(audience.filters) == audience


def test_it_is_over_when_nobody_waits() -> None:
    assert Results(preparing=True).going
    assert Results(waiting=1).going
    assert not Results(said=3).going
