"""What waits on a referent's desk. Values only."""

from dataclasses import dataclass
from datetime import datetime


@dataclass(frozen=True)
class Person:
    """`pseudonym` is her name in addresses; `first_name` is "" when the number is not known to be hers."""

    conversation_id: int
    pseudonym: str
    first_name: str = ""


@dataclass(frozen=True)
class Callback:
    """One person who waits for a call. All that she asked is one line.

    `id`: her newest request: closing it closes those before it, and nothing that she asks later.
    `reasons`: see mails/callback.txt, each once, the most urgent first; `since`: her oldest request.
    `phone`: "" when she wrote from the web page. `visible`: her page may be opened.
    """

    id: int
    person: Person
    phone: str
    language: str
    reasons: tuple[str, ...]
    since: datetime
    visible: bool

    @property
    def urgent(self) -> bool:
        return "danger" in self.reasons


@dataclass(frozen=True)
class FailedNumber:
    """`count` messages to her did not arrive; `last`: when the last of them was written."""

    person: Person
    count: int
    last: datetime


@dataclass(frozen=True)
class NoticeOfChange:
    """What she must be told of an appointment (booked, moved, revoked). `done_at` None: it waits for its hour."""

    kind: str
    done_at: datetime | None


@dataclass(frozen=True)
class History:
    """Of an appointment. `changed_at`: what became of it counts."""

    created_at: datetime
    changed_at: datetime
    notices: tuple[NoticeOfChange, ...] = ()
