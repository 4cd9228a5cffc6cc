"""What she wishes about days and hours, and how it is read in her words."""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, replace
from datetime import date, datetime, time, timedelta
from enum import StrEnum
from typing import Any
from zoneinfo import ZoneInfo

from gateway.domain.appointment import CELL, Kind, TimeSlot
from gateway.domain.keywords import Vocabularies
from gateway.domain.time_said import Said, said_in
from gateway.domain.time_words import TimeWords, clauses


class Part(StrEnum):
    MORNING = "morning"
    NOON = "noon"
    AFTERNOON = "afternoon"
    EVENING = "evening"


# From, and until: where people put them, which is not one after the other.
HOURS = {
    Part.MORNING: (time(0), time(12)),
    Part.NOON: (time(12), time(14)),
    Part.AFTERNOON: (time(12), time(18)),
    Part.EVENING: (time(17), time.max),
}

MOST_UNKNOWN = 3  # words that are not about time, in a message that is only wishes
_REFUSED = {"after": "until", "from": "before", "before": "from", "until": "after"}
_HOUR = timedelta(hours=1)


@dataclass(frozen=True)
class Wishes:
    """Empty: any time slot will do. Everything that is set must hold.

    - `days`: ISO weekdays (1 is Monday), or one of `dates`; `not_days` and `not_dates` are refused
    - `after`, `before`: first and last day, both wanted
    - `parts`, `not_parts`: parts of the day; `from_hour`, `to_hour`: starts from there on, and before that
    - `soonest`: as early as possible rather than spread; `any_time`: she takes back what she wished before
    """

    days: frozenset[int] = frozenset()
    not_days: frozenset[int] = frozenset()
    dates: frozenset[date] = frozenset()
    not_dates: frozenset[date] = frozenset()
    after: date | None = None
    before: date | None = None
    parts: frozenset[Part] = frozenset()
    not_parts: frozenset[Part] = frozenset()
    from_hour: time | None = None
    to_hour: time | None = None
    kind: Kind | None = None
    soonest: bool = False
    any_time: bool = False

    def to_json(self) -> dict[str, Any]:
        """Only what is set."""
        said = {
            "days": sorted(self.days),
            "not_days": sorted(self.not_days),
            "dates": sorted(d.isoformat() for d in self.dates),
            "not_dates": sorted(d.isoformat() for d in self.not_dates),
            "after": self.after and self.after.isoformat(),
            "before": self.before and self.before.isoformat(),
            "parts": sorted(self.parts),
            "not_parts": sorted(self.not_parts),
            "from_hour": self.from_hour and self.from_hour.isoformat("minutes"),
            "to_hour": self.to_hour and self.to_hour.isoformat("minutes"),
            "kind": self.kind and self.kind.value,
            "soonest": self.soonest,
            "any_time": self.any_time,
        }
        return {key: value for key, value in said.items() if value}

    @classmethod
    def from_json(cls, data: Mapping[str, Any]) -> "Wishes":
        def day(key: str) -> date | None:
            return date.fromisoformat(data[key]) if data.get(key) else None

        def hour(key: str) -> time | None:
            return time.fromisoformat(data[key]) if data.get(key) else None

        return cls(
            days=frozenset(data.get("days", ())),
            not_days=frozenset(data.get("not_days", ())),
            dates=frozenset(map(date.fromisoformat, data.get("dates", ()))),
            not_dates=frozenset(map(date.fromisoformat, data.get("not_dates", ()))),
            after=day("after"),
            before=day("before"),
            parts=frozenset(map(Part, data.get("parts", ()))),
            not_parts=frozenset(map(Part, data.get("not_parts", ()))),
            from_hour=hour("from_hour"),
            to_hour=hour("to_hour"),
            kind=Kind(data["kind"]) if data.get("kind") else None,
            soonest=data.get("soonest", False),
            any_time=data.get("any_time", False),
        )

    def allows(self, slot: TimeSlot, zone: ZoneInfo) -> bool:
        if self.kind and slot.kind is not self.kind:
            return False
        at = slot.starts_at.astimezone(zone)
        return self._day(at.date()) and self._hour(at.time())

    def _day(self, day: date) -> bool:
        wanted = not (self.days or self.dates) or day.isoweekday() in self.days or day in self.dates
        refused = day.isoweekday() in self.not_days or day in self.not_dates
        too_soon = self.after is not None and day < self.after
        too_late = self.before is not None and day > self.before
        return wanted and not (refused or too_soon or too_late)

    def _hour(self, at: time) -> bool:
        def within(part: Part) -> bool:
            return HOURS[part][0] <= at < HOURS[part][1]

        if self.parts and not any(map(within, self.parts)):
            return False
        if any(map(within, self.not_parts)):
            return False
        return (self.from_hour is None or at >= self.from_hour) and (
            self.to_hour is None or at < self.to_hour
        )


def merged(older: Wishes, newer: Wishes) -> Wishes:
    """Both together; on the same subject (days, weeks, hours, kind) what she said last."""
    if newer.any_time:
        return newer
    days = newer.days or newer.dates
    kept = older if not days else replace(older, days=frozenset(), dates=frozenset())
    if newer.dates or newer.after or newer.before:
        kept = replace(kept, after=None, before=None, dates=frozenset())
    hours = newer.parts or newer.from_hour or newer.to_hour
    if hours and not _meet(older, newer):
        kept = replace(kept, parts=frozenset(), from_hour=None, to_hour=None)
    return Wishes(
        days=newer.days or kept.days - newer.not_days,
        not_days=(older.not_days - newer.days) | newer.not_days,
        dates=newer.dates or kept.dates - newer.not_dates,
        not_dates=(older.not_dates - newer.dates) | newer.not_dates,
        after=newer.after or kept.after,
        before=newer.before or kept.before,
        parts=newer.parts or kept.parts - newer.not_parts,
        not_parts=(older.not_parts - newer.parts) | newer.not_parts,
        from_hour=newer.from_hour or kept.from_hour,
        to_hour=newer.to_hour or kept.to_hour,
        kind=newer.kind or older.kind,
        soonest=newer.soonest or older.soonest,
    )


def _meet(older: Wishes, newer: Wishes) -> bool:
    """Whether some hour suits both: "le matin", then "après 10h"; not "le matin", then "le soir"."""
    if older.parts and newer.parts:
        return False
    both = replace(
        newer,
        parts=older.parts or newer.parts,
        from_hour=newer.from_hour or older.from_hour,
        to_hour=newer.to_hour or older.to_hour,
    )
    return any(both._hour(time(hour, minute)) for hour in range(24) for minute in (0, 30))


def wishes_in(text: str, vocabularies: Vocabularies, today: date, language: str = "") -> Wishes | None:
    """What the text wishes, whatever else it says; None when it has no word for a day, an hour or a kind.

    `language`: hers, for the words that mean something else in another one. Two wishes joined by "or" become one
    that is larger: "mardi matin ou jeudi soir" also allows Tuesday evening.
    """
    said, _, unknown = _read(text, vocabularies, today, language)
    if unknown:
        said = [s for s in said if s.about != "month"]
    return _wishes(said, today) if said else None


def only_wishes(text: str, vocabularies: Vocabularies, today: date, language: str = "") -> bool:
    """True when the text wishes something and says little else: three unknown words at most, never more than it has
    words about time, and none that asks ("combien", "how")."""
    said, words, unknown = _read(text, vocabularies, today, language)
    if unknown:
        said = [s for s in said if s.about != "month"]
    return bool(said) and unknown <= min(MOST_UNKNOWN, words)


def _read(text: str, vocabularies: Vocabularies, today: date, language: str) -> tuple[list[Said], int, int]:
    """What is said, by how many words and phrases, and how many others are left."""
    own = next((v.time for v in vocabularies if v.language == language), TimeWords())
    said: list[Said] = []
    words = unknown = 0
    for clause in clauses(text, own, vocabularies.time):
        things, tokens = said_in(clause, today)
        said += things
        words += tokens
        unknown += sum(MOST_UNKNOWN + 1 if "asks" in t else not t.meanings for t in clause)
    return said, words, unknown


def _wishes(said: Iterable[Said], today: date) -> Wishes:
    wishes = Wishes()
    alone: list[time] = []
    for one in said:
        if one.about == "hour" and not one.bound:
            alone += [] if one.refused else [one.hour]
        else:
            wishes = _with(wishes, one, today)
    if alone:  # "à 14h" is the hour that begins then; "14h-16h" and "10h ou 14h" are all that lies between
        first, last = min(alone), max(alone)
        last = _later(last, CELL if last > first else _HOUR)
        wishes = replace(wishes, from_hour=wishes.from_hour or first, to_hour=wishes.to_hour or last)
    return replace(wishes, any_time=wishes == Wishes(any_time=True))


def _with(wishes: Wishes, one: Said, today: date) -> Wishes:
    match one.about:
        case "days":
            return _with_days(wishes, one, today)
        case "dates" | "month":
            return _with_dates(wishes, one)
        case "today":
            return _with_part(_with_dates(wishes, one), one)
        case "part":
            return _with_part(wishes, one)
        case "hour":
            return _with_hours(wishes, one, one.hour, one.hour)
        case "kind":
            other = Kind.IN_PERSON if one.value != Kind.IN_PERSON else Kind.PHONE
            return replace(wishes, kind=other if one.refused else Kind(one.value))
        case "soonest":
            return replace(wishes, soonest=not one.refused)
    return replace(wishes, any_time=True)


def _later(at: time, by: timedelta) -> time:
    moved = datetime.combine(date.min, at) + by
    return moved.time() if moved.date() == date.min else time.max


def _bound(one: Said) -> str:
    return _REFUSED[one.bound] if one.refused and one.bound else one.bound


def _with_days(wishes: Wishes, one: Said, today: date) -> Wishes:
    if one.bound:  # "après mardi": the next one
        day = min(today + timedelta(days=(d - today.isoweekday()) % 7) for d in one.days)
        return _with_dates(wishes, replace(one, first=day, last=day))
    if one.refused:
        return replace(wishes, not_days=wishes.not_days | one.days)
    return replace(wishes, days=wishes.days | one.days)


def _with_dates(wishes: Wishes, one: Said) -> Wishes:
    after, before = wishes.after, wishes.before
    match _bound(one):
        case "after":
            return replace(wishes, after=one.last + timedelta(days=1))
        case "from":
            return replace(wishes, after=one.first)
        case "before":
            return replace(wishes, before=one.first - timedelta(days=1))
        case "until":
            return replace(wishes, before=one.last)
    if one.refused:
        days = range((one.last - one.first).days + 1)
        return replace(wishes, not_dates=wishes.not_dates | {one.first + timedelta(days=n) for n in days})
    if one.first == one.last:
        return replace(wishes, dates=wishes.dates | {one.first})
    return replace(wishes, after=min(after or one.first, one.first), before=max(before or one.last, one.last))


def _with_part(wishes: Wishes, one: Said) -> Wishes:
    part = Part(one.value)
    if one.bound:
        return _with_hours(wishes, one, *HOURS[part])
    if one.refused:
        return replace(wishes, not_parts=wishes.not_parts | {part})
    return replace(wishes, parts=wishes.parts | {part})


def _with_hours(wishes: Wishes, one: Said, first: time, last: time) -> Wishes:
    match _bound(one):
        case "after":
            return replace(wishes, from_hour=last)
        case "from":
            return replace(wishes, from_hour=first)
        case "before":
            return replace(wishes, to_hour=first)
    return replace(wishes, to_hour=last)
