"""Days, hours, and the French names of what the workspace shows."""

import re
from collections.abc import Mapping
from datetime import date, datetime, time, timedelta
from pathlib import Path
from typing import Any
from zoneinfo import ZoneInfo

import yaml
from babel import Locale
from babel.dates import format_date

from gateway.domain.appointment import Kind

# words.yml: what a gesture, a state or a reason is called, by the part of the workspace that says it.
WORDS: Mapping[str, Mapping[Any, str]] = yaml.safe_load(
    Path(__file__).with_name("words.yml").read_text(encoding="utf-8")
)
KINDS = WORDS["kinds"]
STATUSES = WORDS["statuses"]
REASONS = WORDS["reasons"]
CALENDAR_ERRORS = WORDS["calendar_errors"]
NOBODY = "Une personne sans nom"  # her number is not bound to anybody


def reason(name: str) -> str:
    return REASONS.get(name, REASONS["asked"])


def language(code: str) -> str:
    names = {**Locale("fr").languages, "fa": "dari", "": "inconnue"}
    return str(names.get(code, code))


def day(on: date) -> str:
    """ "mardi 24 novembre"; the first day of a month as it is said: "mardi 1er décembre"."""
    return str(format_date(on, "EEEE d MMMM", "fr")).replace(" 1 ", " 1er ")


def month(iso: str) -> str:
    """ "2026-11" → "novembre 2026"."""
    return str(format_date(date.fromisoformat(f"{iso}-01"), "MMMM yyyy", "fr"))


def weekday(on: date) -> str:
    return str(format_date(on, "EEEE", "fr"))


def clock(hour: time) -> str:
    """ "9 h", "14 h 30"."""
    return f"{hour.hour}\u00a0h" + (f"\u00a0{hour.minute:02}" if hour.minute else "")


def hour(moment: datetime, zone: ZoneInfo) -> str:
    """ "9 h", "14 h 30"."""
    return clock(moment.astimezone(zone).time())


def when(moment: datetime, zone: ZoneInfo) -> str:
    """ "mardi 24 novembre à 9 h 30"."""
    return f"{day(moment.astimezone(zone).date())} à {hour(moment, zone)}"


def since(moment: datetime, zone: ZoneInfo) -> str:
    """The beginning of an absence: a day alone when it is whole."""
    here = moment.astimezone(zone)
    return when(moment, zone) if here.time() != time() else day(here.date())


def until(moment: datetime, zone: ZoneInfo) -> str:
    """The end of an absence: "vendredi 27 novembre inclus" when that day is whole."""
    here = moment.astimezone(zone)
    return when(moment, zone) if here.time() != time() else f"{day(here.date() - timedelta(days=1))} inclus"


def place(kind: Kind, where: str) -> str:
    """ "Sur place, 7 rue du Lac"."""
    return f"{KINDS[kind]}, {where}" if where else KINDS[kind]


def phone(number: str) -> str:
    """ "+33639980001" → "06 39 98 00 01", as it is read aloud in France; others stay as they are."""
    national = f"0{number[3:]}" if number.startswith("+33") and len(number) == 12 else number
    return "\u00a0".join(re.findall("..", national)) if national != number else number


def calendar_error(name: str) -> str:
    """A CalendarError's name, in words."""
    return CALENDAR_ERRORS.get(name, CALENDAR_ERRORS["CalendarAway"])
