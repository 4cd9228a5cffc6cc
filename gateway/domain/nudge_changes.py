"""What a turn changes about nudges; the edge does it in the transaction of the turn."""

from dataclasses import dataclass
from datetime import date


@dataclass(frozen=True)
class Answered:
    """She chose a line of a nudge. `does`: done, later, help, no…; `renews`: months after which what is done begins anew."""

    nudge_id: int
    about: str
    matter_id: int
    does: str
    renews: int = 0


@dataclass(frozen=True)
class TopicStopped:
    """A domain.nudge.Topic; `stopped` False: she wants it again."""

    topic: str
    stopped: bool = True


@dataclass(frozen=True)
class HourChosen:
    """On the clock: when she wants what she did not ask for."""

    hour: int


@dataclass(frozen=True)
class RemindMe:
    """She wants to be reminded of her quarterly declaration, next in the month of this day."""

    due_on: date


NudgeChange = Answered | TopicStopped | HourChosen | RemindMe
