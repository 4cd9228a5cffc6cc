"""Time slots: cut out of openings, then three of them chosen to offer.

An opening is on the wall clock, a time slot lasts real minutes. The day the clocks go forward, no time slot starts in
the hour that does not exist; the day they go back, the hour that exists twice is used once, the first time.
"""

from bisect import bisect_right
from collections import defaultdict
from collections.abc import Collection, Iterable, Iterator, Sequence
from datetime import UTC, date, datetime, time, timedelta
from operator import attrgetter, itemgetter
from typing import Protocol
from zoneinfo import ZoneInfo

from gateway.domain.appointment import CELL, OFFERED, Absence, Opening, TimeSlot, cells
from gateway.domain.wishes import Wishes

SOON = timedelta(days=14)  # she is offered time of these days first, counted from the first that is free
_APART = 180  # minutes: beyond that, an hour is as different as can be, and the earlier one will do
_TARGETS = (2, 7)  # days after the first one that the second and the third should come near
_AFTERNOON, _EVENING = time(12), time(17)

_Piece = tuple[int, int, datetime, datetime]  # first cell, cell after the last, start and end
_Stretch = tuple[int, int]  # of cells
_Candidate = tuple[
    int, int, int, datetime, datetime
]  # first cell, cell after the last, its opening, start, end


class Taken(Protocol):
    """A stretch of a referent's time that is not free: `ports.Occupied`, an Appointment or an Absence will do."""

    @property
    def referent_id(self) -> int: ...
    @property
    def starts_at(self) -> datetime: ...
    @property
    def ends_at(self) -> datetime: ...


def time_slots(
    openings: Sequence[Opening],
    absences: Iterable[Absence],
    occupied: Iterable[Taken],
    holidays: Collection[date],
    now: datetime,
    zone: ZoneInfo,
) -> list[TimeSlot]:
    """All that may be offered at `now`, by start. Those of one referent never overlap, whatever her openings do.

    `occupied`: any objects with referent_id, starts_at and ends_at. No weekly opening on `holidays`; a single
    opening made for such a day stands. Where two openings overlap the earlier time slot is kept, then the next that
    fits: what is kept does not depend on `now`, so that what was offered stays while she answers.
    """
    taken = _taken((*absences, *occupied))
    today = now.astimezone(zone).date()
    cut: dict[tuple[date, time, time, int], list[_Piece]] = {}
    candidates: dict[int, list[_Candidate]] = defaultdict(list)
    for number, opening in enumerate(openings):
        for day in _days(opening, today, holidays):
            key = (day, opening.start, opening.end, opening.slot_minutes)
            if key not in cut:
                cut[key] = list(_pieces(*key, zone))
            candidates[opening.referent_id] += [(a, z, number, s, e) for a, z, s, e in cut[key]]
    soonest = [now + timedelta(hours=max(o.notice_hours, 0)) for o in openings]
    found = [c for who in sorted(candidates) for c in _free(candidates[who], taken.get(who, []), soonest)]
    found.sort(key=itemgetter(0))
    about = [(o.referent_id, o.kind, o.place) for o in openings]
    return [TimeSlot(starts_at, ends_at, *about[number]) for _, _, number, starts_at, ends_at in found]


def _days(opening: Opening, today: date, holidays: Collection[date]) -> Iterator[date]:
    """The days of an opening, from today to its horizon."""
    last = today + timedelta(days=opening.horizon_days)
    if not opening.weekly:
        if today <= opening.day <= last:
            yield opening.day
        return
    if opening.until is not None:
        last = min(last, opening.until)
    day = max(opening.day, today)
    day += timedelta(days=(opening.day - day).days % 7)
    while day <= last:
        if day not in opening.exceptions and day not in holidays:
            yield day
        day += timedelta(days=7)


def _pieces(day: date, start: time, end: time, minutes: int, zone: ZoneInfo) -> Iterator[_Piece]:
    """One day of an opening, cut on the wall clock."""
    length, wall = timedelta(minutes=minutes), datetime.combine(day, start)
    last = datetime.combine(day, end)
    if minutes <= 0 or last <= wall:
        return
    offset = wall.replace(tzinfo=zone).utcoffset()
    steady = offset == last.replace(tzinfo=zone).utcoffset()
    closes = _moment(last, zone)
    while closes is None:  # it closes in the hour that does not exist: when the clocks jump
        last += CELL
        closes = _moment(last, zone)
    while wall + length <= last:
        starts_at = (wall - offset).replace(tzinfo=UTC) if steady and offset else _moment(wall, zone)
        if starts_at is not None and starts_at + length <= closes:
            its = cells(starts_at, starts_at + length)
            yield its[0], its[-1] + 1, starts_at, starts_at + length
        wall += length


def _moment(wall: datetime, zone: ZoneInfo) -> datetime | None:
    """The first moment at which clocks show this; None when they never do."""
    moment = wall.replace(tzinfo=zone).astimezone(UTC)
    return moment if moment.astimezone(zone).replace(tzinfo=None) == wall else None


def _taken(stretches: Iterable[Taken]) -> dict[int, list[_Stretch]]:
    """The cells that are not free, by referent: as large as the unique key of the appointments sees them."""
    found: dict[int, list[_Stretch]] = defaultdict(list)
    for stretch in stretches:
        its = cells(stretch.starts_at, stretch.ends_at)
        found[stretch.referent_id].append((its[0], its[-1] + 1))
    return {who: _joined(theirs) for who, theirs in found.items()}


def _joined(stretches: Iterable[_Stretch]) -> list[_Stretch]:
    """The same cells in stretches that do not touch, ascending."""
    joined: list[_Stretch] = []
    for first, after in sorted(stretches):
        if joined and first <= joined[-1][1]:
            joined[-1] = (joined[-1][0], max(after, joined[-1][1]))
        else:
            joined.append((first, after))
    return joined


def _free(
    candidates: list[_Candidate], taken: list[_Stretch], soonest: Sequence[datetime]
) -> Iterable[_Candidate]:
    """Of one referent: first the usual ones, then those of other openings that fit between."""
    kept, others = _apart(candidates)
    free = _untaken([c for c in kept if c[3] >= soonest[c[2]]], taken)
    if others:
        taken = _joined([*taken, *(c[:2] for c in free)])
        free += _apart(_untaken([c for c in others if c[3] >= soonest[c[2]]], taken))[0]
    return free


def _apart(candidates: list[_Candidate]) -> tuple[list[_Candidate], list[_Candidate]]:
    """Those that do not overlap, the earlier first, and the others."""
    kept: list[_Candidate] = []
    others: list[_Candidate] = []
    free_from = -1
    for candidate in sorted(candidates):
        if candidate[0] >= free_from:
            kept.append(candidate)
            free_from = candidate[1]
        else:
            others.append(candidate)
    return kept, others


def _untaken(candidates: list[_Candidate], taken: list[_Stretch]) -> list[_Candidate]:
    if not taken:
        return candidates
    starts = [first for first, _ in taken]

    def clear(candidate: _Candidate) -> bool:
        before = bisect_right(starts, candidate[1] - 1)
        return not before or taken[before - 1][1] <= candidate[0]

    return [c for c in candidates if clear(c)]


# Which ones to offer


def offered(
    slots: Collection[TimeSlot],
    held: Collection[TimeSlot],
    wishes: Wishes,
    seen: Collection[tuple[int, datetime]],
    zone: ZoneInfo,
    count: int = OFFERED,
) -> list[TimeSlot]:
    """At most `count` of the slots that she wishes, by start, never two at the same moment.

    One soon, one some days later, one the week after, at other parts of the day: other days first, then other parts,
    then other hours. `seen` ones, (referent, moment), are left out until all have been seen; `held` ones come last.
    [] only when no slot is what she wishes.
    """
    wished = [s for s in sorted(slots, key=attrgetter("starts_at", "referent_id")) if wishes.allows(s, zone)]
    fresh = [s for s in wished if (s.referent_id, s.starts_at) not in seen]
    if not fresh:
        fresh, seen = wished, ()
    others = {(s.referent_id, s.starts_at) for s in held}
    free = [s for s in fresh if (s.referent_id, s.starts_at) not in others]
    chosen: list[TimeSlot] = []
    for pool in (free, fresh):
        if wishes.soonest:
            chosen += _one_a_moment(pool, chosen)[: count - len(chosen)]
        else:
            chosen = _spread(_one_a_moment(pool, chosen), chosen, [at for _, at in seen], zone, count)
    return sorted(chosen)


def _one_a_moment(slots: Iterable[TimeSlot], but: Collection[TimeSlot]) -> list[TimeSlot]:
    gone = {s.starts_at for s in but}
    first: dict[datetime, TimeSlot] = {}
    for slot in slots:
        if slot.starts_at not in gone:
            first.setdefault(slot.starts_at, slot)
    return list(first.values())


def _spread(
    pool: list[TimeSlot], chosen: list[TimeSlot], seen: Iterable[datetime], zone: ZoneInfo, count: int
) -> list[TimeSlot]:
    """`chosen`, and as many of the pool as are missing. The pool is by start, one a moment."""
    wall = {s: s.starts_at.astimezone(zone) for s in (*pool, *chosen)}
    near = [s for s in pool if wall[s].date() <= wall[pool[0]].date() + SOON]
    if len(near) < count - len(chosen):
        near = pool
    shown = {at.astimezone(zone).date() for at in seen}
    shown_parts = {(at.date(), _part(at)) for at in (moment.astimezone(zone) for moment in seen)}
    chosen = list(chosen)

    def worth(slot: TimeSlot) -> tuple[object, ...]:
        at, those = wall[slot], [wall[s] for s in chosen]
        new = (at.date() not in shown, (at.date(), _part(at)) not in shown_parts)
        if not those:
            return (*new, -slot.starts_at.timestamp())
        target = _TARGETS[min(len(those), len(_TARGETS)) - 1]
        return (
            at.date() not in {t.date() for t in those},
            *new,
            _part(at) not in {_part(t) for t in those},
            -abs((at.date() - min(those).date()).days - target),
            min(_APART, *(abs(_minutes(at) - _minutes(t)) for t in those)),
            -slot.starts_at.timestamp(),
        )

    while near and len(chosen) < count:
        best = max(near, key=worth)
        near.remove(best)
        chosen.append(best)
    return chosen


def _part(at: datetime) -> int:
    return (at.time() >= _AFTERNOON) + (at.time() >= _EVENING)


def _minutes(at: datetime) -> int:
    return at.hour * 60 + at.minute
