"""Is the service running? What waits at this moment, what happened lately, what it cost, and what is wrong. Pure rules."""

from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import date, datetime, timedelta
from enum import StrEnum
from math import ceil

from gateway.domain.quiet import QuietHours

LATE = timedelta(minutes=5)  # a job that is due, somebody who waits for an answer
NUDGES_LATE = timedelta(hours=2)  # so many a second, and no more: some wait for their turn
MAILS_LATE = timedelta(hours=1)
SILENCE = timedelta(hours=6)  # of the hours when people write, without a word from anybody
LOOKED_BACK = timedelta(days=7)  # a longer silence is not measured
FULL = 16 * 2**20  # bytes left, under which SQLite cannot be relied on


class Fault(StrEnum):
    """What is wrong. Each has its words in gateway/web/faults.yml."""

    DATABASE = "database"
    ASSISTANT = "assistant"
    WORK = "work"
    DISK = "disk"
    UNANSWERED = "unanswered"
    UNSENT = "unsent"
    NUDGES = "nudges"
    MAILS = "mails"
    CALENDARS = "calendars"
    SILENCE = "silence"


BROKEN = (Fault.DATABASE, Fault.ASSISTANT, Fault.WORK, Fault.DISK)  # the service is not ready


@dataclass(frozen=True)
class Waiting:
    """How many wait, and since when the oldest does."""

    count: int = 0
    oldest: datetime | None = None

    def age(self, now: datetime) -> timedelta:
        return max(now - self.oldest, timedelta(0)) if self.oldest else timedelta(0)


NOBODY = Waiting()


@dataclass(frozen=True)
class Standing:
    """The database at one moment.

    - `jobs`: due and not done, by kind; `nudges`: due
    - `unanswered`: her messages; `unsent`: ours, but for those that wait for the morning; `tried_again`: how many of
      these the carrier did not take at once
    - `calls`: people who asked for one; `calendars`: how many do not answer
    - `questions`: kept today for the content team, by kind
    """

    jobs: Mapping[str, Waiting] = field(default_factory=dict)
    nudges: Waiting = NOBODY
    unanswered: Waiting = NOBODY
    unsent: Waiting = NOBODY
    tried_again: int = 0
    mails: Waiting = NOBODY
    calls: Waiting = NOBODY
    calendars: int = 0
    questions: Mapping[str, int] = field(default_factory=dict)
    received_at: datetime | None = None
    sent_at: datetime | None = None

    @property
    def work(self) -> Waiting:
        """All the kinds of jobs together."""
        since = [one.oldest for one in self.jobs.values() if one.oldest]
        return Waiting(sum(one.count for one in self.jobs.values()), min(since, default=None))


@dataclass(frozen=True)
class Lately:
    """What happened since a moment; by channel, reason, (topic, source), (kind, state, why), carrier's code.

    `stored` and `carried`: seconds from her message to its answer, stored, then taken by the carrier; in ascending order.
    """

    received: Mapping[str, int] = field(default_factory=dict)
    answered: Mapping[str, int] = field(default_factory=dict)
    asked_again: int = 0
    dangers: int = 0
    apologies: int = 0
    not_hers: int = 0
    calls: Mapping[str, int] = field(default_factory=dict)
    stops: Mapping[tuple[str, str], int] = field(default_factory=dict)
    nudges: Mapping[tuple[str, str, str], int] = field(default_factory=dict)
    errors: Mapping[int, int] = field(default_factory=dict)
    stored: Sequence[float] = ()
    carried: Sequence[float] = ()


@dataclass(frozen=True)
class Spent:
    """What the carrier was given to carry: in one language, for one kind of message."""

    language: str
    kind: str
    messages: int
    segments: int


@dataclass(frozen=True)
class Look:
    """One look at the whole service. `standing` None: the database does not answer; `room`: bytes left for it, None when it has a
    machine of its own; `assistant_since`: since when it answers, or does not, as far as this process saw.
    """

    at: datetime
    standing: Standing | None
    assistant: bool
    assistant_since: datetime
    room: int | None = None
    silence: timedelta = timedelta(0)

    @property
    def faults(self) -> Sequence[Fault]:
        """The gravest first."""
        now, here = self.at, self.standing or Standing()
        wrong = {
            Fault.DATABASE: self.standing is None,
            Fault.ASSISTANT: not self.assistant,
            Fault.WORK: here.work.age(now) > LATE,
            Fault.DISK: self.room is not None and self.room < FULL,
            Fault.UNANSWERED: here.unanswered.age(now) > LATE,
            Fault.UNSENT: here.unsent.age(now) > LATE,
            Fault.NUDGES: here.nudges.age(now) > NUDGES_LATE,
            Fault.MAILS: here.mails.age(now) > MAILS_LATE,
            Fault.CALENDARS: here.calendars > 0,
            Fault.SILENCE: self.silence > SILENCE,
        }
        return [fault for fault, is_so in wrong.items() if is_so]

    @property
    def ready(self) -> bool:
        return not set(self.faults) & set(BROKEN)


def quantile(ascending: Sequence[float], share: float) -> float | None:
    """The value that this share of them does not exceed; None without any."""
    return ascending[max(ceil(share * len(ascending)) - 1, 0)] if ascending else None


def by(spent: Sequence[Spent], part: str) -> Mapping[str, tuple[int, int]]:
    """(messages, segments) by "language" or by "kind", the most costly first."""
    messages, segments = Counter[str](), Counter[str]()
    for one in spent:
        messages[getattr(one, part)] += one.messages
        segments[getattr(one, part)] += one.segments
    return {name: (messages[name], found) for name, found in segments.most_common()}


def silence(last: datetime | None, now: datetime, quiet: QuietHours) -> timedelta:
    """How long nobody has written, nights, Sundays and public holidays left out. Nothing while nobody ever wrote."""
    if last is None:
        return timedelta(0)
    since, found = max(last, now - LOOKED_BACK), timedelta(0)
    day = since.astimezone(quiet.zone).date()
    while day <= now.astimezone(quiet.zone).date():
        if not quiet.rests(day):
            opens, closes = _awake(day, quiet)
            found += max(min(now, closes) - max(since, opens), timedelta(0))
        day += timedelta(days=1)
    return found


def _awake(day: date, quiet: QuietHours) -> tuple[datetime, datetime]:
    """From the end of one night to the beginning of the next."""
    midnight = datetime.combine(day + timedelta(days=1), datetime.min.time(), quiet.zone)
    falls = datetime.combine(day, quiet.start, quiet.zone) if quiet.start > quiet.end else midnight
    return datetime.combine(day, quiet.end, quiet.zone), falls
