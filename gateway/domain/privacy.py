"""What is held about a person, counted, and what is left to forget elsewhere."""

from dataclasses import dataclass
from datetime import date, datetime, timedelta

GOODBYE = "utter_data_erased"  # the last words to who is forgotten: they are erased in their turn
LAST_WORDS = timedelta(minutes=10)  # how long they stay: the carrier may deliver her message twice
PAGE_STAYS = timedelta(days=1)  # a page in her browser still reads on from the last message that it knows
CALENDARS_WAIT = timedelta(days=7)  # for the calendar of her referent, where her appointment still stands


@dataclass(frozen=True)
class Held:
    """`messages`: hers, `since` the first of them; nothing of who had her number before. `coming`: of the appointments."""

    messages: int = 0
    since: date | None = None
    appointments: int = 0
    obstacles: int = 0
    coming: int = 0


@dataclass(frozen=True)
class Leftover:
    """What another machine still has of somebody forgotten. `place`: "carrier" or "assistant"; `name`: what it is there."""

    id: int
    place: str
    name: str
    since: datetime
