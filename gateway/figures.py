"""Counts as a table and as a picture: the same figures, as CSV and as SVG."""

import csv
import io
from collections.abc import Mapping, Sequence
from xml.sax.saxutils import escape

from gateway.usecases.sharing import LEAST, Count

HIDDEN = f"<{LEAST}"
FORMULA = tuple("=+-@＝＋－＠|%")  # a spreadsheet would compute what begins so, in a French one or in another
_ONE_LINE = dict.fromkeys(map(ord, "\t\r\n\v\f\u2028\u2029\0"), " ")
_ROW, _LEFT, _WIDTH = 28, 190, 640


def harmless(cell: str) -> str:
    """The cell of a CSV, on one line: an apostrophe keeps a spreadsheet from computing it."""
    shown = "".join(c for c in cell if c.isprintable() and not c.isspace())
    cell = cell.translate(_ONE_LINE)
    return f"'{cell}" if shown.startswith(FORMULA) else cell


def as_csv(found: Sequence[Count], names: Mapping[str, str], places: Mapping[str, str]) -> str:
    """One line a cell; a cell under five says so and no more. Ready for a spreadsheet (";")."""
    out = io.StringIO()
    writer = csv.writer(out, delimiter=";", lineterminator="\n")
    writer.writerow(["mois", "intercommunalité", "frein", "gravité", "personnes"])
    for c in found:
        place = {"": "inconnue", "*": "toutes"}.get(c.epci) or places.get(c.epci, c.epci)
        severity = {"": "", "*": "toutes"}.get(c.severity, c.severity)
        people = HIDDEN if c.people is None else str(c.people)
        cells = [c.month, place, names.get(c.kind, c.kind), severity, people]
        writer.writerow([harmless(cell) for cell in cells])
    return out.getvalue()


def as_svg(totals: Mapping[str, int], names: Mapping[str, str], title: str) -> str:
    """Horizontal bars, the longest first, each with its number; readable in black and white."""
    rows = sorted(((k, n) for k, n in totals.items() if n), key=lambda row: (-row[1], row[0]))
    most = max((n for _, n in rows), default=1)
    height = 60 + _ROW * max(len(rows), 1)
    bars = "".join(_bar(i, names.get(k, k), n, most) for i, (k, n) in enumerate(rows))
    empty = '<text x="12" y="64">Aucun nombre d\'au moins cinq personnes.</text>'
    return (
        f'<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 {_WIDTH} {height}" role="img" '
        f'font-family="sans-serif" font-size="14"><title>{escape(title)}</title>'
        f'<text x="12" y="28" font-size="16" font-weight="bold">{escape(title)}</text>{bars or empty}</svg>\n'
    )


def _bar(index: int, name: str, number: int, most: int) -> str:
    y, width = 46 + index * _ROW, round((_WIDTH - _LEFT - 60) * number / most)
    return (
        f'<text x="{_LEFT - 8}" y="{y + 15}" text-anchor="end">{escape(name)}</text>'
        f'<rect x="{_LEFT}" y="{y}" width="{width}" height="20" fill="#1f5f99"/>'
        f'<text x="{_LEFT + width + 6}" y="{y + 15}">{number}</text>'
    )
