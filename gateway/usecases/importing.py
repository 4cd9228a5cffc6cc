"""People come in by CSV: bad rows are told with their line and reason, good rows are kept.

Running it twice changes nothing.
"""

import csv
import io
import re
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass

from gateway.domain.language import LANGUAGES
from gateway.domain.people import Beneficiary, Referent
from gateway.errors import BadRow
from gateway.ports import Store

PhoneReader = Callable[[str], str | None]

_MAIL = re.compile(r"[^@\s]+@[^@\s]+\.[^@\s]+")


@dataclass(frozen=True)
class Imported:
    kept: int
    refused: tuple[BadRow, ...]


async def import_referents(store: Store, content: bytes) -> Imported:
    """Columns: email, name, phone, structure, communes (separated by ";")."""
    kept, refused = 0, []
    async with store.transaction() as tx:
        for line, row in rows(content, ("email", "name")):
            if not _MAIL.fullmatch(row["email"]):
                refused.append(BadRow(line, "adresse e-mail illisible"))
            elif not row["name"]:
                refused.append(BadRow(line, "nom absent"))
            else:
                await tx.save_referent(
                    Referent(
                        row["email"], row["name"], row.get("phone", ""), row.get("structure", ""),
                        tuple(_list(row.get("communes", ""))),
                    )
                )  # fmt: skip
                kept += 1
    return Imported(kept, tuple(refused))


async def import_beneficiaries(store: Store, content: bytes, read_phone: PhoneReader) -> Imported:
    """Columns: phone, first_name, language, postal_code, commune, referent_email, audience (";")."""
    kept, refused = 0, []
    seen: dict[str, int] = {}
    async with store.transaction() as tx:
        for line, row in rows(content, ("phone",)):
            phone = read_phone(row["phone"])
            referent = row.get("referent_email", "")
            if phone is None:
                refused.append(BadRow(line, "numéro de téléphone illisible"))
            elif phone in seen:
                refused.append(BadRow(line, f"numéro déjà présent ligne {seen[phone]}"))
            elif row.get("language", "") not in ("", *LANGUAGES):
                refused.append(BadRow(line, f"langue inconnue : {', '.join(LANGUAGES)}"))
            elif referent and await tx.referent_id(referent) is None:
                refused.append(BadRow(line, "référent inconnu : importez d'abord les référents"))
            else:
                seen[phone] = line
                await tx.save_beneficiary(
                    Beneficiary(
                        phone, row.get("first_name", ""), row.get("language", ""),
                        row.get("postal_code", ""), row.get("commune", ""),
                        tuple(_list(row.get("audience", ""))),
                    ),
                    referent,
                )  # fmt: skip
                kept += 1
    return Imported(kept, tuple(refused))


def rows(content: bytes, required: tuple[str, ...]) -> Iterator[tuple[int, Mapping[str, str]]]:
    """(line, row) of a CSV in UTF-8 or Windows' encoding, with commas or semicolons, with a BOM or not."""
    try:
        text = content.decode("utf-8-sig")
    except UnicodeDecodeError:
        text = content.decode("cp1252", "replace")
    text = text.replace("\0", "").replace("\r\n", "\n").replace("\r", "\n")
    first = text.split("\n", 1)[0]
    delimiter = ";" if first.count(";") > first.count(",") else ","
    reader = csv.DictReader(io.StringIO(text), delimiter=delimiter)
    try:
        missing = [name for name in required if name not in (reader.fieldnames or ())]
        if missing:
            raise BadRow(1, f"colonne absente : {', '.join(missing)}")
        yield from _read(reader)
    except csv.Error:
        raise BadRow(reader.line_num, "ligne illisible : guillemets ou caractères à vérifier") from None


def _read(reader: "csv.DictReader[str]") -> Iterator[tuple[int, Mapping[str, str]]]:
    for row in reader:
        yield (
            reader.line_num,
            {k: (v or "").strip() for k, v in row.items() if k and isinstance(v, str | None)},
        )


def _list(text: str) -> list[str]:
    return [part.strip() for part in re.split(r"[;|]", text) if part.strip()]
