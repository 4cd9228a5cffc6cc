from collections.abc import Collection, Sequence
from dataclasses import replace
from datetime import UTC, date, datetime, time, timedelta
from time import perf_counter
from zoneinfo import ZoneInfo

import pytest

from gateway.domain.appointment import Absence, Kind, Opening, TimeSlot
from gateway.domain.timeslot import offered, time_slots
from gateway.domain.wishes import Part, Wishes

PARIS = ZoneInfo("Europe/Paris")
NOW = datetime(2026, 11, 2, 7, tzinfo=UTC)  # a Monday, 8:00 in Paris
TUESDAY = date(2026, 11, 3)


def opening(start: str, end: str, day: date = TUESDAY, referent: int = 1, **changes: object) -> Opening:
    made = Opening(referent, day, time.fromisoformat(start), time.fromisoformat(end))
    return replace(made, **changes)  # type: ignore[arg-type]


def paris(day: date, at: str) -> datetime:
    return datetime.combine(day, time.fromisoformat(at), PARIS).astimezone(UTC)


def slots(
    *openings: Opening,
    absences: Sequence[Absence] = (),
    occupied: Sequence[TimeSlot] = (),
    holidays: Collection[date] = (),
    now: datetime = NOW,
) -> list[TimeSlot]:
    return time_slots(openings, absences, occupied, holidays, now, PARIS)


def starts(found: Sequence[TimeSlot]) -> list[str]:
    return [f"{s.starts_at.astimezone(PARIS):%H:%M}" for s in found]


def days(found: Sequence[TimeSlot]) -> list[str]:
    return [f"{s.starts_at.astimezone(PARIS):%d/%m}" for s in found]


# Cutting


def test_it_cuts_an_opening_and_keeps_what_it_says() -> None:
    found = slots(opening("09:00", "10:30", kind=Kind.PHONE, place="Niort"))
    assert starts(found) == ["09:00", "09:30", "10:00"]
    assert found[0] == TimeSlot(
        datetime(2026, 11, 3, 8, tzinfo=UTC), datetime(2026, 11, 3, 8, 30, tzinfo=UTC), 1, Kind.PHONE, "Niort"
    )


@pytest.mark.parametrize(
    ("start", "end", "minutes", "expected"),
    [
        ("09:00", "10:00", 45, ["09:00"]),  # never beyond the end
        ("09:00", "09:20", 30, []),
        ("09:10", "10:00", 25, ["09:10", "09:35"]),
        ("10:00", "09:00", 30, []),
        ("09:00", "10:00", 0, []),
        ("09:00", "10:00", -30, []),
        ("00:00", "01:00", 30, ["00:00", "00:30"]),
        ("23:00", "23:55", 55, ["23:00"]),
    ],
)
def test_it_never_crosses_the_end_of_an_opening(
    start: str, end: str, minutes: int, expected: list[str]
) -> None:
    assert starts(slots(opening(start, end, slot_minutes=minutes))) == expected


SPRING = [date(2026, 3, 29), date(2027, 3, 28)]  # from 2:00 to 3:00
AUTUMN = [date(2026, 10, 25), date(2027, 10, 31)]  # from 3:00 back to 2:00


@pytest.mark.parametrize(
    ("start", "end", "minutes", "expected"),
    [
        ("01:00", "04:00", 30, ["01:00", "01:30", "03:00", "03:30"]),
        ("01:00", "04:00", 60, ["01:00", "03:00"]),
        ("02:00", "03:00", 30, []),  # this opening does not exist
        ("02:15", "02:45", 15, []),
        ("02:30", "04:00", 30, ["03:00", "03:30"]),
        ("01:00", "02:30", 30, ["01:00", "01:30"]),
        ("01:45", "03:30", 45, ["01:45"]),  # 45 minutes lead to 3:30, and 3:15 overlaps
        ("01:15", "02:45", 90, []),  # it would last until 3:45
        ("09:00", "10:00", 30, ["09:00", "09:30"]),
    ],
)
@pytest.mark.parametrize("day", SPRING)
def test_it_skips_the_hour_that_does_not_exist(
    day: date, start: str, end: str, minutes: int, expected: list[str]
) -> None:
    now = paris(day, "00:00") - timedelta(days=1)
    found = slots(opening(start, end, day, slot_minutes=minutes), now=now)
    assert starts(found) == expected
    assert all(s.ends_at - s.starts_at == timedelta(minutes=minutes) for s in found)


@pytest.mark.parametrize(
    ("start", "end", "minutes", "expected"),
    [
        ("01:00", "04:00", 30, ["01:00", "01:30", "02:00", "02:30", "03:00", "03:30"]),
        ("02:00", "03:00", 30, ["02:00", "02:30"]),  # once
        ("02:00", "03:00", 60, ["02:00"]),
        ("02:30", "03:00", 30, ["02:30"]),
        ("01:00", "02:30", 30, ["01:00", "01:30", "02:00"]),
        ("01:30", "03:30", 60, ["01:30", "02:30"]),
    ],
)
@pytest.mark.parametrize("day", AUTUMN)
def test_it_uses_once_the_hour_that_exists_twice(
    day: date, start: str, end: str, minutes: int, expected: list[str]
) -> None:
    now = paris(day, "00:00") - timedelta(days=1)
    found = slots(opening(start, end, day, slot_minutes=minutes), now=now)
    assert starts(found) == expected
    assert all(s.starts_at.astimezone(PARIS).fold == 0 for s in found)
    assert all(s.ends_at - s.starts_at == timedelta(minutes=minutes) for s in found)


@pytest.mark.parametrize("change", [*SPRING, *AUTUMN])
def test_it_stays_on_the_wall_clock_when_the_clocks_change(change: date) -> None:
    tuesdays = opening("09:00", "09:30", change - timedelta(days=5), weekly=True)
    found = slots(tuesdays, now=paris(change - timedelta(days=6), "00:00"))
    assert set(starts(found)) == {"09:00"}
    assert len({s.starts_at.hour for s in found}) == 2  # in UTC


# Which days


def test_it_comes_back_each_week_until_its_end_but_for_its_exceptions() -> None:
    tuesdays = opening(
        "09:00",
        "09:30",
        date(2026, 10, 6),
        weekly=True,
        until=date(2026, 12, 1),
        exceptions=frozenset({date(2026, 11, 17)}),
    )
    assert days(slots(tuesdays)) == ["03/11", "10/11", "24/11", "01/12"]


def test_it_does_not_begin_before_its_first_day() -> None:
    assert days(slots(opening("09:00", "09:30", date(2026, 12, 22), weekly=True)))[:1] == ["22/12"]


def test_it_closes_a_weekly_opening_on_a_public_holiday_but_not_one_made_for_that_day() -> None:
    holiday = date(2026, 11, 11)
    weekly = opening("09:00", "09:30", date(2026, 11, 4), weekly=True, until=date(2026, 11, 18))
    single = opening("14:00", "14:30", holiday)
    assert days(slots(weekly, holidays={holiday})) == ["04/11", "18/11"]
    assert days(slots(weekly, single, holidays={holiday})) == ["04/11", "11/11", "18/11"]


@pytest.mark.parametrize(
    ("hours", "expected"),
    [(0, ["08:00", "08:30", "09:00"]), (1, ["09:00"]), (2, []), (-5, ["08:00", "08:30", "09:00"])],
)
def test_it_offers_nothing_sooner_than_the_notice(hours: int, expected: list[str]) -> None:
    assert starts(slots(opening("07:00", "09:30", NOW.date(), notice_hours=hours))) == expected


@pytest.mark.parametrize(("horizon", "count"), [(0, 0), (1, 1), (7, 1), (8, 2), (60, 9)])
def test_it_offers_nothing_after_the_horizon(horizon: int, count: int) -> None:
    assert len(slots(opening("09:00", "09:30", weekly=True, horizon_days=horizon))) == count


def test_it_forgets_a_single_opening_that_is_past_or_too_far() -> None:
    past, far = opening("09:00", "10:00", date(2026, 11, 1)), opening("09:00", "10:00", date(2027, 2, 1))
    assert slots(past, far) == []


# What is not free


@pytest.mark.parametrize(
    ("start", "end", "expected"),
    [
        ("09:00", "11:00", []),
        ("09:00", "09:30", ["09:30", "10:00", "10:30"]),
        ("09:40", "10:10", ["09:00", "10:30"]),
        ("09:29", "09:31", ["10:00", "10:30"]),
        ("08:00", "09:00", ["09:00", "09:30", "10:00", "10:30"]),
        ("10:07", "10:07", ["09:00", "09:30", "10:30"]),
    ],
)
def test_it_leaves_out_absences_and_what_is_occupied(start: str, end: str, expected: list[str]) -> None:
    away = Absence(1, paris(TUESDAY, start), paris(TUESDAY, end))
    busy = TimeSlot(away.starts_at, away.ends_at, 1)
    mornings = opening("09:00", "11:00")
    assert starts(slots(mornings, absences=[away])) == expected
    assert starts(slots(mornings, occupied=[busy])) == expected
    assert starts(slots(mornings, absences=[replace(away, referent_id=2)])) == [
        "09:00",
        "09:30",
        "10:00",
        "10:30",
    ]


def test_it_leaves_out_an_absence_of_several_days() -> None:
    daily = [opening("09:00", "09:30", TUESDAY + timedelta(days=n)) for n in range(5)]
    away = Absence(1, paris(date(2026, 11, 3), "12:00"), paris(date(2026, 11, 6), "09:00"))
    assert days(slots(*daily, absences=[away])) == ["03/11", "06/11", "07/11"]


@pytest.mark.parametrize(
    ("others", "expected"),
    [
        ([("09:00", "10:00", 30)], ["09:00", "09:30", "10:00", "10:30"]),  # the same twice
        ([("09:15", "11:15", 30)], ["09:00", "09:30", "10:00", "10:30"]),
        ([("10:30", "12:00", 45)], ["09:00", "09:30", "10:00", "10:30", "11:15"]),
        ([("08:45", "09:45", 60)], ["08:45", "10:00", "10:30"]),
        ([("09:00", "12:00", 20)], ["09:00", "09:20", "09:40", "10:00", "10:20", "10:40", "11:00", "11:20", "11:40"]),
    ],
)  # fmt: skip
def test_it_keeps_the_earlier_of_two_that_overlap(
    others: list[tuple[str, str, int]], expected: list[str]
) -> None:
    more = [opening(a, z, slot_minutes=minutes) for a, z, minutes in others]
    assert starts(slots(opening("09:00", "11:00"), *more)) == expected
    assert starts(slots(*more, opening("09:00", "11:00"))) == expected


def test_it_lets_two_referents_receive_at_the_same_time() -> None:
    found = slots(opening("09:00", "09:30", referent=2), opening("09:00", "09:30", referent=1))
    assert [s.referent_id for s in found] == [1, 2]


def test_it_fills_with_another_opening_what_is_no_longer_free() -> None:
    usual, other = opening("09:00", "11:00"), opening("09:10", "09:30", slot_minutes=20)
    busy = TimeSlot(paris(TUESDAY, "09:00"), paris(TUESDAY, "09:10"), 1)
    assert starts(slots(usual, other, occupied=[busy])) == ["09:10", "09:30", "10:00", "10:30"]


def test_it_keeps_what_was_offered_while_the_notice_passes() -> None:
    usual, other = opening("09:00", "11:00"), opening("09:15", "11:15", slot_minutes=45)
    offered_before = slots(usual, other, now=paris(TUESDAY, "04:50"))[1:]
    assert starts(offered_before) == ["09:30", "10:00", "10:30"]
    assert slots(usual, other, now=paris(TUESDAY, "05:05")) == offered_before


def test_it_sorts_and_is_fast() -> None:
    everyone = [
        opening(start, end, TUESDAY + timedelta(days=day), referent, weekly=True)
        for referent in range(50)
        for day in range(7)
        for start, end in (("09:00", "12:00"), ("14:00", "17:00"))
    ]
    taken = []
    for _ in range(3):
        before = perf_counter()
        found = slots(*everyone)
        taken.append(perf_counter() - before)
    assert len(found) == 50 * 60 * 12
    assert [s.starts_at for s in found] == sorted(s.starts_at for s in found)
    assert min(taken) < 1  # ten times what it takes on a quiet machine


# Choosing three

ALL_DAY = [
    opening(start, end, date(2026, 11, 3) + timedelta(days=day), weekly=True)
    for day in (0, 1, 2, 3, 6)  # Tuesday to Friday, and Monday
    for start, end in (("09:00", "12:00"), ("14:00", "18:00"))
]
MONTHS = slots(*ALL_DAY)


def shown(found: Sequence[TimeSlot]) -> list[str]:
    return [f"{s.starts_at.astimezone(PARIS):%a %d/%m %H:%M}" for s in found]


ANY = Wishes()


def three(
    free: Sequence[TimeSlot] = MONTHS,
    held: Collection[TimeSlot] = (),
    wishes: Wishes = ANY,
    seen: Collection[tuple[int, datetime]] = (),
) -> list[TimeSlot]:
    return offered(free, held, wishes, seen, PARIS)


def test_it_offers_one_soon_one_a_bit_later_one_the_week_after() -> None:
    assert shown(three()) == ["Tue 03/11 09:00", "Thu 05/11 14:00", "Tue 10/11 17:00"]


def test_it_stays_within_two_weeks_when_they_have_enough() -> None:
    seen: list[tuple[int, datetime]] = []
    for _ in range(5):
        found = three(seen=seen)
        seen += [(s.referent_id, s.starts_at) for s in found]
        assert len({s.starts_at.date() for s in found}) == 3
        assert len({s.starts_at.astimezone(PARIS).hour // 12 for s in found}) == 2
    assert max(at for _, at in seen) < MONTHS[0].starts_at + timedelta(days=15)
    assert len(set(seen)) == 15


@pytest.mark.parametrize(
    ("wishes", "expected"),
    [
        (Wishes(days=frozenset({3})), ["Wed 04/11 09:00", "Wed 11/11 14:00", "Wed 18/11 17:00"]),
        (Wishes(dates=frozenset({date(2026, 11, 5)})), ["Thu 05/11 09:00", "Thu 05/11 14:00", "Thu 05/11 17:00"]),
        (Wishes(soonest=True), ["Tue 03/11 09:00", "Tue 03/11 09:30", "Tue 03/11 10:00"]),
        (
            Wishes(parts=frozenset({Part.MORNING}), not_days=frozenset({2})),
            ["Wed 04/11 09:00", "Fri 06/11 11:30", "Wed 11/11 10:00"],
        ),
        (
            Wishes(after=date(2026, 11, 16), before=date(2026, 11, 22)),
            ["Mon 16/11 09:00", "Wed 18/11 14:00", "Fri 20/11 17:00"],
        ),
        (Wishes(from_hour=time(17, 30), days=frozenset({5})), ["Fri 06/11 17:30", "Fri 13/11 17:30", "Fri 20/11 17:30"]),
        (Wishes(kind=Kind.PHONE), []),
        (Wishes(days=frozenset({7})), []),
    ],
)  # fmt: skip
def test_it_offers_what_she_wishes(wishes: Wishes, expected: list[str]) -> None:
    assert shown(three(wishes=wishes)) == expected


def test_it_looks_further_when_two_weeks_have_too_few() -> None:
    far = [opening("09:00", "09:30", date(2026, 11, 3) + timedelta(days=20 * n)) for n in range(3)]
    assert shown(three(slots(*far))) == ["Tue 03/11 09:00", "Mon 23/11 09:00", "Sun 13/12 09:00"]


def test_it_never_offers_two_at_the_same_moment() -> None:
    two = slots(opening("09:00", "10:00"), opening("09:00", "10:00", referent=2))
    assert [(s.referent_id, starts([s])) for s in three(two)] == [(1, ["09:00"]), (1, ["09:30"])]


def test_it_leaves_out_what_she_has_seen_until_she_has_seen_all() -> None:
    few = slots(opening("09:00", "11:00"))
    first = three(few)
    seen = [(s.referent_id, s.starts_at) for s in first]
    second = three(few, seen=seen)
    assert (len(first), len(second)) == (3, 1)
    assert not set(first) & set(second)
    assert three(few, seen=[*seen, *((s.referent_id, s.starts_at) for s in second)]) == first


def test_it_offers_held_ones_last() -> None:
    few = slots(opening("09:00", "11:00"))
    assert starts(three(few, held=few[:1])) == ["09:30", "10:00", "10:30"]
    assert starts(three(few, held=few[:2])) == ["09:00", "10:00", "10:30"]
    assert len(three(few, held=few)) == 3
    assert starts(three(few, held=few[:3], wishes=Wishes(soonest=True))) == ["09:00", "09:30", "10:30"]


def test_it_offers_the_same_in_whatever_order_it_hears_them() -> None:
    assert three(MONTHS[::-1]) == three(MONTHS)
    assert three(()) == []
