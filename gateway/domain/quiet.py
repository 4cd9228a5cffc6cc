"""Hours and days when nothing unasked goes out."""

from collections.abc import Callable
from dataclasses import dataclass, field, replace
from datetime import date, datetime, time, timedelta
from zoneinfo import ZoneInfo

SUNDAY = 6
LONGEST_REST = 10  # days in a row that may all be closed, before something is wrong


def _no_holiday(_day: date) -> bool:
    return False


@dataclass(frozen=True)
class QuietHours:
    """From `start` to `end` on the wall clock of `zone`; over midnight when `start` is the later. Equal: never.

    Sundays and the days of `holiday` are quiet from midnight to midnight.
    """

    start: time
    end: time
    zone: ZoneInfo
    holiday: Callable[[date], bool] = field(default=_no_holiday)

    @classmethod
    def read(
        cls, written: str, zone: ZoneInfo, holiday: Callable[[date], bool] = _no_holiday
    ) -> "QuietHours":
        """ "20:00-08:00"."""
        start, end = written.split("-")
        return cls(time.fromisoformat(start), time.fromisoformat(end), zone, holiday)

    def at_home(self, zone: ZoneInfo) -> "QuietHours":
        """The same, on the clock of somebody who lives in another time zone."""
        return self if zone.key == self.zone.key else replace(self, zone=zone)

    def rests(self, day: date) -> bool:
        """A day on which nobody is written to."""
        return day.weekday() == SUNDAY or self.holiday(day)

    def allows(self, moment: datetime) -> bool:
        here = moment.astimezone(self.zone)
        return not self.rests(here.date()) and not self._asleep(here)

    def over_at(self, now: datetime) -> datetime | None:
        """When the quiet that reigns now ends (aware, in the zone of `now`); None when it is not quiet."""
        if self.allows(now):
            return None
        here = now.astimezone(self.zone)
        for days in range(LONGEST_REST):
            day = here.date() + timedelta(days=days)
            if self.rests(day):
                continue
            for begins in (time.min, self.end):
                at = datetime.combine(day, begins, self.zone)
                if at >= here and not self._asleep(at):
                    return at.astimezone(now.tzinfo)
        return None

    def last_before(self, moment: datetime) -> datetime:
        """The last moment, not after this one, at which she may be written to.

        What falls in a forbidden hour goes out in the last permitted hour before it: at its beginning.
        """
        if self.allows(moment):
            return moment
        here = moment.astimezone(self.zone)
        before_the_night = time(self.start.hour - 1, self.start.minute) if self.start.hour else time.min
        hours = sorted({time(23), before_the_night, self.end, time.min}, reverse=True)
        for days in range(LONGEST_REST):
            for begins in hours:
                at = datetime.combine(here.date() - timedelta(days=days), begins, self.zone)
                if at <= here and self.allows(at):
                    return at.astimezone(moment.tzinfo)
        return moment

    def _asleep(self, here: datetime) -> bool:
        hour = here.time().replace(tzinfo=None)
        if self.start <= self.end:
            return self.start <= hour < self.end
        return hour >= self.start or hour < self.end
