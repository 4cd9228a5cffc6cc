"""What a referent types about her time, read and checked: what is wrong is said beside the field."""

from collections.abc import Mapping
from datetime import date, datetime, time, timedelta
from zoneinfo import ZoneInfo

from gateway.domain.appointment import Absence, Kind, Opening

STEP = 5  # minutes
LONGEST_SLOT = 480
LONGEST_NOTICE = 720
FARTHEST = 366

Wrong = dict[str, str]


def read_opening(form: Mapping[str, str], referent_id: int, today: date) -> tuple[Opening | None, Wrong]:
    """(the opening, {}) or (None, field → what is wrong)."""
    wrong: Wrong = {}
    weekly = form.get("repeat") == "weekly"
    day = _day(form, "day", wrong)
    start, end = _hour(form, "start", wrong), _hour(form, "end", wrong)
    minutes = _number(form, "slot_minutes", STEP, LONGEST_SLOT, wrong)
    notice = _number(form, "notice_hours", 0, LONGEST_NOTICE, wrong)
    horizon = _number(form, "horizon_days", 1, FARTHEST, wrong)
    until = _day(form, "until", wrong) if form.get("until", "").strip() else None
    if form.get("kind") not in set(Kind):
        wrong["kind"] = "Choisissez comment vous recevez."
    if len(form.get("place", "").strip()) > 200:
        wrong["place"] = "C'est trop long : 200 caractères au plus."
    if wrong or day is None or start is None or end is None:
        return None, wrong
    opening = Opening(
        referent_id, day, start, end, minutes, Kind(form["kind"]), form.get("place", "").strip(),
        weekly, until, frozenset(), notice, horizon,
    )  # fmt: skip
    wrong = _impossible(opening, today)
    return (None, wrong) if wrong else (opening, {})


def _impossible(opening: Opening, today: date) -> Wrong:
    """Readable, but it cannot be."""
    length = datetime.combine(opening.day, opening.end) - datetime.combine(opening.day, opening.start)
    if length <= timedelta():
        return {"end": "La fin doit être après le début, le même jour."}
    if opening.slot_minutes % STEP:
        return {"slot_minutes": "Les durées vont de 5 en 5 minutes."}
    if length < timedelta(minutes=opening.slot_minutes):
        return {"slot_minutes": "Un créneau dure plus longtemps que la plage."}
    if not opening.weekly and opening.day < today:
        return {"day": "Ce jour est passé."}
    if opening.until and not opening.weekly:
        return {"until": "Laissez vide : cette plage n'a lieu qu'une fois."}
    if opening.until and opening.until < opening.day:
        return {"until": "La dernière fois est avant la première."}
    if opening.until and opening.until < today:
        return {"until": "Ce jour est passé."}
    return {}


def read_absence(
    form: Mapping[str, str], referent_id: int, substitutes: Mapping[int, str], now: datetime, zone: ZoneInfo
) -> tuple[Absence | None, Wrong]:
    """Without hours: from the first morning to the last evening. `substitutes`: those who may be chosen, by id."""
    wrong: Wrong = {}
    first, last = _day(form, "first_day", wrong), _day(form, "last_day", wrong)
    start = _hour(form, "first_hour", wrong) if form.get("first_hour", "").strip() else time()
    end = _hour(form, "last_hour", wrong) if form.get("last_hour", "").strip() else None
    chosen = form.get("substitute", "")
    if chosen and chosen not in {str(one) for one in substitutes}:
        wrong["substitute"] = "Choisissez une personne de la liste."
    if wrong or first is None or last is None or start is None:
        return None, wrong
    starts_at = datetime.combine(first, start, zone)
    ends_at = (
        datetime.combine(last, end, zone) if end else datetime.combine(last + timedelta(days=1), time(), zone)
    )
    if ends_at <= starts_at:
        return None, {"last_day": "La fin doit être après le début."}
    if ends_at <= now:
        return None, {"last_day": "Cette absence est passée."}
    utc = now.tzinfo
    return Absence(
        referent_id, starts_at.astimezone(utc), ends_at.astimezone(utc), int(chosen) if chosen else None
    ), {}


def read_day(form: Mapping[str, str], name: str) -> tuple[date | None, Wrong]:
    wrong: Wrong = {}
    return _day(form, name, wrong), wrong


def _day(form: Mapping[str, str], name: str, wrong: Wrong) -> date | None:
    try:
        day = date.fromisoformat(form.get(name, "").strip())
    except ValueError:
        wrong[name] = "Choisissez un jour, par exemple 24/11/2026."
        return None
    if 2000 <= day.year < 2100:
        return day
    wrong[name] = "Vérifiez l'année."
    return None


def _hour(form: Mapping[str, str], name: str, wrong: Wrong) -> time | None:
    try:
        hour = time.fromisoformat(form.get(name, "").strip())
    except ValueError:
        hour = None
    if hour is None or hour.tzinfo:
        wrong[name] = "Écrivez une heure, par exemple 09:00."
    elif hour.minute % STEP or hour.second or hour.microsecond:
        wrong[name] = "Les heures vont de 5 en 5 minutes : 09:00, 09:05…"
    return None if name in wrong else hour


def _number(form: Mapping[str, str], name: str, least: int, most: int, wrong: Wrong) -> int:
    written = form.get(name, "").strip()
    if written.isascii() and written.isdigit() and len(written) < 6 and least <= int(written) <= most:
        return int(written)
    wrong[name] = f"Écrivez un nombre de {least} à {most}."
    return least
