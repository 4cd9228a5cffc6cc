"""What nudges bring: counts, shares, and those who got one against those left without. Pure computations.

A nudge is ripe seven days after it was said, or held back: before that, nobody knows whether the act will follow.
"""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass, fields
from datetime import date
from enum import StrEnum
from math import sqrt

SURE = 1.96  # standard deviations: the true value lies within in 95 cases of 100
ENOUGH = 20  # people on each side; with fewer nothing is concluded


@dataclass(frozen=True)
class Tally:
    """Nudges of one kind in one stretch of time (a month, a period).

    `delivered`, `failed`, `answered`, `stopped`: of the `said` ones; `acted`: of the `ripe` ones, within seven days.
    `control`: left unsaid to compare, ripe or not. `segments`: those that are paid for.
    """

    kind: str = ""
    about: str = ""
    stretch: int = 0
    said: int = 0
    delivered: int = 0
    failed: int = 0
    answered: int = 0
    stopped: int = 0
    ripe: int = 0
    acted: int = 0
    control: int = 0
    segments: int = 0


NUMBERS = [field.name for field in fields(Tally) if field.type is int and field.name != "stretch"]


def total(tallies: Iterable[Tally]) -> Tally:
    """All of them together, of no kind."""
    found = list(tallies)
    return Tally(**{name: sum(getattr(one, name) for one in found) for name in NUMBERS})


@dataclass(frozen=True)
class Share:
    """`part` of `whole`."""

    part: int
    whole: int

    @property
    def rate(self) -> float | None:
        """0 to 1; None when there is nobody."""
        return self.part / self.whole if self.whole else None

    @property
    def interval(self) -> tuple[float, float]:
        """Wilson's: where the true share lies, 95 times of 100. It never leaves 0 to 1, even with few people."""
        if not self.whole:
            return 0.0, 1.0
        n, p = self.whole, self.part / self.whole
        middle = p + SURE**2 / (2 * n)
        half = SURE * sqrt(p * (1 - p) / n + SURE**2 / (4 * n**2))
        scale = 1 + SURE**2 / n
        return max(0.0, (middle - half) / scale), min(1.0, (middle + half) / scale)


class Finding(StrEnum):
    """What a comparison allows to say."""

    HELPS = "helps"
    HARMS = "harms"
    CHANCE = "chance"
    TOO_FEW = "too_few"


@dataclass(frozen=True)
class Comparison:
    """People who did what one kind of nudge asks for: of those who got it, of those drawn to be left without."""

    kind: str
    about: str
    nudged: Share
    control: Share

    @property
    def difference(self) -> float | None:
        """-1 to 1: what the nudge adds. None when one side has nobody."""
        ours, theirs = self.nudged.rate, self.control.rate
        return None if ours is None or theirs is None else ours - theirs

    @property
    def interval(self) -> tuple[float, float]:
        """Newcombe's (1998, his method 10): the two intervals of Wilson, put together."""
        if self.difference is None:
            return -1.0, 1.0
        ours, theirs = self.nudged.part / self.nudged.whole, self.control.part / self.control.whole
        (low, high), (other_low, other_high) = self.nudged.interval, self.control.interval
        below = sqrt((ours - low) ** 2 + (other_high - theirs) ** 2)
        above = sqrt((high - ours) ** 2 + (theirs - other_low) ** 2)
        return self.difference - below, self.difference + above

    @property
    def finding(self) -> Finding:
        if min(self.nudged.whole, self.control.whole) < ENOUGH:
            return Finding.TOO_FEW
        low, high = self.interval
        if low > 0:
            return Finding.HELPS
        return Finding.HARMS if high < 0 else Finding.CHANCE


def last_months(today: date, count: int) -> Sequence[date]:
    """The first day of each of the last `count` months, this one included, and that of the next: `count` + 1 days.

    >>> [str(day) for day in last_months(date(2026, 1, 31), 2)]
    ['2025-12-01', '2026-01-01', '2026-02-01']
    """
    now = today.year * 12 + today.month - 1
    return [date(n // 12, n % 12 + 1, 1) for n in range(now - count + 1, now + 2)]
