"""What is wrong, and for how long nobody has written."""

from datetime import UTC, date, datetime, time, timedelta
from typing import Any
from zoneinfo import ZoneInfo

import pytest

from gateway.domain.quiet import QuietHours
from gateway.domain.running import FULL, Fault, Look, Spent, Standing, Waiting, by, quantile, silence

NOW = datetime(2026, 11, 23, 14, 0, tzinfo=UTC)  # a Monday, three o'clock in Paris
PARIS = ZoneInfo("Europe/Paris")
MINUTE, HOUR = timedelta(minutes=1), timedelta(hours=1)
ARMISTICE = date(2026, 11, 11)
NIGHTS = QuietHours(time(20), time(8), PARIS, lambda day: day == ARMISTICE)


def since(age: timedelta) -> Waiting:
    return Waiting(1, NOW - age)


def look(standing: Standing | None = Standing(), **more: Any) -> Look:  # noqa: B008 frozen
    return Look(NOW, standing, **{"assistant": True, "assistant_since": NOW, **more})


def test_it_is_well_when_nothing_waits() -> None:
    assert look(room=FULL).faults == []
    assert look().ready


@pytest.mark.parametrize(
    ("found", "fault"),
    [
        (look(None), Fault.DATABASE),
        (look(assistant=False), Fault.ASSISTANT),
        (look(Standing(jobs={"deliver": since(MINUTE), "mail": since(6 * MINUTE)})), Fault.WORK),
        (look(room=FULL - 1), Fault.DISK),
    ],
    ids=lambda one: one.value if isinstance(one, Fault) else "",
)
def test_it_is_not_ready(found: Look, fault: Fault) -> None:
    assert found.faults == [fault]
    assert not found.ready


@pytest.mark.parametrize(
    ("part", "well", "wrong", "fault"),
    [
        ("unanswered", 5 * MINUTE, 5 * MINUTE + timedelta(seconds=1), Fault.UNANSWERED),
        ("unsent", 5 * MINUTE, 6 * MINUTE, Fault.UNSENT),
        ("nudges", 2 * HOUR, 2 * HOUR + MINUTE, Fault.NUDGES),
        ("mails", HOUR, HOUR + MINUTE, Fault.MAILS),
    ],
)
def test_it_watches_what_waits(part: str, well: timedelta, wrong: timedelta, fault: Fault) -> None:
    assert look(Standing(**{part: since(well)})).faults == []
    found = look(Standing(**{part: since(wrong)}))
    assert found.faults == [fault]
    assert found.ready  # people are still answered


def test_it_watches_calendars_and_silence() -> None:
    found = look(Standing(calendars=1), silence=6 * HOUR + MINUTE)
    assert found.faults == [Fault.CALENDARS, Fault.SILENCE]
    assert found.ready


def test_it_says_the_gravest_first() -> None:
    assert look(Standing(calendars=1, unsent=since(HOUR)), assistant=False, room=0).faults == [
        Fault.ASSISTANT, Fault.DISK, Fault.UNSENT, Fault.CALENDARS,
    ]  # fmt: skip


def test_it_is_never_of_a_negative_age() -> None:
    """A clock that is set back."""
    assert since(-HOUR).age(NOW) == timedelta(0)
    assert Waiting().age(NOW) == timedelta(0)


@pytest.mark.parametrize(
    ("last", "hours"),
    [
        (None, 0),
        (datetime(2026, 11, 23, 13, 0, tzinfo=UTC), 1),
        (datetime(2026, 11, 23, 7, 0, tzinfo=UTC), 7),  # since eight in Paris
        (datetime(2026, 11, 23, 2, 0, tzinfo=UTC), 7),  # in the night
        (datetime(2026, 11, 21, 18, 0, tzinfo=UTC), 8),  # Saturday at seven: an hour, no Sunday, seven today
        (datetime(2026, 11, 23, 15, 0, tzinfo=UTC), 0),  # later than now
    ],
)
def test_it_counts_the_hours_when_people_write(last: datetime | None, hours: int) -> None:
    assert silence(last, NOW, NIGHTS) == hours * HOUR


def test_it_counts_no_public_holiday() -> None:
    thursday = datetime(2026, 11, 12, 8, 0, tzinfo=UTC)
    assert silence(datetime(2026, 11, 10, 18, 0, tzinfo=UTC), thursday, NIGHTS) == 2 * HOUR


def test_it_counts_until_midnight_where_nights_begin_there() -> None:
    mornings = QuietHours(time(0), time(7), PARIS)
    assert silence(datetime(2026, 11, 20, 21, 0, tzinfo=UTC), NOW, mornings) == (2 + 17 + 8) * HOUR


def test_it_looks_back_a_week() -> None:
    assert silence(datetime(2020, 1, 1, tzinfo=UTC), NOW, NIGHTS) == 6 * 12 * HOUR


@pytest.mark.parametrize(("share", "value"), [(0.5, 2.0), (0.75, 3.0), (0.95, 4.0), (1.0, 4.0), (0.0, 1.0)])
def test_it_knows_how_long_most_waited(share: float, value: float) -> None:
    assert quantile([1.0, 2.0, 3.0, 4.0], share) == value
    assert quantile([], share) is None


def test_it_adds_up_what_was_spent() -> None:
    spent = [Spent("fr", "answer", 10, 12), Spent("ar", "answer", 4, 16), Spent("ar", "invitation", 2, 6)]
    assert list(by(spent, "language").items()) == [("ar", (6, 22)), ("fr", (10, 12))]
    assert list(by(spent, "kind").items()) == [("answer", (14, 28)), ("invitation", (2, 6))]
