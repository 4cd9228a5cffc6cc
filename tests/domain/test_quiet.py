"""The hours and days when nothing unasked goes out, through both clock changes."""

from datetime import UTC, date, datetime, timedelta
from zoneinfo import ZoneInfo

import pytest
from hypothesis import given
from hypothesis import strategies as st

from gateway.domain.quiet import QuietHours

PARIS = ZoneInfo("Europe/Paris")
# The 1st of May 2026 is a Friday, Christmas 2026 too; Easter Monday 2027 is the day after a clock change.
HOLIDAYS = {date(2026, 5, 1), date(2026, 12, 25), date(2027, 1, 1), date(2027, 3, 29)}
NIGHT = QuietHours.read("20:00-08:00", PARIS)
WITH_HOLIDAYS = QuietHours.read("20:00-08:00", PARIS, HOLIDAYS.__contains__)
SMALL_HOURS = QuietHours.read("00:00-08:00", PARIS)
NAP = QuietHours.read("12:00-14:00", PARIS)
NEVER = QuietHours.read("08:00-08:00", PARIS)
HALF_AN_HOUR_A_DAY = QuietHours.read("09:00-08:30", PARIS)


def paris(written: str) -> datetime:
    return datetime.fromisoformat(written).replace(tzinfo=PARIS)


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
        # The clocks go back at 3 on the 25th of October, and forward at 2 on the 28th of March: both are Sundays.
        ("2026-10-24T21:00", "2026-10-26T08:00"),
        ("2027-03-27T21:00", "2027-03-29T08:00"),
        ("2027-03-28T03:30", "2027-03-29T08:00"),
    ],
)
def test_it_waits_for_the_morning(now: str, over: str | None) -> None:
    assert NIGHT.over_at(paris(now)) == (paris(over) if over else None)


@pytest.mark.parametrize(
    ("now", "over"),
    [
        pytest.param("2026-11-22T00:00", "2026-11-23T08:00", id="Sunday begins at midnight"),
        pytest.param("2026-11-22T12:00", "2026-11-23T08:00", id="Sunday at noon"),
        pytest.param("2026-11-21T20:00", "2026-11-23T08:00", id="Saturday evening"),
        pytest.param("2026-11-21T19:59", None, id="Saturday is a day like another"),
        pytest.param("2026-12-25T10:00", "2026-12-26T08:00", id="Christmas"),
        pytest.param("2026-12-24T20:00", "2026-12-26T08:00", id="Christmas eve"),
        pytest.param("2026-12-24T19:59", None, id="the day before"),
        pytest.param("2027-03-27T20:00", "2027-03-30T08:00", id="Saturday before Easter, clocks forward"),
    ],
)
def test_it_rests_on_sundays_and_holidays(now: str, over: str | None) -> None:
    assert WITH_HOLIDAYS.over_at(paris(now)) == (paris(over) if over else None)


@pytest.mark.parametrize(
    ("quiet", "moment", "last"),
    [
        pytest.param(WITH_HOLIDAYS, "2026-11-23T19:59", "2026-11-23T19:59", id="permitted: as it is"),
        pytest.param(WITH_HOLIDAYS, "2026-11-23T08:00", "2026-11-23T08:00", id="the first minute"),
        pytest.param(WITH_HOLIDAYS, "2026-11-23T20:00", "2026-11-23T19:00", id="in the evening"),
        pytest.param(WITH_HOLIDAYS, "2026-11-24T07:59", "2026-11-23T19:00", id="in the morning"),
        pytest.param(WITH_HOLIDAYS, "2026-11-22T10:00", "2026-11-21T19:00", id="Sunday: Saturday"),
        pytest.param(WITH_HOLIDAYS, "2026-11-23T07:45", "2026-11-21T19:00", id="Monday morning: Saturday"),
        pytest.param(WITH_HOLIDAYS, "2026-12-25T10:00", "2026-12-24T19:00", id="Christmas: the day before"),
        pytest.param(
            WITH_HOLIDAYS, "2027-03-30T07:00", "2027-03-27T19:00", id="Easter, a clock change in it"
        ),
        pytest.param(WITH_HOLIDAYS, "2026-10-26T07:30", "2026-10-24T19:00", id="the clocks went back"),
        pytest.param(SMALL_HOURS, "2026-11-24T03:00", "2026-11-23T23:00", id="until midnight"),
        pytest.param(SMALL_HOURS, "2026-11-22T12:00", "2026-11-21T23:00", id="until midnight on Saturday"),
        pytest.param(NAP, "2026-11-23T13:00", "2026-11-23T11:00", id="before the nap"),
        pytest.param(NAP, "2026-11-22T13:00", "2026-11-21T23:00", id="after Saturday's nap"),
        pytest.param(NEVER, "2026-11-22T13:00", "2026-11-21T23:00", id="quiet on Sundays alone"),
        pytest.param(
            HALF_AN_HOUR_A_DAY, "2026-11-23T12:00", "2026-11-23T08:30", id="less than an hour a day"
        ),
    ],
)
def test_what_falls_in_a_forbidden_hour_has_the_last_permitted_one_before(
    quiet: QuietHours, moment: str, last: str
) -> None:
    assert quiet.last_before(paris(moment)) == paris(last)


ANY_QUIET = st.sampled_from([WITH_HOLIDAYS, SMALL_HOURS, NAP, NEVER, HALF_AN_HOUR_A_DAY])
ANY_MINUTE = st.integers(0, 2 * 366 * 24 * 60).map(
    lambda minutes: datetime(2026, 1, 1, tzinfo=UTC) + timedelta(minutes=minutes)
)


@given(ANY_QUIET, ANY_MINUTE)
def test_both_neighbours_of_a_quiet_moment_are_permitted_and_nothing_between_them(
    quiet: QuietHours, moment: datetime
) -> None:
    """Minute by minute it would be the same: in between, nothing is permitted but the end of the last hour."""
    last, over = quiet.last_before(moment), quiet.over_at(moment)
    assert quiet.allows(last)
    assert last <= moment
    if over is None:
        assert last == moment
        return
    assert quiet.allows(over)
    assert over > moment
    between = [
        last + timedelta(minutes=minutes) for minutes in range(61, int((over - last).total_seconds()) // 60)
    ]
    assert not any(quiet.allows(at) for at in between)


def test_it_knows_quiet_hours_of_the_same_day() -> None:
    at = datetime(2026, 11, 23, 13, 0, tzinfo=PARIS)
    assert NAP.over_at(at) == at.replace(hour=14)
    assert NAP.over_at(at.replace(hour=15)) is None


def test_it_is_never_quiet_between_an_hour_and_itself_but_on_days_of_rest() -> None:
    assert NEVER.over_at(paris("2026-11-23T03:00")) is None
    assert NEVER.over_at(paris("2026-11-22T03:00")) == paris("2026-11-23T00:00")


def test_it_is_counted_on_the_clock_of_who_lives_elsewhere() -> None:
    """20 h in Paris is 23 h in La Réunion, and the middle of the afternoon in Guadeloupe."""
    evening = paris("2026-11-23T20:30")
    assert WITH_HOLIDAYS.over_at(evening) == paris("2026-11-24T08:00")
    assert WITH_HOLIDAYS.at_home(ZoneInfo("America/Guadeloupe")).over_at(evening) is None
    reunion = ZoneInfo("Indian/Reunion")
    assert WITH_HOLIDAYS.at_home(reunion).over_at(paris("2026-11-23T17:30")) == datetime(
        2026, 11, 24, 8, 0, tzinfo=reunion
    )


def test_a_day_of_rest_is_a_day_of_her_own_calendar() -> None:
    """Sunday at 2 in Paris is still Saturday, 21 h, in Guadeloupe; Monday at 2 is Sunday evening there."""
    there = WITH_HOLIDAYS.at_home(ZoneInfo("America/Guadeloupe"))
    assert there.allows(paris("2026-11-22T00:30"))
    assert not there.allows(paris("2026-11-23T01:00"))
    assert not there.allows(paris("2026-12-25T13:30"))


def test_at_home_is_itself_in_its_own_zone() -> None:
    assert WITH_HOLIDAYS.at_home(ZoneInfo("Europe/Paris")) is WITH_HOLIDAYS
