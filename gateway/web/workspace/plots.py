"""Shapes of the plots. Units: a picture is WIDTH wide, as a phone is, so that its words stay readable there.

A template draws them (templates/workspace/plot.html); how they look is in static/workspace.css.
"""

from collections.abc import Sequence
from dataclasses import dataclass

WIDTH = 320
_LEFT, _LINE, _BAR = 46, 18, 14  # room for an axis; between two lines of words; thickness of a bar
_FULL = WIDTH - 96  # length of a bar at 100 %: its words stand beside it
_HIGH = 90  # of a panel over time


@dataclass(frozen=True)
class Rect:
    x: float
    y: float
    width: float
    height: float
    look: str


@dataclass(frozen=True)
class Label:
    x: float
    y: float
    text: str
    anchor: str = "start"


@dataclass(frozen=True)
class Plot:
    """`lines`: points of each unbroken line; `grid`: heights of horizontal rules, which begin at `left`."""

    height: float
    rects: Sequence[Rect] = ()
    labels: Sequence[Label] = ()
    lines: Sequence[Sequence[tuple[float, float]]] = ()
    grid: Sequence[float] = ()
    left: float = _LEFT
    width: int = WIDTH


Bar = tuple[float | None, str]  # 0 to 1 (None: no bar), and the words beside it
LOOKS = ("full", "hollow")  # told apart in black and white


def bars(rows: Sequence[tuple[str, Sequence[Bar]]]) -> Plot:
    """Under each name one bar, or two to compare: the second one is hollow."""
    rects, labels, y = list[Rect](), list[Label](), 0.0
    for name, group in rows:
        labels.append(Label(0, y + _LINE - 4, name))
        y += _LINE + 2
        for (value, words), look in zip(group, LOOKS, strict=False):
            length = round(_FULL * (value or 0), 1)
            rects.append(Rect(1, y, _FULL, _BAR, "track"))
            rects += [Rect(1, y, length, _BAR, look)] if value else []
            labels.append(Label(_FULL + 8, y + _BAR - 2, words))
            y += _BAR + 5
        y += 7
    return Plot(y, rects, labels)


def over_time(rows: Sequence[tuple[str, int | None, float | None]]) -> Plot:
    """(initial of the month, number, share): the numbers as bars above, the shares as a line below."""
    most = max((number or 0 for _, number, _ in rows), default=0) or 1
    step = (WIDTH - _LEFT) / max(len(rows), 1)
    top, below = float(_LINE), float(_LINE + _HIGH + 2 * _LINE)
    middles = [_LEFT + step * (n + 0.5) for n in range(len(rows))]
    rects = [
        Rect(
            round(x - step * 0.35, 1), round(top + _HIGH * (1 - number / most), 1),
            round(step * 0.7, 1), round(_HIGH * number / most, 1), "full",
        )
        for x, (_, number, _) in zip(middles, rows, strict=True) if number
    ]  # fmt: skip
    points = [
        None if share is None else (round(x, 1), round(below + _HIGH * (1 - share), 1))
        for x, (_, _, share) in zip(middles, rows, strict=True)
    ]
    foot = below + _HIGH + _LINE
    axis = [
        (top, str(most)),
        (top + _HIGH, "0"),
        (below, "100 %"),
        (below + _HIGH / 2, "50 %"),
        (below + _HIGH, "0 %"),
    ]
    labels = [Label(_LEFT - 5, y + 4, words, "end") for y, words in axis]
    labels += [Label(x, foot, name, "middle") for x, (name, _, _) in zip(middles, rows, strict=True)]
    return Plot(foot + 6, rects, labels, _unbroken(points), [y for y, _ in axis])


def _unbroken(points: Sequence[tuple[float, float] | None]) -> Sequence[Sequence[tuple[float, float]]]:
    """A line stops where nothing is known, and begins again after it."""
    lines: list[list[tuple[float, float]]] = [[]]
    for point in points:
        if point is None:
            lines.append([])
        else:
            lines[-1].append(point)
    return [line for line in lines if line]
