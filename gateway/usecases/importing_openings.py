"""A referent's openings come in by CSV, with the dates and hours that spreadsheets write."""

import re
from collections.abc import Callable
from dataclasses import replace
from datetime import datetime, time, timedelta, tzinfo

from gateway.domain.appointment import Kind, Opening
from gateway.domain.text import folded
from gateway.errors import BadRow
from gateway.ports import Store
from gateway.usecases.importing import UNKNOWN_REFERENT, Imported, in_turns
from gateway.usecases.reading_csv import Row, rows

KINDS = {
    "": Kind.IN_PERSON,
    "in person": Kind.IN_PERSON,
    "presentiel": Kind.IN_PERSON,
    "en presentiel": Kind.IN_PERSON,
    "sur place": Kind.IN_PERSON,
    "phone": Kind.PHONE,
    "telephone": Kind.PHONE,
    "par telephone": Kind.PHONE,
    "tel": Kind.PHONE,
    "video": Kind.VIDEO,
    "visio": Kind.VIDEO,
    "visioconference": Kind.VIDEO,
}
REPEATS = {"": False, "non": False, "weekly": True, "hebdomadaire": True, "chaque semaine": True}

_FRENCH = re.compile(
    r"(\d{1,2})[/.-](\d{1,2})[/.-](\d{4}|\d{2})(?:\s*(?:à\s*)?(\d{1,2})\s*[h:]\s*(\d{2})?(?::(\d{2}))?)?",
    re.IGNORECASE,
)
_SERIAL = re.compile(r"\d{5}(?:[.,]\d+)?")  # days since the last days of 1899, as Excel counts them
_EXCEL_BEGINS = datetime(1899, 12, 30)  # noqa: DTZ001 a wall clock
_WHOLE = re.compile(r"(\d{1,4})(?:[.,]0+)?")


async def import_openings(store: Store, content: bytes, zone: tzinfo, now: datetime) -> Imported:
    """Columns: referent_email, starts_at, ends_at, slot_minutes, place, kind, repeat, until, notice_hours, horizon_days.

    Hours are those of `zone`'s wall clocks. The days that a referent took out of an opening stay out.
    """
    kept, refused = 0, []
    seen: dict[tuple[object, ...], int] = {}
    async for batch in in_turns(rows(content, ("referent_email", "starts_at", "ends_at"))):
        async with store.transaction() as tx:
            for line, row in batch:
                try:
                    opening = _opening(row, await tx.referent_id(row["referent_email"]), zone)
                    if _same(opening) in seen:
                        raise ValueError(f"plage déjà présente ligne {seen[_same(opening)]}")
                except ValueError as wrong:
                    refused.append(BadRow(line, str(wrong)))
                    continue
                seen[_same(opening)] = line
                known = await tx.openings_of(opening.referent_id)
                same = next((k for k in known if _same(k) == _same(opening)), None)
                await tx.save_opening(replace(opening, exceptions=same.exceptions if same else frozenset()))
                if same is None:  # those who wait for a place are told
                    await tx.arm("opened", opening.referent_id, now)
                kept += 1
    return Imported(kept, tuple(refused))


def _same(opening: Opening) -> tuple[object, ...]:
    return opening.referent_id, opening.day, opening.start, opening.end, opening.weekly


def _opening(row: Row, referent_id: int | None, zone: tzinfo) -> Opening:
    """Raises ValueError with the reason, in French."""
    if referent_id is None:
        raise ValueError(UNKNOWN_REFERENT)
    starts_at, ends_at = (_moment(row[name], name, zone) for name in ("starts_at", "ends_at"))
    weekly = _one_of(REPEATS, row, "repeat", "weekly, ou rien")
    opening = Opening(
        referent_id=referent_id,
        day=starts_at.date(),
        start=starts_at.time(),
        end=ends_at.time(),
        slot_minutes=_number(row, "slot_minutes", 30, 5, 480),
        kind=_one_of(KINDS, row, "kind", "in_person, phone ou video"),
        place=row.get("place", "")[:200],
        weekly=weekly,
        until=_moment(row["until"], "until", zone).date() if row.get("until") else None,
        notice_hours=_number(row, "notice_hours", 4, 0, 720),
        horizon_days=_number(row, "horizon_days", 60, 1, 366),
    )
    _check(opening, ends_at - starts_at, starts_at.date() == ends_at.date())
    return opening


def _check(opening: Opening, length: timedelta, one_day: bool) -> None:
    """Raises ValueError for what is readable but cannot be."""
    if length <= timedelta():
        raise ValueError("la fin est avant le début")
    if not one_day:
        raise ValueError("le début et la fin doivent être le même jour")
    if not all(_by_five(hour) for hour in (opening.start, opening.end)) or opening.slot_minutes % 5:
        raise ValueError("heures et durées vont de 5 en 5 minutes")
    if length < timedelta(minutes=opening.slot_minutes):
        raise ValueError("la plage est plus courte qu'un créneau")
    if opening.until and not opening.weekly:
        raise ValueError("until sans repeat : écrivez weekly dans repeat")
    if opening.until and opening.until < opening.day:
        raise ValueError("until est avant le premier jour")


def _by_five(hour: time) -> bool:
    return hour.minute % 5 == 0 and not hour.second and not hour.microsecond


def _moment(written: str, name: str, zone: tzinfo) -> datetime:
    """On `zone`'s wall clocks, naive. Raises ValueError with the reason."""
    for read in (_french, _serial, _iso(zone)):
        try:
            if moment := read(written):
                return moment
        except (ValueError, OverflowError):
            continue
    raise ValueError(f"{name} illisible : écrivez par exemple 01/12/2026 09:00")


def _french(written: str) -> datetime | None:
    """`01/12/2026 9h30`, `1/12/26 à 9 h`; a day alone begins at midnight."""
    read = _FRENCH.fullmatch(written)
    if not read:
        return None
    day, month, year, hour, minute, second = (int(part or 0) for part in read.groups())
    return datetime(year + 2000 if year < 100 else year, month, day, hour, minute, second)  # noqa: DTZ001


def _serial(written: str) -> datetime | None:
    if not _SERIAL.fullmatch(written):
        return None
    seconds = round(float(written.replace(",", ".")) * 86_400)
    moment = _EXCEL_BEGINS + timedelta(seconds=seconds)
    # A third of a day has no end in decimals: the nearest minute is what was written.
    return (moment + timedelta(seconds=30)).replace(second=0)


def _iso(zone: tzinfo) -> Callable[[str], datetime]:
    def read(written: str) -> datetime:
        moment = datetime.fromisoformat(written)
        return moment.astimezone(zone).replace(tzinfo=None) if moment.tzinfo else moment

    return read


def _number(row: Row, name: str, default: int, least: int, most: int) -> int:
    written = row.get(name, "")
    if not written:
        return default
    read = _WHOLE.fullmatch(written)
    if not read or not least <= int(read[1]) <= most:
        raise ValueError(f"{name} : un nombre de {least} à {most}")
    return int(read[1])


def _one_of[T](choices: dict[str, T], row: Row, name: str, expected: str) -> T:
    try:
        return choices[folded(row.get(name, ""))]
    except KeyError:
        raise ValueError(f"{name} inconnu : {expected}") from None
