"""The hours when nothing unasked goes out, through both clock changes."""

from datetime import datetime
from zoneinfo import ZoneInfo

import pytest

from gateway.domain.quiet import QuietHours

PARIS = ZoneInfo("Europe/Paris")
NIGHT = QuietHours.read("20:00-08:00", PARIS)


@pytest.mark.parametrize(
    ("now", "over"),
    [
        ("2026-11-23T12:00", None),
        ("2026-11-23T08:00", None),
        ("2026-11-23T19:59", None),
        ("2026-11-23T20:00", "2026-11-24T08:00"),
        ("2026-11-23T23:59", "2026-11-24T08:00"),
        ("2026-11-24T00:00", "2026-11-24T08:00"),
        ("2026-11-24T07:59", "2026-11-24T08:00"),
        # The clocks go back at 3 on the 25th of October, and forward at 2 on the 28th of March.
        ("2026-10-24T21:00", "2026-10-25T08:00"),
        ("2027-03-27T21:00", "2027-03-28T08:00"),
        ("2027-03-28T03:30", "2027-03-28T08:00"),
    ],
)
def test_it_waits_for_the_morning(now: str, over: str | None) -> None:
    at = datetime.fromisoformat(now).replace(tzinfo=PARIS)
    wanted = datetime.fromisoformat(over).replace(tzinfo=PARIS) if over else None
    assert NIGHT.over_at(at) == wanted


def test_it_knows_quiet_hours_of_the_same_day() -> None:
    nap = QuietHours.read("12:00-14:00", PARIS)
    at = datetime(2026, 11, 23, 13, 0, tzinfo=PARIS)
    assert nap.over_at(at) == at.replace(hour=14)
    assert nap.over_at(at.replace(hour=15)) is None


def test_it_is_never_quiet_between_an_hour_and_itself() -> None:
    assert QuietHours.read("08:00-08:00", PARIS).over_at(datetime(2026, 11, 23, 3, 0, tzinfo=PARIS)) is None
