"""A data·inclusion v1 file: services and their structures, as domain services.

https://gip-inclusion.github.io/data-inclusion-schema/latest/ The schema's own models judge each row.
"""

import json
import re
from collections.abc import Callable, Mapping, Sequence
from typing import Any

from data_inclusion.schema import v1
from pydantic import BaseModel, ValidationError

from gateway.adapters.phone import e164, spoken
from gateway.domain.service import Service
from gateway.errors import BadRow

Rows = Sequence[tuple[int, Any]]  # position, from 1, and what the file has there
Progress = Callable[[int, int], None]  # rows read, rows in all

FICTIONAL = "(exemple)"  # in the name of what the demonstration invents
LONGEST_ID = 200
EVERY = 5000  # rows between two words of progress

_FRANCE = {"france", "99100"}  # the schema allows both
_SHORT_NUMBER = re.compile(r"3\d{3}|1\d{2}|116\d{3}")
_BETWEEN_NUMBERS = re.compile(r"[/;,|(]|\bou\b")
_CODES = ("code_", "zone_")  # a zone may be of five shapes: why each does not fit would mislead
_WHY = {
    "missing": "champ absent",
    "enum": "valeur inconnue",
    "string_too_short": "trop court",
    "string_too_long": "trop long",
    "value_error": "valeur refusée",
}


class BadEntry(BadRow):
    """A row of a list. `line` is its position, from 1; `which` is "service" or "structure"."""

    def __init__(self, which: str, position: int, reason: str) -> None:
        super().__init__(position, reason)
        self.args = (f"{which} {position} : {reason}",)


def read_services(
    content: bytes, tell: Progress = lambda _read, _all: None
) -> tuple[list[Service], list[BadRow]]:
    """(services to keep, rows left out, each with why).

    - `content`: {"structures": […], "services": […]}, or a list of services, each with its "structure" or not
    - a service whose structure is absent or refused is kept, with what it says of itself
    - raises BadRow when the whole is no such file
    """
    structures, services = _lists(content)
    refused: list[BadRow] = []
    known = _structures(structures, refused)
    kept: dict[str, Service] = {}
    for position, row in services:
        try:
            found = _service(row, known)
            if found.id in kept:
                raise ValueError("identifiant déjà présent plus haut")
            kept[found.id] = found
        except ValueError as wrong:
            refused.append(BadEntry("service", position, _told(row, wrong)))
        if position % EVERY == 0:
            tell(position, len(services))
    return list(kept.values()), refused


# the file


def _lists(content: bytes) -> tuple[Rows, Rows]:
    """(rows of structures, rows of services). A structure inside a service has that service's position."""
    try:
        found = json.loads(content)
    except json.JSONDecodeError as wrong:
        raise BadRow(wrong.lineno, "ce n'est pas du JSON") from None
    except (ValueError, RecursionError):
        raise BadRow(1, "ce n'est pas du JSON en UTF-8") from None
    if isinstance(found, list):
        rows = list(enumerate(found, 1))
        inside = [(n, row.get("structure")) for n, row in rows if isinstance(row, dict)]
        return [(n, structure) for n, structure in inside if structure], rows
    if isinstance(found, dict):
        structures, services = found.get("structures") or [], found.get("services")
        if isinstance(structures, list) and isinstance(services, list):
            return list(enumerate(structures, 1)), list(enumerate(services, 1))
    raise BadRow(1, "il faut une liste de services, ou un objet avec « structures » et « services »")


def _structures(rows: Rows, refused: list[BadRow]) -> dict[str, v1.Structure]:
    """id → structure. The bad ones are added to `refused`."""
    known: dict[str, v1.Structure] = {}
    for position, row in rows:
        try:
            structure = _valid(v1.Structure, row)
            known.setdefault(structure.id, structure)
        except ValueError as wrong:
            refused.append(BadEntry("structure", position, _told(row, wrong)))
    return known


def _valid[Model: BaseModel](model: type[Model], row: Any) -> Model:
    """Raises ValueError, pydantic's or one in a few French words."""
    if not isinstance(row, Mapping):
        raise ValueError("ce n'est pas un objet JSON")
    return model.model_validate(row)


def _told(row: Any, wrong: ValueError) -> str:
    """One short sentence, with the row's id when it has one."""
    reason = _reason(wrong) if isinstance(wrong, ValidationError) else str(wrong)
    name = row.get("id") if isinstance(row, Mapping) else None
    return f"{reason} ({_plain(name)[:LONGEST_ID]})" if isinstance(name, str) and name else reason


def _reason(wrong: ValidationError) -> str:
    """ "date_maj : champ absent", and whether other fields are wrong too."""
    errors = wrong.errors(include_url=False, include_context=False)
    fields = list(dict.fromkeys(str(e["loc"][0]) for e in errors))
    first = errors[0]
    why = _WHY.get(first["type"], "valeur illisible")
    reason = f"{fields[0]} : {'code illisible' if fields[0].startswith(_CODES) else why}"
    if first["type"] == "enum" and isinstance(first["input"], str):
        reason += f" « {_plain(first['input'])[:60]} »"
    return reason if len(fields) == 1 else f"{reason}, et d'autres champs"


# one service


def _service(row: Any, known: Mapping[str, v1.Structure]) -> Service:
    """Raises ValueError when the row is not of the schema."""
    valid = _valid(v1.Service, row)
    if not valid.id.strip() or not valid.id.isprintable() or len(valid.id) > LONGEST_ID:
        raise ValueError("identifiant illisible")
    if not _plain(valid.nom):
        raise ValueError("nom illisible")
    structure = known.get(valid.structure_id)
    modes = valid.modes_accueil or {v1.ModeAccueil.EN_PRESENTIEL}
    commune, address = _place(valid, structure)
    return Service(
        id=valid.id,
        name=_plain(valid.nom),
        structure=_plain(structure.nom) if structure else "",
        thematiques=tuple(sorted(t.value for t in valid.thematiques or ())),
        phone=_phone(valid.telephone, structure.telephone if structure else None),
        hours=_plain(valid.horaires_accueil or (structure.horaires_accueil if structure else None)),
        commune=commune,
        address=address,
        zones=tuple(dict.fromkeys("france" if z in _FRANCE else z for z in valid.zone_eligibilite or ())),
        remote=v1.ModeAccueil.A_DISTANCE in modes,
        in_person=v1.ModeAccueil.EN_PRESENTIEL in modes,
        # Not said is not yes: somebody who only speaks to professionals would turn her away.
        by_users=v1.PersonneMobilisatrice.USAGERS in (valid.mobilisable_par or ()),
        updated_on=valid.date_maj,
        fictional=FICTIONAL in valid.nom,
    )


def _place(service: v1.Service, structure: v1.Structure | None) -> tuple[str, str]:
    """(INSEE code, "12 rue du Port, Niort") of the service, else of its structure: never a mix of both."""
    place = structure if structure and not (service.code_insee or service.adresse) else service
    parts = (_plain(place.adresse), _plain(place.commune))
    return place.code_insee or "", ", ".join(part for part in parts if part)


def _phone(*typed: str | None) -> str:
    """The first number that can be dialled, as people read it; "" when there is none."""
    for text in typed:
        for part in _BETWEEN_NUMBERS.split(text or ""):
            if number := e164(part):
                return spoken(number)
            if _SHORT_NUMBER.fullmatch(re.sub(r"[\s.]", "", part)):
                return re.sub(r"[\s.]", "", part)
    return ""


def _plain(text: str | None) -> str:
    """One line, without what is not seen: a NUL would make PostgreSQL refuse the whole import."""
    return " ".join("".join(c for c in text or "" if c.isprintable() or c.isspace()).split())
