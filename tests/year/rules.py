"""The files of bot/nudges, read once more: when a nudge is due, said another way than the product says it."""

import re
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime, time, timedelta
from typing import Any
from zoneinfo import ZoneInfo

import yaml

from tests.year.almanac import last_permitted, next_permitted, on_clock
from tests.year.stand_ins import NUDGES

LENGTH = re.compile(r"(-?\d+) (minute|hour|day)")
HALF_AN_HOUR = timedelta(minutes=30)


@dataclass(frozen=True)
class Rule:
    name: str
    about: str
    only: Mapping[str, list[str]]
    counted_from: str
    days: int
    rest: timedelta
    at: time | None
    existed: timedelta
    times: int
    every: int  # days
    then: str
    ends: str
    topic: str
    capped: bool
    shows: str

    def due(self, counted: datetime, zone: ZoneInfo, hour: int | None, start: datetime | None) -> datetime:
        """Before manners: at that hour, so many days from there on the calendar; half an hour before the start at last."""
        here = counted.astimezone(zone)
        day = here.date() + timedelta(days=self.days)
        if self.at:
            due = on_clock(day, self.at if hour is None else time(hour), zone)
        else:
            due = on_clock(day, here.time(), zone) + self.rest
        return min(due, start - HALF_AN_HOUR) if start else due

    def polite(self, due: datetime, known: datetime, zone: ZoneInfo) -> datetime:
        """In the last permitted hour before a forbidden one; after it, when nobody knew of it by then."""
        before = last_permitted(due, zone)
        waits = not self.at and not self.days and not self.rest
        return next_permitted(due, zone) if waits or before < known else before


def rules() -> Mapping[str, Rule]:
    found = {}
    for path in sorted(NUDGES.glob("*.yml")):
        raw: Mapping[str, Any] | None = yaml.safe_load(path.read_text()).get("nudge")
        if raw is None:
            continue
        wait = LENGTH.match(str(raw.get("wait", "0 days")))
        existed = LENGTH.match(str(raw.get("since", "0 days")))
        every = LENGTH.match(str(raw.get("every", "7 days")))
        assert wait
        assert existed
        assert every
        days = int(wait[1]) if wait[2] == "day" else 0
        found[path.stem] = Rule(
            path.stem, raw["about"], raw.get("only", {}), raw.get("count_from", "opened_at"), days,
            timedelta() if days else timedelta(**{f"{wait[2]}s": int(wait[1])}),
            time.fromisoformat(raw["at"]) if "at" in raw else None,
            timedelta(**{f"{existed[2]}s": int(existed[1])}), raw.get("times", 1), int(every[1]),
            raw.get("then", ""), raw.get("useless_at", ""), raw.get("topic", "follow_up"), raw.get("capped", True),
            raw.get("shows", ""),
        )  # fmt: skip
    return found
