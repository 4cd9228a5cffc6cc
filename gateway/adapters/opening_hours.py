"""Opening hours as a person reads them: "Mo-Fr 09:00-12:30; PH off" → "lun.-ven. 9:00-12:30"."""

import re

from babel.dates import get_day_names

DAYS = ("Mo", "Tu", "We", "Th", "Fr", "Sa", "Su")  # OpenStreetMap's, Monday first as Babel's 0
_DAY = re.compile(r"\b(Mo|Tu|We|Th|Fr|Sa|Su)\b")
_CLOSED = re.compile(r"\b(PH|SH|off|closed)\b")
_UNREADABLE = re.compile(r"[^\d\s:,;\-]")  # weeks, months, comments: left out rather than said half


def in_words(hours: str, locale: str) -> str:
    """ "" when it says more than days and hours: she is then given the telephone alone."""
    names = get_day_names("abbreviated", locale=locale)
    said = []
    for rule in (part.strip() for part in hours.split(";")):
        if not rule or _CLOSED.search(rule):
            continue
        if _UNREADABLE.search(_DAY.sub("", rule)):
            return ""
        rule = _DAY.sub(lambda m: names[DAYS.index(m[1])], rule)
        said.append(re.sub(r"\b0(\d:)", r"\1", rule).replace(",", ", ").replace(",  ", ", "))
    return ", ".join(said)
