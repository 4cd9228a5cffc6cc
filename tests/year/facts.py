"""What really happened to people that year, noted by whoever made it happen: the product is judged against it."""

from bisect import bisect_right
from collections.abc import Iterator
from dataclasses import dataclass, field
from datetime import date, datetime, timedelta
from zoneinfo import ZoneInfo

from tests.year.almanac import zone_of


@dataclass(frozen=True, order=True)
class Moment:
    """`order`: what came before what. `at`: on the product's clock. `true`: the same, had nobody put that clock back."""

    order: int
    at: datetime
    true: datetime


@dataclass
class History[T]:
    """What something was, and since when."""

    first: T
    changes: list[tuple[Moment, T]] = field(default_factory=list)

    def becomes(self, value: T, now: Moment) -> None:
        self.changes.append((now, value))

    @property
    def last(self) -> T:
        return self.changes[-1][1] if self.changes else self.first

    def as_of(self, order: int) -> T:
        known = bisect_right([moment.order for moment, _ in self.changes], order)
        return self.changes[known - 1][1] if known else self.first

    def at(self, moment: datetime) -> T:
        value = self.first
        for since, became in self.changes:
            if since.at <= moment:
                value = became
        return value

    def changed_within(self, start: datetime, end: datetime) -> bool:
        return any(start <= since.at <= end for since, _ in self.changes)


@dataclass(frozen=True)
class Text:
    """Taken by the carrier. `kind`: of which nudge, "" for another message. `about`: its appointment or what stays open."""

    when: Moment
    to: str
    body: str
    sid: str
    kind: str = ""
    about: int = 0
    starts_at: datetime | None = None
    campaign: int = 0


@dataclass
class Somebody:
    """`number`: whose it is: hers, dead, nobody ("this is not me"), another."""

    phone: str
    postal_code: str
    referent: int
    conversation: int = 0
    beneficiary: int | None = None
    by_sms: bool = True
    stopped: History[bool] = field(default_factory=lambda: History(False))
    topics_off: dict[str, History[bool]] = field(
        default_factory=lambda: {topic: History(False) for topic in ("reminder", "follow_up", "news")}
    )
    number: History[str] = field(default_factory=lambda: History("hers"))
    taken: History[bool] = field(default_factory=lambda: History(False))
    hour: History[int | None] = field(default_factory=lambda: History(None))
    wrote: list[Moment] = field(default_factory=list)
    dangers: list[Moment] = field(default_factory=list)
    booked: list[Moment] = field(default_factory=list)
    meetings: list["Meeting"] = field(default_factory=list)
    matters: list["Matter"] = field(default_factory=list)
    texts: list[Text] = field(default_factory=list)
    unasked: list[Text] = field(default_factory=list)  # of these: she had asked nothing

    @property
    def zone(self) -> ZoneInfo:
        return zone_of(self.postal_code)


@dataclass(frozen=True)
class Hours:
    """When an appointment is, and what became of it."""

    starts_at: datetime
    ends_at: datetime
    status: str
    kind: str


@dataclass
class Meeting:
    id: int
    whose: Somebody
    known: History[Hours]


@dataclass
class Matter:
    """Something that stays open: from `opened` until `closed`. `what`: why she is invited, or which obstacle."""

    id: int
    about: str
    whose: Somebody
    opened: Moment
    what: str = ""
    due_on: date | None = None
    closed: Moment | None = None

    def open_as_of(self, order: int) -> bool:
        return self.opened.order <= order and (self.closed is None or order < self.closed.order)

    def open_at(self, moment: datetime) -> bool:
        return self.opened.at <= moment and (self.closed is None or moment < self.closed.at)


@dataclass
class CampaignFacts:
    number: int
    launched: Moment
    to: list[Somebody]
    stopped: Moment | None = None
    id: int = 0


@dataclass
class Facts:
    people: list[Somebody] = field(default_factory=list)
    by_phone: dict[str, Somebody] = field(default_factory=dict)
    meetings: dict[int, Meeting] = field(default_factory=dict)
    matters: list[Matter] = field(default_factory=list)
    campaigns: list[CampaignFacts] = field(default_factory=list)
    away: list[tuple[datetime, datetime]] = field(default_factory=list)  # no worker
    trouble: list[tuple[datetime, datetime]] = field(default_factory=list)  # the carrier refuses or is silent
    nothing_free: list[tuple[datetime, datetime]] = field(default_factory=list)
    put_back: list[tuple[datetime, datetime]] = field(default_factory=list)
    tried_dead: list[tuple[Moment, str]] = field(default_factory=list)
    strays: list[str] = field(default_factory=list)  # texts to numbers that nobody knows

    def add(self, somebody: Somebody) -> None:
        self.people.append(somebody)
        self.by_phone[somebody.phone] = somebody

    def open_matters(self, whose: Somebody, about: str = "", what: str = "") -> Iterator[Matter]:
        for one in whose.matters:
            if one.closed is None and about in ("", one.about) and what in ("", one.what):
                yield one

    def opened(self, one: Matter) -> None:
        """The same thing opened again begins anew."""
        for before in self.open_matters(one.whose, one.about, one.what):
            before.closed = one.opened
        one.whose.matters.append(one)
        self.matters.append(one)

    def closed(self, whose: Somebody, now: Moment, about: str, what: str = "", id_: int = 0) -> None:
        for one in self.open_matters(whose, about, what):
            if id_ in (0, one.id):
                one.closed = now


def within(
    moment: datetime, stretches: list[tuple[datetime, datetime]], more: timedelta = timedelta(0)
) -> bool:
    return any(start <= moment < end + more for start, end in stretches)


def overlaps(start: datetime, end: datetime, stretches: list[tuple[datetime, datetime]]) -> bool:
    return any(start < until and since < end for since, until in stretches)
