"""The cells of "what works": a number, a share, or why it is not told. On the page and in the files."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import date
from typing import Any

from gateway.domain.effect import Comparison, Finding, Share, Tally, total
from gateway.domain.nudge import About
from gateway.usecases.sharing import LEAST
from gateway.usecases.writing import PRICE
from gateway.web.workspace import plots, wording

KINDS = wording.WORDS["nudge_kinds"]
FINDINGS = wording.WORDS["findings"]
NO_ACT = ("afterwards", "campaign")  # kinds that ask for nothing but an answer
HIDDEN, TOO_EARLY, NOTHING = f"moins de {LEAST}", "trop tôt", "–"
COUNTED = {
    "said": "envoyés", "delivered": "reçus", "failed": "non reçus", "answered": "réponses",
    "ripe": "envoyés il y a 7 jours ou plus", "acted": "fait sous 7 jours", "stopped": "STOP",
    "control": "gardés sans message", "segments": "SMS",
}  # fmt: skip


@dataclass(frozen=True)
class Found:
    """What was counted since a day, and in each month by its first day. `team`: over the people of several referents."""

    since: date
    tallies: Sequence[Tally]
    comparisons: Sequence[Comparison]
    months: Mapping[date, Sequence[Tally]]
    team: bool

    def least(self, about: str) -> int:
        """Fewer are not told. What she only told the robot is for nobody: an obstacle, least of all."""
        return LEAST if self.team or about == About.OBSTACLE else 0

    @property
    def kinds(self) -> Sequence[str]:
        seen = {one.kind for tallies in (self.tallies, *self.months.values()) for one in tallies}
        return sorted(seen, key=_rank)

    def of(self, kind: str) -> "Found":
        """That kind alone; all when it is ""."""
        return self if not kind else replace(
            self,
            tallies=[one for one in self.tallies if one.kind == kind],
            comparisons=[one for one in self.comparisons if one.kind == kind],
            months={day: [one for one in theirs if one.kind == kind] for day, theirs in self.months.items()},
        )  # fmt: skip


def acting(one: Tally) -> Tally:
    """Where nothing is to be done, nobody did it."""
    return replace(one, ripe=0, acted=0) if one.kind in NO_ACT else one


def by_rank(one: Tally | Comparison) -> tuple[int, str]:
    return _rank(one.kind)


def _rank(kind: str) -> tuple[int, str]:
    """As words.yml has them, then those that it does not name."""
    known = list(KINDS)
    return (known.index(kind) if kind in known else len(known), kind)


def name(kind: str) -> str:
    return KINDS.get(kind, kind)


# the page


def row(one: Tally, least: int) -> dict[str, str]:
    few = one.said < least
    return {
        "name": name(one.kind),
        "said": _number(one.said, least),
        **{
            part: _part(Share(getattr(one, part), one.said), least)
            for part in ("delivered", "failed", "answered", "stopped")
        },
        "acted": _of(Share(one.acted, one.ripe), least) if one.kind not in NO_ACT else NOTHING,
        "segments": HIDDEN if few else _number(one.segments, 0),
        "cost": NOTHING if few else euros(one.segments * PRICE),
    }


def acts(one: Tally, found: Found) -> plots.Bar:
    return _bar(Share(one.acted, one.ripe), found.least(one.about))


def compared(one: Comparison, least: int) -> dict[str, Any]:
    told = one.finding is not Finding.TOO_FEW and min(one.nudged.part, one.control.part) >= least
    return {
        "name": name(one.kind),
        "nudged": _of(one.nudged, least),
        "control": _of(one.control, least),
        "difference": f"{_points(one.difference or 0)} points" if told else NOTHING,
        "range": _range(one) if told else "",
        "finding": FINDINGS[one.finding],
        "bars": [_bar(one.nudged, least), _bar(one.control, least)],
    }


def month(day: date, tallies: Sequence[Tally], found: Found) -> dict[str, Any]:
    """All kinds together, or the one that is looked at."""
    abouts = {one.about for one in tallies}
    least = found.least(abouts.pop()) if len(abouts) == 1 else found.least("")
    whole, asks = total(tallies), any(one.kind not in NO_ACT for one in tallies)
    acted = Share(whole.acted, whole.ripe)
    title = wording.month(f"{day:%Y-%m}")
    rate, _ = _bar(acted, least)
    return {
        "name": title,
        "said": _number(whole.said, least if whole.said else 0),
        "acted": _of(acted, least) if whole.ripe else (TOO_EARLY if asks else NOTHING),
        "shape": (title[0].upper(), whole.said if whole.said >= least else None, rate),
    }


def _bar(share: Share, least: int) -> plots.Bar:
    if share.rate is None:
        return None, TOO_EARLY
    return (None, HIDDEN) if share.part < least else (share.rate, _percent(share.rate))


def _number(number: int, least: int) -> str:
    return HIDDEN if number < least else f"{number:,}".replace(",", "\u202f")


def _part(share: Share, least: int) -> str:
    """ "28 (93 %)"."""
    if share.part < least or share.rate is None:
        return _number(share.part, least)
    return f"{_number(share.part, least)} ({_percent(share.rate)})"


def _of(share: Share, least: int) -> str:
    """ "12 sur 40 (30 %)": its whole is not that of the other columns."""
    if share.rate is None:
        return TOO_EARLY
    if share.whole < least:
        return HIDDEN
    told = f"{_number(share.part, least)} sur {_number(share.whole, least)}"
    return told if share.part < least else f"{told} ({_percent(share.rate)})"


def _percent(rate: float) -> str:
    return f"{round(100 * rate)}\u00a0%"


def euros(amount: float) -> str:
    return f"{amount:.2f}\u00a0€".replace(".", ",")


def _points(difference: float) -> str:
    """ "+12", "−3", with the sign that a reader expects."""
    rounded = round(100 * difference)
    return f"+{rounded}" if rounded > 0 else f"−{-rounded}" if rounded else "0"


def _range(one: Comparison) -> str:
    low, high = one.interval
    return f"entre {_points(low)} et {_points(high)}"


# the files


def lines(found: Found) -> Sequence[Sequence[str]]:
    versus = {one.kind: one for one in found.comparisons}
    head = ["depuis le", "message", *COUNTED.values(), "fait sous 7 jours (%)", "coût (€)"]
    head += ["personnes avec message", "dont fait", "personnes sans message", "dont fait sans message"]
    head += ["écart en points", "conclusion"]
    return [
        head,
        *(_line(f"{found.since:%d/%m/%Y}", one, found, versus.get(one.kind)) for one in found.tallies),
    ]


def _line(since: str, one: Tally, found: Found, versus: Comparison | None) -> Sequence[str]:
    least = found.least(one.about)
    counted = [since, name(one.kind), *_counted(one, least)]
    if versus is None:
        return [*counted, "", "", "", "", "", ""]
    ours, theirs = versus.nudged, versus.control
    shown = [_plain(n, least) for n in (ours.whole, ours.part, theirs.whole, theirs.part)]
    return [*counted, *shown, compared(versus, least)["range"], FINDINGS[versus.finding]]


def lines_by_month(found: Found) -> Sequence[Sequence[str]]:
    head = ["mois", "message", *COUNTED.values(), "fait sous 7 jours (%)", "coût (€)"]
    return [
        head,
        *(
            [f"{day:%Y-%m}", name(one.kind), *_counted(one, found.least(one.about))]
            for day, tallies in found.months.items()
            for one in tallies
        ),
    ]


def _counted(one: Tally, least: int) -> Sequence[str]:
    few, share = one.said < least, Share(one.acted, one.ripe)
    numbers = {field: _plain(getattr(one, field), least) for field in COUNTED}
    if one.kind in NO_ACT:
        numbers |= {"ripe": "", "acted": ""}
    numbers["segments"] = HIDDEN if few else str(one.segments)
    numbers["control"] = _plain(one.control, least) if one.control else "0"
    told = "" if share.rate is None or share.part < least else f"{100 * share.rate:.1f}".replace(".", ",")
    return [*numbers.values(), told, "" if few else f"{one.segments * PRICE:.2f}".replace(".", ",")]


def _plain(number: int, least: int) -> str:
    return HIDDEN if number < least else str(number)
