"""What a calendar holds, read as the times when its owner is busy. Titles are not looked at."""

import re
from collections.abc import Iterable, Sequence
from datetime import UTC, date, datetime, time, timedelta
from typing import Any
from zoneinfo import ZoneInfo

from icalendar import Calendar

from gateway.adapters.icalendar_text import DOMAIN
from gateway.errors import CalendarAway

A_MINUTE = timedelta(minutes=1)
Stretch = tuple[datetime, datetime]
_FOLD = re.compile(r"(?:(?<!\n)\r\n|(?<![\r\n])\n)(?:\r?\n)*[ \t]")  # the library's own
_LINE = re.compile(r"\r?\n")


def components(content: str, name: str) -> list[Any]:
    """All the components of this name. Raises CalendarAway when this is no calendar."""
    try:
        calendars = Calendar.from_ical(_without_zones(content), multiple=True)
        if not calendars or any(calendar.name != "VCALENDAR" for calendar in calendars):
            raise ValueError("no calendar")
        return [found for calendar in calendars for found in calendar.walk(name)]
    except (ValueError, LookupError, TypeError) as unreadable:
        raise CalendarAway(f"unreadable: {type(unreadable).__name__}") from None


def _without_zones(content: str) -> str:
    """Zones by their names alone: how a server defines one is not read.

    Every second of four centuries is a definition too, computed for hours; and what one calendar defines would stay
    known under its name for all others. A name that nobody knows is then a time on the wall clock of here.
    """
    kept, inside = list[str](), False
    for line in _LINE.split(_FOLD.sub("", content)):
        mark = line.strip().upper()
        inside = inside or (mark.startswith("BEGIN") and "VTIMEZONE" in mark)
        if not inside:
            kept.append(line)
        inside = inside and not (mark.startswith("END") and "VTIMEZONE" in mark)
    return "\r\n".join(kept)


def is_ours(event: Any) -> bool:
    return str(event.get("UID", "")).endswith(DOMAIN)


def recurs(event: Any) -> bool:
    """The server did not expand it: it stands for more than one stretch."""
    return "RRULE" in event or "RDATE" in event


def is_free(event: Any) -> bool:
    cancelled = str(event.get("STATUS", "")).upper() == "CANCELLED"
    return cancelled or str(event.get("TRANSP", "")).upper() == "TRANSPARENT"


def stretch(event: Any, zone: ZoneInfo) -> Stretch | None:
    """In UTC. A day without an hour is a whole day on the wall clock; None: it has no readable beginning."""
    try:
        return _moment(event.start, zone), _moment(event.end, zone)
    except (ValueError, LookupError, TypeError, AttributeError, OverflowError):
        return None


def periods(content: str, zone: ZoneInfo) -> list[Stretch]:
    """Those of a VFREEBUSY that are not free."""
    found: list[Stretch] = []
    for component in components(content, "VFREEBUSY"):
        values = component.get("FREEBUSY", [])
        for value in values if isinstance(values, list) else [values]:
            start, end = _moment(value.start, zone), _moment(value.end, zone)
            free = str(value.params.get("FBTYPE", "BUSY")).upper() == "FREE"
            if not free and end - start >= A_MINUTE:  # Radicale makes a second of an event without a length
                found.append((start, end))
    return found


def merged(stretches: Iterable[Stretch], since: datetime, until: datetime) -> list[Stretch]:
    """In order, within both, those that touch made one."""
    result: list[Stretch] = []
    for start, end in sorted(stretches):
        start, end = max(start, since), min(end, until)
        if start >= end:
            continue
        if result and start <= result[-1][1]:
            result[-1] = (result[-1][0], max(result[-1][1], end))
        else:
            result.append((start, end))
    return result


def without(stretches: Iterable[Stretch], taken: Sequence[Stretch]) -> list[Stretch]:
    """What is left of them outside `taken`."""
    left = list(stretches)
    for start, end in taken:
        cut = [part for s, e in left for part in ((s, min(e, start)), (max(s, end), e))]
        left = [(s, e) for s, e in cut if s < e]
    return left


def _moment(value: date | datetime, zone: ZoneInfo) -> datetime:
    if not isinstance(value, datetime):
        value = datetime.combine(value, time(), zone)
    if value.tzinfo is None:
        value = value.replace(tzinfo=zone)
    return value.astimezone(UTC)
