"""Reminders and nudges: what they are about, and when each is due. Pure rules; whether it may leave: domain/verdict.py.

A kind is one file of bot/nudges. What it is about (a Matter) is an appointment, an invitation, an obstacle, the quarterly
declaration, a contract to sign, an unfinished conversation, or a campaign.
"""

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import date, datetime, time, timedelta
from enum import StrEnum
from typing import Any

from gateway.domain.quiet import QuietHours

A_WEEK = timedelta(days=7)
BEFORE_START = timedelta(minutes=30)  # a reminder that leaves later is of no use
ACTS_WITHIN = timedelta(days=7)  # an act done this long after is counted with the nudge
ANSWERS_WITHIN = timedelta(days=2)
DISCREET = "discreet"  # the words for what others must not read on her phone


class Topic(StrEnum):
    """What she may stop apart from the rest: her appointments, what is followed up, campaigns."""

    REMINDER = "reminder"
    FOLLOW_UP = "follow_up"
    NEWS = "news"


@dataclass(frozen=True)
class NudgeKind:
    """One file of bot/nudges.

    - `about`: the trigger; `only`: facts of the matter that it is for ({"status": {"booked"}})
    - `count_from` + `wait`: the day, or the moment when `at` is None; `at`: the hour, which hers replaces
    - `since`: the matter must have existed this long before it is due
    - `times`, `every`: how often at most; `then` "referent": who is told when all stayed without an answer
    - `useless_at`: a moment of the matter after which it is not said
    - `renews`: months after which a matter that is done begins anew
    - `topic`, `capped` (counts towards two a week), `control` (a share may be left without, to measure)
    - `lines`: [what names the title, what the choice does]
    - `shows`: "meeting" adds with whom and where, "time_slots" puts free time on her screen
    """

    id: str
    about: str
    count_from: str = "opened_at"
    wait: timedelta = timedelta(0)
    at: time | None = None
    only: Mapping[str, frozenset[str]] = field(default_factory=dict)
    since: timedelta = timedelta(0)
    times: int = 1
    every: timedelta = A_WEEK
    then: str = ""
    useless_at: str = ""
    renews: int = 0
    topic: Topic = Topic.FOLLOW_UP
    capped: bool = True
    control: bool = True
    lines: tuple[tuple[str, str], ...] = ()
    shows: str = ""

    @property
    def says(self) -> str:
        return f"utter_nudge/{self.id}"

    @property
    def why(self) -> str:
        return f"utter_why/{self.id}"

    def concerns(self, matter: "Matter") -> bool:
        return matter.about == self.about and all(
            matter.facts.get(fact, "") in values for fact, values in self.only.items()
        )


Kinds = Mapping[str, NudgeKind]


class About(StrEnum):
    """The triggers. Each becomes a Matter in usecases/matters.py."""

    APPOINTMENT = "appointment"
    INVITATION = "invitation"
    OBSTACLE = "obstacle"
    DECLARATION = "declaration"
    CONTRACT = "contract"
    TALK = "talk"
    CAMPAIGN = "campaign"


@dataclass(frozen=True)
class FollowUp:
    """Something that stays open until it is done: kept from the turn or the click that opened it.

    `values`: what it is about (an obstacle's kind, why she was invited); `due_on`: the day that it is for, when it has one.
    """

    id: int
    about: str
    conversation_id: int
    beneficiary_id: int | None
    opened_at: datetime
    values: Mapping[str, Any] = field(default_factory=dict)
    due_on: date | None = None
    closed_at: datetime | None = None
    outcome: str = ""

    @property
    def version(self) -> int:
        """Another one when it is opened again, or begins anew for another day."""
        return self.due_on.toordinal() if self.due_on else int(self.opened_at.timestamp())


@dataclass(frozen=True)
class Matter:
    """What a nudge is about, as it stands now.

    `moments`: starts_at, ends_at, opened_at…; `version`: what a change of its time changes (a nudge planned for
    another version is void); `open` False: done, cancelled, answered; `values`: of the placeholders.
    """

    about: str
    id: int
    conversation_id: int
    beneficiary_id: int | None
    moments: Mapping[str, datetime]
    version: int = 0
    open: bool = True
    facts: Mapping[str, str] = field(default_factory=dict)
    values: Mapping[str, Any] = field(default_factory=dict)


@dataclass(frozen=True)
class Planned:
    """A nudge to come: the `step`-th of its kind about that matter. `step` past the kind's `times`: who follows her is told."""

    kind: str
    about: str
    matter_id: int
    version: int
    conversation_id: int
    beneficiary_id: int | None
    step: int
    due_at: datetime

    @property
    def key(self) -> str:
        """Said once."""
        return f"{self.kind}:{self.matter_id}:{self.version}:{self.step}:{self.conversation_id}"


def planned(
    kind: NudgeKind,
    matter: Matter,
    quiet: QuietHours,
    known_at: datetime,
    hour: int | None = None,
) -> Planned | None:
    """The first nudge of this kind about this matter. None: it does not concern it, or its hour was over already.

    `known_at`: when the matter became what it is. `hour`: hers, on the clock, when she said one.
    """
    if not matter.open or not kind.concerns(matter) or kind.count_from not in matter.moments:
        return None
    counted_from = matter.moments[kind.count_from]
    due = _due(kind, kind.wait, counted_from, quiet, hour)
    start = matter.moments.get(kind.useless_at)
    if start and due > start - BEFORE_START:
        due = start - BEFORE_START
    since = max(known_at, matter.moments.get("opened_at", known_at) + kind.since)
    if due < since:
        return None
    if kind.count_from == "ends_at":  # what is asked afterwards is never asked before
        since = max(since, counted_from)
    if kind.at or kind.wait:  # what is due at once waits for the morning instead
        permitted = quiet.last_before(due)
        due = permitted if permitted >= since else quiet.over_at(due) or due
    if start and due >= start:
        return None
    return _step(kind, matter, 1, due)


def next_step(
    kind: NudgeKind,
    matter: Matter,
    step: int,
    said_at: datetime,
    quiet: QuietHours,
    hour: int | None = None,
) -> Planned | None:
    """What follows the `step`-th when she does not answer: it once more, or a word to who follows her."""
    if step < kind.times:
        due = _due(kind, kind.every, said_at, quiet, hour)
        return _step(kind, matter, step + 1, quiet.last_before(due))
    if step == kind.times and (kind.then or kind.renews):
        return _step(kind, matter, step + 1, said_at + kind.every)
    return None


def _step(kind: NudgeKind, matter: Matter, step: int, due: datetime) -> Planned:
    return Planned(
        kind.id, matter.about, matter.id, matter.version, matter.conversation_id, matter.beneficiary_id, step, due
    )  # fmt: skip


def at_her_hour(kind: NudgeKind, one: Planned, quiet: QuietHours, hour: int) -> datetime:
    """When it is due on its day, now that she said an hour."""
    if kind.at is None or one.step > kind.times:
        return one.due_at
    day = one.due_at.astimezone(quiet.zone).date()
    return quiet.last_before(_at_her_hour(kind, day, quiet, hour).astimezone(one.due_at.tzinfo))


def _due(
    kind: NudgeKind, wait: timedelta, counted_from: datetime, quiet: QuietHours, hour: int | None
) -> datetime:
    """Days are counted on the calendar: two days before is at the same hour through a clock change."""
    here = counted_from.astimezone(quiet.zone)
    if kind.at is None:
        days = timedelta(days=wait.days)
        moved = (here.replace(tzinfo=None) + days).replace(tzinfo=quiet.zone)
        return (moved.astimezone(counted_from.tzinfo)) + (wait - days)
    day = here.date() + timedelta(days=wait.days)
    due = _at_her_hour(kind, day, quiet, hour)
    if kind.count_from == "ends_at" and due < counted_from:
        due = _at_her_hour(kind, day + timedelta(days=1), quiet, hour)
    return due.astimezone(counted_from.tzinfo)


def _at_her_hour(kind: NudgeKind, day: date, quiet: QuietHours, hour: int | None) -> datetime:
    at = time(hour) if hour is not None else kind.at
    return datetime.combine(day, at or time.min, quiet.zone)


def later_quarter(day: date, months: int) -> date:
    """The same day, months later; the last of the month when it has no such day."""
    month = day.month - 1 + months
    year, month = day.year + month // 12, month % 12 + 1
    for last in (day.day, 30, 29, 28):
        try:
            return date(year, month, last)
        except ValueError:
            continue
    raise ValueError(day)
