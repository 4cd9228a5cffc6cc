"""French public holidays as people write them, and clocks as IANA keeps them. Nothing here is the product's."""

from datetime import UTC, date, datetime, time, timedelta
from zoneinfo import ZoneInfo

PARIS = ZoneInfo("Europe/Paris")
HOLIDAYS = frozenset(
    date(year, month, day)
    for year, days in {
        2026: [(1, 1), (4, 6), (5, 1), (5, 8), (5, 14), (5, 25), (7, 14), (8, 15), (11, 1), (11, 11), (12, 25)],
        2027: [(1, 1), (3, 29), (5, 1), (5, 6), (5, 8), (5, 17), (7, 14), (8, 15), (11, 1), (11, 11), (12, 25)],
        2028: [(1, 1), (4, 17), (5, 1), (5, 8), (5, 25), (6, 5), (7, 14), (8, 15), (11, 1), (11, 11), (12, 25)],
    }.items()
    for month, day in days
)  # fmt: skip
OVERSEAS = {
    "97400": "Indian/Reunion", "97200": "America/Martinique", "97300": "America/Cayenne",
    "97500": "America/Miquelon", "98800": "Pacific/Noumea", "98700": "Pacific/Tahiti",
}  # fmt: skip
MORNING, EVENING, LAST_HOUR = time(8), time(20), time(19)
A_DAY = timedelta(days=1)


def zone_of(postal_code: str) -> ZoneInfo:
    return ZoneInfo(OVERSEAS[postal_code]) if postal_code in OVERSEAS else PARIS


def day_of_rest(day: date) -> bool:
    return day.isoweekday() == 7 or day in HOLIDAYS


def forbidden(moment: datetime, zone: ZoneInfo) -> bool:
    """From 20:00 to 8:00 where she lives, on Sundays, on public holidays."""
    here = moment.astimezone(zone)
    return day_of_rest(here.date()) or not MORNING <= here.time() < EVENING


def on_clock(day: date, hour: time, zone: ZoneInfo) -> datetime:
    return datetime.combine(day, hour, zone).astimezone(UTC)


def next_permitted(moment: datetime, zone: ZoneInfo) -> datetime:
    """This moment, or the first one after it."""
    if not forbidden(moment, zone):
        return moment
    day = moment.astimezone(zone).date()
    while day_of_rest(day) or on_clock(day, MORNING, zone) < moment:
        day += A_DAY
    return on_clock(day, MORNING, zone)


def last_permitted(moment: datetime, zone: ZoneInfo) -> datetime:
    """This moment, or the beginning of the last permitted hour before it."""
    if not forbidden(moment, zone):
        return moment
    day = moment.astimezone(zone).date()
    while day_of_rest(day) or on_clock(day, LAST_HOUR, zone) > moment:
        day -= A_DAY
    return on_clock(day, LAST_HOUR, zone)
