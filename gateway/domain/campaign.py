"""A message of a referent to many of her people."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime, time, timedelta
from typing import Any

from gateway.domain.quiet import QuietHours


@dataclass(frozen=True)
class Campaign:
    """`response` of the content files, said in each person's language; or `text`, her own words, as she wrote them.

    `filters`: see Audience. `token` names it in addresses. `people`: how many it was for.
    """

    id: int
    referent_id: int
    token: str
    created_at: datetime
    starts_at: datetime
    response: str = ""
    text: str = ""
    filters: Mapping[str, Any] = field(default_factory=dict)
    people: int = 0
    stopped_at: datetime | None = None
    stopped_by: int | None = None


@dataclass(frozen=True)
class Audience:
    """Whom it is for, among the people whom its author sees. Empty: all of them.

    `communes`: names, as imported; `audiences`: values of Beneficiary.audience; `languages`: codes.
    """

    mine: bool = True  # her own people alone; else those of the team that she leads
    communes: Sequence[str] = ()
    audiences: Sequence[str] = ()
    languages: Sequence[str] = ()

    @property
    def filters(self) -> Mapping[str, Any]:
        return {
            "mine": self.mine,
            "communes": list(self.communes),
            "audiences": list(self.audiences),
            "languages": list(self.languages),
        }

    @classmethod
    def of(cls, filters: Mapping[str, Any]) -> "Audience":
        """The contrary of `filters`."""
        lists = {name: tuple(filters.get(name, ())) for name in ("communes", "audiences", "languages")}
        return cls(bool(filters.get("mine", True)), **lists)


@dataclass(frozen=True)
class Draft:
    """What is about to be sent: a `response` or `text`, never both."""

    audience: Audience
    response: str = ""
    text: str = ""


@dataclass(frozen=True)
class Group:
    """People of an audience who read the same thing. `why`: a Why, they are left out; `first`: nobody ever wrote to them."""

    language: str
    first: bool
    why: str
    people: int


@dataclass(frozen=True)
class Choices:
    """What an audience may be chosen from: each value with how many people it stands for."""

    people: int = 0
    communes: Sequence[tuple[str, int]] = ()
    audiences: Sequence[tuple[str, int]] = ()
    languages: Sequence[tuple[str, int]] = ()


@dataclass(frozen=True)
class Reached:
    """Somebody who will be written to. `hour`: hers, on the clock, when she said one."""

    conversation_id: int
    beneficiary_id: int
    postal_code: str = ""
    hour: int | None = None


@dataclass(frozen=True)
class Results:
    """How many people. `said`: handed over, whatever came of it; `held`: a Why → those who were not written to.

    `preparing`: some are still to be added to `waiting`.
    """

    waiting: int = 0
    said: int = 0
    delivered: int = 0
    failed: int = 0
    answered: int = 0
    opted_out: int = 0
    held: Mapping[str, int] = field(default_factory=dict)
    preparing: bool = False

    @property
    def going(self) -> bool:
        """Something of it may still leave."""
        return self.preparing or self.waiting > 0


@dataclass(frozen=True)
class CampaignRow:
    """A campaign as its author and who leads her team see it. `author`: her first name."""

    campaign: Campaign
    author: str
    results: Results


def following(at: datetime, rate: float, quiet: QuietHours) -> datetime:
    """When the next message after this one is due, at `rate` a second.

    One after the other, and not all at once: what else becomes due meanwhile takes its turn among them.
    """
    due = at + timedelta(seconds=1 / rate)
    return quiet.over_at(due) or due


def due_for(one: Reached, at: datetime, quiet: QuietHours) -> datetime:
    """When she is written to, if her turn comes at `at`: at her hour, never in her quiet hours (`quiet`, on her clock)."""
    here = at.astimezone(quiet.zone)
    due = at
    if one.hour is not None and here.hour != one.hour:
        day = here.date() + timedelta(days=here.hour > one.hour)
        due = datetime.combine(day, time(one.hour), quiet.zone).astimezone(at.tzinfo)
    return quiet.over_at(due) or due
