"""A referent's own calendar (CalDAV), beside ours. Values only."""

from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import NamedTuple

# What her feed shows.
FEED_BEFORE, FEED_AFTER = timedelta(days=30), timedelta(days=365)
A_DAY = timedelta(days=1)
BUSY_AHEAD = timedelta(
    days=60
)  # how far her calendar is read at least; to the horizon of her openings, and a day
READ_EVERY = timedelta(minutes=15)


@dataclass(frozen=True)
class CalendarAccount:
    """`url`: the calendar itself, her principal, or the server alone."""

    url: str
    username: str
    password: str


class CalendarState(NamedTuple):
    """`read_at`: the last time that it answered. `error`: a CalendarError's name, "" when all is well."""

    read_at: datetime | None
    error: str
    failed_at: datetime | None


@dataclass(frozen=True)
class Written:
    """One of our appointments as it stands in her calendar."""

    appointment_id: int
    uid: str
    etag: str
