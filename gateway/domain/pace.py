"""How fast one number writes, and whether two machines are talking to each other.

Her messages are counted where they are kept: every worker counts the same, and no server that is away refuses anybody.
"""

import re
from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from enum import StrEnum

from gateway.domain.text import folded

MINUTE = timedelta(minutes=1)
CALM = timedelta(minutes=10)  # after which she may be told once more that she writes too fast
PROGRESS = 6  # different answers of ours: a machine gets no more, a person who goes on does
OFTEN = 5  # a text that comes back as often as once in five messages
_FIGURES = re.compile(r"\d+(?: \d+)*")
LONG = 12  # letters under which a text may well be the same as one of ours ("bonjour")


class Pace(StrEnum):
    """What to do with this message. Danger and STOP act whatever it is."""

    CALM = "calm"  # answer
    FAST = "fast"  # say once that she writes too fast
    MANY = "many"  # say once that it is enough for today, and tell the team
    LOOP = "loop"  # say nothing, tell the team
    SILENT = "silent"  # say nothing


@dataclass(frozen=True)
class PaceLimits:
    """Of one number. `a_minute`, `a_day`: messages; `loop`: turns that repeat themselves. 0: no such limit."""

    a_minute: int = 0
    a_day: int = 0
    loop: int = 0

    @property
    def least(self) -> int:
        """Whoever wrote no more than that is within all of them; 0: nothing is limited."""
        return min((limit for limit in (self.a_minute, self.a_day, self.loop) if limit), default=0)

    @property
    def enough(self) -> int:
        """So many of her last messages tell which limit she is beyond."""
        return max(self.a_day, 10 * self.a_minute) + 2


UNLIMITED = PaceLimits()


@dataclass(frozen=True)
class Past:
    """A message of the conversation. `text` is empty when it was erased."""

    hers: bool
    text: str


def pace_of(times: Sequence[datetime], midnight: datetime, limits: PaceLimits) -> Pace:
    """`times`: of her messages, oldest first, the one that is judged at the end. `midnight`: when her day began.

    They go back to midnight, and to `CALM` and a minute before the last one, or are more than the limits.
    """
    now, today = times[-1], sum(at >= midnight for at in times)
    if limits.a_day and today > limits.a_day:
        return Pace.MANY if today == limits.a_day + 1 else Pace.SILENT
    if not limits.a_minute or not _too_fast(times, len(times) - 1, limits.a_minute):
        return Pace.CALM
    lately = (n for n, at in enumerate(times[:-1]) if now - at < CALM)
    told = any(_too_fast(times, n, limits.a_minute) for n in lately)
    return Pace.SILENT if told else Pace.FAST


def _too_fast(times: Sequence[datetime], n: int, most: int) -> bool:
    return n >= most and times[n] - times[n - most] < MINUTE


def is_loop(past: Sequence[Past], turns: int) -> bool:
    """True when `turns` turns have gone round: she repeats herself and so do we, or she sends back what we say.

    `past`: oldest first, at least as long as her last `turns` + 1 messages, the one that is judged at the end. A text
    that she had not written yet is never part of a loop: somebody may have taken the telephone.
    """
    hers = [n for n, one in enumerate(past) if one.hers]
    if len(hers) <= turns:
        return False
    past = past[hers[-turns - 1] :]
    *before, last = (_same(one.text) for one in past if one.hers)
    ours = {_same(one.text) for one in past if not one.hers}
    again, alike = Counter(before)[last], Counter(map(_uncounted, before))[_uncounted(last)]
    often = last != "" and (again * OFTEN >= turns or alike * 2 >= turns)
    echoes = sum(_is_echo(text, ours) for text in before)
    return (often and len(ours) <= PROGRESS) or (_is_echo(last, ours) and echoes * 2 >= turns)


def _is_echo(text: str, ours: set[str]) -> bool:
    return len(text) >= LONG and text in ours


def _same(text: str) -> str:
    return folded(text) or text


def _uncounted(text: str) -> str:
    """A long text without its figures: a machine's file number, its hour. What we say ourselves differs by its dates."""
    return _FIGURES.sub("0", text) if len(text) >= LONG else text
