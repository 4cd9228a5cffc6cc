"""CSV as spreadsheets write it: Excel, LibreOffice, an export of somebody else's tool."""

import csv
import io
import re
from collections.abc import Iterator, Mapping, Sequence

from gateway.domain.text import folded
from gateway.errors import BadRow

_SEPARATOR = re.compile(r"sep=([,;|\t])\n", re.IGNORECASE)  # what Excel writes, and reads, before the titles

# What people write at the top of a column, for the names of design §8.
NAMES = {
    "e_mail": "email",
    "courriel": "email",
    "nom": "name",
    "prenom": "first_name",
    "telephone": "phone",
    "langue": "language",
    "code_postal": "postal_code",
    "public": "audience",
    "referent": "referent_email",
    "courriel_referent": "referent_email",
    "debut": "starts_at",
    "fin": "ends_at",
    "minutes": "slot_minutes",
    "lieu": "place",
    "repetition": "repeat",
    "jusqu_au": "until",
}

type Row = Mapping[str, str]


def rows(
    content: bytes, required: Sequence[str], names: Mapping[str, str] = NAMES
) -> Iterator[tuple[int, Row]]:
    """(line, its values by column), the empty lines left out. Raises BadRow: a column or a quote is missing.

    A value is text, whatever it looks like: "=1+1" stays so. `names`: other titles of a column.
    """
    text, delimiter = _text(content)
    reader = csv.reader(io.StringIO(text), delimiter=delimiter, strict=True)
    try:
        titles = [_column(title, names) for title in _first(reader)]
        missing = [name for name in required if name not in titles]
        if missing:
            raise BadRow(1, f"colonne absente : {', '.join(missing)}")
        for values in reader:
            if any(value.strip() for value in values):
                yield reader.line_num, _row(titles, values)
    except csv.Error:
        raise BadRow(reader.line_num, "ligne illisible : guillemets ou caractères à vérifier") from None


def listed(text: str) -> list[str]:
    """Values of one cell, separated by ";" or "|"."""
    return [part.strip() for part in re.split(r"[;|]", text) if part.strip()]


def said_yes(text: str) -> bool:
    return folded(text) in ("oui", "o", "yes", "y", "x", "vrai", "true", "1")


def column(title: str) -> str:
    """`N°\\nTéléphones` → `n_telephones`: titles are compared without case, accents nor marks."""
    return folded(title).replace(" ", "_")


def _text(content: bytes) -> tuple[str, str]:
    """(the text, what separates its columns)."""
    text = _decoded(content).replace("\0", "").replace("\r\n", "\n").replace("\r", "\n")
    if told := _SEPARATOR.match(text):
        return text[told.end() - 1 :], told[1]  # its line stays, empty: the others keep their number
    titles = text.lstrip("\n").split("\n", 1)[0]
    return text, max(",;\t", key=titles.count)


def _decoded(content: bytes) -> str:
    if content.startswith((b"\xff\xfe", b"\xfe\xff")):  # Excel's "Unicode text"
        return content.decode("utf-16", "replace")
    try:
        return content.decode("utf-8-sig")
    except UnicodeDecodeError:
        return content.decode("cp1252", "replace")


def _first(lines: Iterator[list[str]]) -> list[str]:
    return next((line for line in lines if any(value.strip() for value in line)), [])


def _column(title: str, names: Mapping[str, str]) -> str:
    return names.get(column(title), column(title))


def _row(titles: Sequence[str], values: Sequence[str]) -> Row:
    """A line too short is empty at its end. Of two columns with one name, the first that says something."""
    row = dict.fromkeys(filter(None, titles), "")
    for title, value in zip(titles, values, strict=False):
        if title and not row[title]:
            row[title] = value.strip()
    return row
