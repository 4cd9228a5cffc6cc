"""Where a conversation stands, and what one turn changes. Values only: nothing is sent from here."""

import re
from collections.abc import Collection, Mapping
from dataclasses import dataclass, field, replace
from datetime import datetime, timedelta
from enum import StrEnum
from typing import Any

from gateway.domain.appointment import BookingChange
from gateway.domain.choosing import Choosing
from gateway.domain.menu import Choice
from gateway.domain.nudge_changes import NudgeChange
from gateway.domain.obstacle import Assessment, Change, SharedObstacle
from gateway.domain.people import Beneficiary, Referent

# What SIMPLE, SOURCE and "retour" are about: answers and menus, not courtesies.
ANSWERS = ("utter_faq/", "utter_simple/", "utter_menu/", "utter_obstacle/", "utter_danger_")
QUESTIONS = ("utter_ask/", "utter_may_i_tell", "utter_message_erased")
IDLE = timedelta(minutes=30)  # after which Rasa forgets; the gateway remembers where she was


class Channel(StrEnum):
    SMS = "sms"
    WEB = "web"


@dataclass(frozen=True)
class Reply:
    """One response to say: its name in bot/data, and the values of its placeholders."""

    response: str
    values: Mapping[str, Any] = field(default_factory=dict)


@dataclass(frozen=True)
class State:
    """What the next message needs. Kept encrypted, as JSON.

    - `menu`: the numbered choices she can see; `last`: what was said last, for SIMPLE and SOURCE
    - `trail`: what was said before that, for "retour", newest last
    - `rest`: the end of an answer too long for its segments, said on "1 la suite"
    - `waiting`: her first words, kept while her language is asked
    - `commune`: where she lives, INSEE code; `asking`: what the commune that was asked for will tell
    - `assessment`: the obstacle she is telling, and how far
    - `choosing`: the time slots that were offered, and what she wishes
    - `nudged`: the last nudge she got (its id, its kind), and whether she has written since
    """

    menu: tuple[Choice, ...] = ()
    last: tuple[Reply, ...] = ()
    trail: tuple[tuple[Reply, ...], ...] = ()
    rest: str = ""
    rest_menu: tuple[Choice, ...] = ()
    waiting: bool = False
    welcomed: bool = False
    commune: str = ""
    asking: str = ""
    assessment: Assessment | None = None
    choosing: Choosing | None = None
    nudged: tuple[int, str, bool] | None = None

    def to_json(self) -> dict[str, Any]:
        return {
            "menu": [[c.digit, c.title, c.payload] for c in self.menu],
            "last": _replies_out(self.last),
            "trail": [_replies_out(r) for r in self.trail],
            "rest": self.rest,
            "rest_menu": [[c.digit, c.title, c.payload] for c in self.rest_menu],
            "waiting": self.waiting,
            "welcomed": self.welcomed,
            "commune": self.commune,
            "asking": self.asking,
            "assessment": self.assessment.to_json() if self.assessment else None,
            "choosing": self.choosing.to_json() if self.choosing else None,
            "nudged": self.nudged,
        }

    @classmethod
    def from_json(cls, data: Mapping[str, Any]) -> "State":
        return cls(
            menu=tuple(Choice(*c) for c in data.get("menu", ())),
            last=_replies_in(data.get("last", ())),
            trail=tuple(_replies_in(r) for r in data.get("trail", ())),
            rest=data.get("rest", ""),
            rest_menu=tuple(Choice(*c) for c in data.get("rest_menu", ())),
            waiting=data.get("waiting", False),
            welcomed=data.get("welcomed", False),
            commune=data.get("commune", ""),
            asking=data.get("asking", ""),
            assessment=Assessment.from_json(data.get("assessment")),
            choosing=Choosing.from_json(data.get("choosing")),
            nudged=tuple(data["nudged"]) if data.get("nudged") else None,
        )

    def ended(self, sensitive: Collection[str], says: Collection[str]) -> "State":
        """The conversation is over: what serves it alone is forgotten.

        An obstacle half told waits for her, unless it is one of the `sensitive` kinds; one that is told is gone,
        shared or not. `says`: the responses that name a sensitive kind.
        """
        told = self.assessment
        if told and told.asks and told.kind not in sensitive:
            told = replace(told, queue=tuple(k for k in told.queue if k not in sensitive))
        elif told:
            told = None
        heard = [r.response for replies in (self.last, *self.trail) for r in replies]
        shown = [word for c in self.menu for word in re.split(r"[ .]", c.payload)]
        was = self.assessment is not None and self.assessment.kind in sensitive
        if was or set(heard) & set(says) or set(shown) & set(sensitive):
            asked = self.nudged is not None and not self.nudged[2]  # by what came since: its lines stay
            menu = self.menu if asked else ()
            return replace(self, assessment=told, menu=menu, last=(), trail=(), rest="", rest_menu=())
        return replace(self, assessment=told)

    def after(self, replies: tuple[Reply, ...]) -> "State":
        """The state once these replies have been said.

        The menu stays until another comes: she still sees it, and may answer "2" after reading "1".
        """
        if not any(r.response.startswith(ANSWERS) for r in replies):
            # "thank you" does not make her answer the last but one
            return replace(self, rest="", rest_menu=(), asking="")
        # A question is asked again by where she stands, not by what was said: it is no answer to go back to.
        replies = tuple(r for r in replies if not r.response.startswith(QUESTIONS))
        trail = (*self.trail, self.last)[-5:] if self.last and self.last != replies else self.trail
        return replace(self, last=replies, trail=trail, rest="", rest_menu=(), asking="")


def _replies_out(replies: tuple[Reply, ...]) -> list[list[Any]]:
    return [[r.response, dict(r.values)] for r in replies]


def _replies_in(data: Any) -> tuple[Reply, ...]:
    return tuple(Reply(name, values) for name, values in data)


@dataclass(frozen=True)
class Conversation:
    """One person on one channel. `address` is a phone number or a web session, never given to Rasa."""

    id: int
    channel: Channel
    address: str
    pseudonym: str
    language: str
    language_sure: bool
    state: State
    opted_out: bool = False
    reminded_on: str = ""  # the last day she was told that she had stopped
    callback_open: bool = False
    beneficiary: Beneficiary | None = None
    referent: Referent | None = None
    shared: tuple[SharedObstacle, ...] = ()  # what she told her referent, oldest first
    silent_for: timedelta | None = None  # since the turn before this one
    taken_by: int | None = None  # id of the referent who answers herself meanwhile
    number_failed: bool = False  # her number refuses messages for good


@dataclass(frozen=True)
class Inbound:
    """A message from her, stored. `carrier_stop` is STOP, START or HELP when the carrier dealt with it."""

    id: int
    sid: str
    text: str
    at: datetime
    media: int = 0
    carrier_stop: str = ""


@dataclass(frozen=True)
class Outcome:
    """All that one turn changes. The edge stores it in one transaction, then sends."""

    replies: tuple[Reply, ...] = ()
    language: str = ""
    language_sure: bool = True
    state: State = field(default_factory=State)
    text: str = ""  # rendered; empty when nothing must be said
    stop: bool = False
    start: bool = False
    reminded_on: str = ""
    callback: str = ""  # reason of a call back to ask for, or ""
    receiver: int = 0  # id of the referent whom it is for; 0: hers, else the team
    urgent: bool = False
    asked_rasa: bool = False
    heard: bool = False  # Rasa was asked what this very message means
    denied: bool = False  # she says that the last answer is not the one
    considered: tuple[tuple[str, float], ...] = ()  # meanings weighed, best first, with their odds
    sensitive: bool = False  # danger: her words are not kept for the content team
    erase: bool = False  # her words speak of health or justice: they are not kept once answered
    personal: bool = False  # she tells such an obstacle: erased too, and nothing names what was said
    changes: tuple[
        Change | BookingChange | NudgeChange, ...
    ] = ()  # told to her referent or taken back; booked…
    unfinished: bool | None = (
        None  # she stopped in the middle of something; False: no longer; None: never was
    )
    unbind: bool = False  # "this is not me": the number is no longer that person's
    forget: bool = False  # she confirmed: all that is hers goes


@dataclass(frozen=True)
class Told:
    """What to say after a step of an assessment or of a booking, and what it changes."""

    replies: tuple[Reply, ...]
    state: State
    changes: tuple[Change | BookingChange | NudgeChange, ...] = ()
    callback: str = ""
    receiver: int = 0
    unbind: bool = False
