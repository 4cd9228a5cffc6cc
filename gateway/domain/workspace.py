"""What a referent sees in her workspace. Values only."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta

from gateway.domain.people import Referent
from gateway.domain.text import folded

IDLE_SESSION = timedelta(hours=12)  # a session ends when nothing was asked for so long
LONGEST_SESSION = timedelta(days=7)  # and this long after it was opened, whatever happens
MET_LATELY = timedelta(days=30)  # a referent still sees whom nobody follows, so long after their appointment
TWICE = timedelta(seconds=10)  # the same words again, within this: a double click
LINK_LASTS = timedelta(minutes=15)
LINKS_AT_ONCE = 3  # for one referent, in LINK_LASTS


@dataclass(frozen=True)
class PersonRow:
    """One line of the list of people. `pseudonym` is her name in addresses.

    `referent_id` follows her (None: nobody yet); `bound` False: the number is not known to be hers, so
    `first_name` is empty. `asked`: why she waits for a call, the most urgent request first ("" when she does not).
    """

    conversation_id: int
    pseudonym: str
    first_name: str = ""
    phone: str = ""
    commune: str = ""
    language: str = ""
    bound: bool = True
    referent_id: int | None = None
    next_appointment: datetime | None = None
    stopped: bool = False  # she wrote STOP
    number_failed: bool = False  # her number refuses messages for good
    last_failed: bool = False  # the last message did not arrive
    asked: str = ""
    asked_at: datetime | None = None
    taken_by: int | None = None  # id of the referent who answers herself

    @property
    def urgent(self) -> bool:
        return self.asked == "danger"

    @property
    def fails(self) -> bool:
        return self.number_failed or self.last_failed

    @property
    def weight(self) -> tuple[int, float, str]:
        """Sorts a list: danger, calls asked for, messages that fail, those taken over, then by the next appointment."""
        rank = 0 if self.urgent else 1 if self.asked else 2 if self.fails else 3 if self.taken_by else 4
        coming = self.next_appointment.timestamp() if self.next_appointment else float("inf")
        return (rank, coming, folded(self.first_name))


@dataclass(frozen=True)
class OpenSession:
    """A session that has neither ended nor grown old. `by_proconnect`: signing out must be told there too."""

    id: int
    referent: Referent
    by_proconnect: bool = False


@dataclass(frozen=True)
class SessionRow:
    """One of a referent's open sessions, for her settings."""

    id: int
    created_at: datetime
    seen_at: datetime


@dataclass(frozen=True)
class AccessRow:
    """Who looked at whom, when, to do what (`actions:` of web/workspace/words.yml). `first_name` "": not known, or no longer hers to see."""

    at: datetime
    by: str  # the referent's name
    mine: bool
    action: str
    pseudonym: str
    first_name: str
    visible: bool  # she may open that person's page today


@dataclass(frozen=True)
class Said:
    """A message, as a referent may see it: of a personal one (health, justice), only that there was one.

    `told_the_robot`: about what stands in her way. She is asked whether her referent may know: what she accepts is on
    the page, in the words that she chose; the rest of that talk is between her and the robot.
    """

    id: int
    hers: bool
    text: str
    at: datetime
    personal: bool = False
    told_the_robot: bool = False
    status: str = ""  # of ours: queued, sent, delivered, failed…
    error_code: int | None = None
    by: str = ""  # first name of the referent who wrote it; "": the assistant
    media: int = 0


# Names of the responses of such a talk: being told, asked, shown again.
ABOUT_OBSTACLES = (
    "utter_obstacle/", "utter_ask/", "utter_may_i_tell", "utter_shared", "utter_not_shared", "utter_not_kept",
    "utter_preface_refused", "utter_help_list", "utter_what_blocks", "utter_my_obstacles", "utter_change_obstacle",
    "utter_answer_by_number", "utter_back_to", "utter_nudge/obstacle", "utter_why/obstacle",
)  # fmt: skip


def about_obstacles(responses: Sequence[str]) -> bool:
    return any(name.startswith(ABOUT_OBSTACLES) for name in responses)


@dataclass(frozen=True)
class StopRow:
    """An opt-out: since when, from her words or from the carrier, and until when."""

    at: datetime
    source: str
    ended_at: datetime | None = None
