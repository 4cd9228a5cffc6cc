"""Appointments, and the time that a referent opens for them. Values only.

A moment is aware and UTC. An opening is on the wall clock of the referent's time zone: "each Tuesday from 9 to 12"
stays at 9 when the clocks change.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import date, datetime, time, timedelta
from enum import StrEnum

CELL = timedelta(minutes=5)  # a referent's time is taken by cells of this length: see Appointment.cells
HELD_FOR = timedelta(minutes=10)  # what was offered to her is offered to the others last
OFFERED = 3  # time slots at once


class Kind(StrEnum):
    IN_PERSON = "in_person"
    PHONE = "phone"
    VIDEO = "video"


class Status(StrEnum):
    """Those of RDV Service Public, and `booked`. `excused`: she cancelled; `revoked`: the service did."""

    BOOKED = "booked"
    SEEN = "seen"
    EXCUSED = "excused"
    REVOKED = "revoked"
    NOSHOW = "noshow"


OFF = frozenset({Status.EXCUSED, Status.REVOKED})  # takes nobody's time any more


@dataclass(frozen=True)
class Opening:
    """A stretch of a referent's time, cut into time slots.

    `weekly`: the same weekday each week from `day` to `until` (None: no end), except on the days of `exceptions`.
    `notice_hours`: nothing is offered sooner; `horizon_days`: nor later. Times and lengths are multiples of 5 minutes.
    """

    referent_id: int
    day: date
    start: time
    end: time
    slot_minutes: int = 30
    kind: Kind = Kind.IN_PERSON
    place: str = ""
    weekly: bool = False
    until: date | None = None
    exceptions: frozenset[date] = frozenset()
    notice_hours: int = 4
    horizon_days: int = 60
    id: int = 0


@dataclass(frozen=True)
class Absence:
    """The referent is away; `substitute_id` receives her people meanwhile."""

    referent_id: int
    starts_at: datetime
    ends_at: datetime
    substitute_id: int | None = None
    id: int = 0


@dataclass(frozen=True, order=True)
class TimeSlot:
    """Computed from openings, never stored."""

    starts_at: datetime
    ends_at: datetime
    referent_id: int
    kind: Kind = Kind.IN_PERSON
    place: str = ""


@dataclass(frozen=True)
class Appointment:
    """`sequence` rises with each change: calendars and whoever changes it at the same time compare it.

    `source`: "" ours, or the tool that it comes from ("rdv_service_public"), which then owns it;
    `external_id` is its number there. `url`: where such a tool lets her change it.
    """

    id: int
    referent_id: int
    conversation_id: int
    starts_at: datetime
    ends_at: datetime
    kind: Kind = Kind.IN_PERSON
    place: str = ""
    status: Status = Status.BOOKED
    uid: str = ""
    sequence: int = 0
    beneficiary_id: int | None = None
    source: str = ""
    external_id: str = ""
    url: str = ""
    referent_first_name: str = ""  # of whoever receives her
    created_at: datetime | None = None
    changed_at: datetime | None = None

    @property
    def ours(self) -> bool:
        return not self.source


def cells(starts_at: datetime, ends_at: datetime) -> Sequence[int]:
    """Numbers of the five-minute cells of a stretch of time, since 1970, ascending.

    Each is taken by one appointment of a referent at most: a unique key then keeps any two from overlapping.
    """
    first, step = int(starts_at.timestamp()), int(CELL.total_seconds())
    last = -(-int(ends_at.timestamp()) // step)
    return range(first // step, max(last, first // step + 1))


# What a turn does to appointments; the edge does it in the transaction of the turn.


@dataclass(frozen=True)
class Book:
    """`moving`: the appointment that this one replaces, with the `sequence` that she saw."""

    slot: TimeSlot
    moving: int | None = None
    sequence: int = 0


@dataclass(frozen=True)
class Cancel:
    appointment_id: int
    sequence: int


@dataclass(frozen=True)
class Hold:
    """What was offered: other people see it last for ten minutes. An empty one gives all back."""

    slots: Sequence[TimeSlot] = ()


@dataclass(frozen=True)
class Wait:
    """She waits for a place with one of these referents; `waits` False: she waits no more."""

    referents: Sequence[int] = ()
    waits: bool = True


BookingChange = Book | Cancel | Hold | Wait
