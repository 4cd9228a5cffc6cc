"""Whatever happens to a referent's time: no two appointments overlap, and what is offered can be booked.

The book below stands for the database: its unique key is (referent, cell).
"""

from dataclasses import dataclass, field
from datetime import UTC, date, datetime, time, timedelta
from itertools import pairwise
from zoneinfo import ZoneInfo

import pytest
from hypothesis import given
from hypothesis import strategies as st

from gateway.domain.appointment import Absence, Opening, TimeSlot, cells
from gateway.domain.timeslot import offered, time_slots
from gateway.domain.wishes import Part, Wishes

PARIS = ZoneInfo("Europe/Paris")
REFERENTS = (1, 2)
CHANGES = [date(2026, 10, 25), date(2027, 3, 28)]
FIVE_MINUTES = st.integers(0, 287).map(lambda n: time(n // 12, n % 12 * 5))


@dataclass
class Book:
    appointments: dict[int, TimeSlot] = field(default_factory=dict)
    keys: dict[tuple[int, int], int] = field(default_factory=dict)
    last: int = 0

    def book(self, slot: TimeSlot) -> int | None:
        """Its number; None when a cell of it is taken."""
        its = [(slot.referent_id, cell) for cell in cells(slot.starts_at, slot.ends_at)]
        if any(key in self.keys for key in its):
            return None
        self.last += 1
        self.appointments[self.last] = slot
        self.keys.update(dict.fromkeys(its, self.last))
        return self.last

    def cancel(self, number: int) -> None:
        del self.appointments[number]
        self.keys = {key: whose for key, whose in self.keys.items() if whose != number}

    def move(self, number: int, slot: TimeSlot) -> None:
        old = self.appointments[number]
        self.cancel(number)
        if self.book(slot) is None:
            self.book(old)

    def overlaps(self) -> list[tuple[TimeSlot, TimeSlot]]:
        by_start = sorted(self.appointments.values(), key=lambda s: (s.referent_id, s.starts_at))
        return [
            (one, two)
            for one, two in pairwise(by_start)
            if one.referent_id == two.referent_id and two.starts_at < one.ends_at
        ]


class Around:
    """What can happen around a day on which the clocks change."""

    def __init__(self, change: date) -> None:
        self.days = st.integers(-6, 8).map(lambda n: change + timedelta(days=n))
        self.openings = st.builds(
            lambda start, length, **others: Opening(start=start, end=_later(start, length), **others),
            referent_id=st.sampled_from(REFERENTS),
            day=self.days,
            start=FIVE_MINUTES,
            length=st.integers(0, 60).map(lambda n: n * 5),
            slot_minutes=st.sampled_from([5, 10, 20, 30, 45, 60, 90]),
            weekly=st.booleans(),
            until=st.none() | self.days,
            exceptions=st.frozensets(self.days, max_size=1),
            notice_hours=st.sampled_from([0, 4, 24, 72]),
            horizon_days=st.sampled_from([2, 14, 60]),
        )
        self.moments = st.builds(
            lambda day, at, fold: datetime.combine(day, at, PARIS).replace(fold=fold).astimezone(UTC),
            self.days,
            FIVE_MINUTES,
            st.integers(0, 1),
        )
        self.starts = self.moments.map(lambda at: at - timedelta(days=5))
        self.stretches = st.builds(
            lambda who, at, minutes: TimeSlot(at, at + timedelta(minutes=minutes), who),
            st.sampled_from(REFERENTS),
            self.moments,
            st.integers(0, 1500),
        )
        self.absences = self.stretches.map(lambda s: Absence(s.referent_id, s.starts_at, s.ends_at))


def _later(start: time, minutes: int) -> time:
    minutes = min(start.hour * 60 + start.minute + minutes, 24 * 60 - 5)
    return time(minutes // 60, minutes % 60)


wishes = st.builds(Wishes, soonest=st.booleans()) | st.builds(
    Wishes,
    days=st.just(frozenset[int]()) | st.frozensets(st.integers(1, 7), min_size=4),
    not_days=st.frozensets(st.integers(1, 7), max_size=2),
    not_parts=st.frozensets(st.sampled_from(Part), max_size=1),
    soonest=st.booleans(),
)
# What is done in turn: who acts, on which of the slots or appointments there are, and what.
doings = st.lists(
    st.tuples(
        st.sampled_from(["book", "stale", "move", "cancel", "open", "away", "busy", "later"]),
        st.integers(0, 10**6),
    ),
    max_size=15,
)


@pytest.mark.parametrize("change", CHANGES)
@given(doings, st.data())
def test_it_never_lets_two_appointments_overlap_and_books_all_that_it_offers(
    change: date, doings: list[tuple[str, int]], data: st.DataObject
) -> None:
    around = Around(change)
    opened = data.draw(st.lists(around.openings, min_size=1, max_size=5))
    away = data.draw(st.lists(around.absences, max_size=2))
    busy = data.draw(st.lists(around.stretches, max_size=2))
    holidays = data.draw(st.frozensets(around.days, max_size=2))
    now = data.draw(around.starts)
    book = Book()
    stale: list[TimeSlot] = []
    for what, number in doings:
        free = time_slots(opened, away, [*busy, *book.appointments.values()], holidays, now, PARIS)
        _can_be_booked(free, opened, away, busy, book, now)
        mine = list(book.appointments)
        match what:
            case "book" if free:
                assert book.book(free[number % len(free)]) is not None
            case "stale" if stale:  # offered some time ago
                book.book(stale[number % len(stale)])
            case "move" if free and mine:
                book.move(mine[number % len(mine)], free[number % len(free)])
            case "cancel" if mine:
                book.cancel(mine[number % len(mine)])
            case "open":
                opened = [*opened, data.draw(around.openings)]
            case "away":
                away = [*away, data.draw(around.absences)]
            case "busy":
                busy = [*busy, data.draw(around.stretches)]
            case "later":
                now += timedelta(minutes=number % 2000)
        stale += free[:5]
        assert not book.overlaps()


def _can_be_booked(
    free: list[TimeSlot],
    opened: list[Opening],
    away: list[Absence],
    busy: list[TimeSlot],
    book: Book,
    now: datetime,
) -> None:
    assert [s.starts_at for s in free] == sorted(s.starts_at for s in free)
    taken: set[tuple[int, int]] = set()
    for slot in free:
        its = {(slot.referent_id, cell) for cell in cells(slot.starts_at, slot.ends_at)}
        assert not its & book.keys.keys()
        assert not its & taken
        taken |= its
        assert any(_inside(slot, opening, now) for opening in opened)
        for other in (*away, *busy):
            assert (
                other.referent_id != slot.referent_id
                or other.ends_at <= slot.starts_at
                or slot.ends_at <= other.starts_at
            )


def _inside(slot: TimeSlot, opening: Opening, now: datetime) -> bool:
    start, end = (at.astimezone(PARIS).replace(tzinfo=None) for at in (slot.starts_at, slot.ends_at))
    opens = datetime.combine(start.date(), opening.start)
    closes = datetime.combine(start.date(), opening.end)
    wall = timedelta(minutes=opening.slot_minutes)
    jumped = end - start - wall  # an hour more when the clocks went forward meanwhile
    weekly = opening.weekly and start.date() >= opening.day
    return (
        slot.referent_id == opening.referent_id
        and slot.ends_at - slot.starts_at == wall
        and (start.date() == opening.day or (weekly and (start.date() - opening.day).days % 7 == 0))
        and (not opening.weekly or start.date() not in opening.exceptions)
        and opens <= start
        and (end - max(jumped, timedelta()) <= closes)
        and slot.starts_at >= now + timedelta(hours=opening.notice_hours)
        and start.date() <= now.astimezone(PARIS).date() + timedelta(days=opening.horizon_days)
    )


@pytest.mark.parametrize("change", CHANGES)
@given(wishes, st.data())
def test_it_always_offers_something_when_a_time_slot_is_what_she_wishes(
    change: date, wishes: Wishes, data: st.DataObject
) -> None:
    around = Around(change)
    opened = data.draw(st.lists(around.openings, min_size=2, max_size=4))
    now = data.draw(around.starts)
    free = time_slots(opened, [], [], (), now, PARIS)
    some = st.lists(st.sampled_from(free), max_size=20) if free else st.just([])
    held = data.draw(some)
    seen = [(s.referent_id, s.starts_at) for s in data.draw(some)]
    found = offered(free, held, wishes, seen, PARIS)
    wished = [s for s in free if wishes.allows(s, PARIS)]
    assert bool(found) == bool(wished)
    assert set(found) <= set(wished)
    assert len(found) <= 3
    assert len({s.starts_at for s in found}) == len(found)
    assert found == sorted(found)
    fresh = [s for s in wished if (s.referent_id, s.starts_at) not in seen]
    assert set(found) <= set(fresh or wished)
    if not set(fresh or wished) <= set(held):
        assert not set(found) <= set(held)
    assert found == offered(free, held, wishes, seen, PARIS)
