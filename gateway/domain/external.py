"""People and appointments as another tool knows them. Values only.

Each `external_id` is a number of that tool.
"""

from dataclasses import dataclass
from datetime import datetime

from gateway.domain.appointment import Kind, Status


@dataclass(frozen=True)
class Agent:
    """A referent to be. `email`: "" for those who only lend a hand; they receive nobody."""

    external_id: str
    email: str
    name: str


@dataclass(frozen=True)
class Person:
    """A beneficiary to be. `phone`: a mobile number, E.164; "" when there is none that we can text."""

    external_id: str
    phone: str
    first_name: str


@dataclass(frozen=True)
class Gone:
    """That tool has erased this person."""

    external_id: str


@dataclass(frozen=True)
class Follows:
    """`agent` is the referent of `person`, or no longer when it `ends`."""

    agent: Agent
    person: Person
    ends: bool = False


@dataclass(frozen=True)
class Seat:
    """Somebody expected at a meeting. `wants_sms`: she has not refused that tool's texts."""

    person: Person
    status: Status
    wants_sms: bool = True


@dataclass(frozen=True)
class Meeting:
    """An appointment of one or several people with one or several agents. No reason is ever kept."""

    external_id: str
    uid: str
    starts_at: datetime
    ends_at: datetime
    kind: Kind
    place: str
    agents: tuple[Agent, ...]
    seats: tuple[Seat, ...]
    url: str = ""


@dataclass(frozen=True)
class Event:
    """Something was so at this moment. Of two events about one thing, the later one counts."""

    at: datetime
    what: Agent | Person | Gone | Follows | Meeting


@dataclass(frozen=True)
class Bound:
    """A beneficiary of ours whom that tool knows. `phone`: "" when no number is hers any more."""

    id: int
    phone: str
    referent_id: int | None
