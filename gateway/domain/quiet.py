"""Hours when nothing unasked goes out."""

from dataclasses import dataclass
from datetime import datetime, time, timedelta
from zoneinfo import ZoneInfo


@dataclass(frozen=True)
class QuietHours:
    """From `start` to `end` on the wall clock of `zone`; over midnight when `start` is the later. Equal: never."""

    start: time
    end: time
    zone: ZoneInfo

    @classmethod
    def read(cls, written: str, zone: ZoneInfo) -> "QuietHours":
        """ "20:00-08:00"."""
        start, end = written.split("-")
        return cls(time.fromisoformat(start), time.fromisoformat(end), zone)

    def over_at(self, now: datetime) -> datetime | None:
        """When the quiet that reigns now ends (aware, UTC); None when it is not quiet."""
        here = now.astimezone(self.zone)
        hour = here.time().replace(tzinfo=None)
        if self.start <= self.end:
            quiet = self.start <= hour < self.end
        else:
            quiet = hour >= self.start or hour < self.end
        if not quiet:
            return None
        day = here.date() + timedelta(days=1 if hour >= self.end else 0)
        return datetime.combine(day, self.end, self.zone).astimezone(now.tzinfo)
