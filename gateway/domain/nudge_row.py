"""A reminder or a nudge, as a referent sees it. Values only."""

from dataclasses import dataclass
from datetime import datetime


@dataclass(frozen=True)
class NudgeRow:
    """`state`: planned, said, ended, control, told; `why`: a domain.verdict.Why, what kept it from being said.

    `due_at`: when it leaves, while it is planned; `planned_at`: when it had to. `said_at`: when its fate was settled,
    said or not. `status` and `error_code` are of its message ("": there is none).
    """

    kind: str
    about: str
    matter_id: int
    step: int
    state: str
    due_at: datetime
    planned_at: datetime
    said_at: datetime | None = None
    answered_at: datetime | None = None
    why: str = ""
    status: str = ""
    error_code: int | None = None
