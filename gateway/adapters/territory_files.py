"""The communes of a département and the bodies that serve them, read from territories/."""

import csv
from collections.abc import Iterator
from pathlib import Path

from gateway.domain.territory import Body, Commune, Territory


def read_territory(root: Path, departement: str) -> Territory:
    """territories/<departement>/{communes,aliases}.csv. Empty when there is no such folder."""
    folder = root / "territories" / departement
    communes = [_commune(row) for row in _rows(folder / "communes.csv")]
    aliases = {row["old_name"]: row["current_insee"] for row in _rows(folder / "aliases.csv")}
    return Territory(communes, aliases, departement, epci_names(root, departement))


def epci_names(root: Path, departement: str) -> dict[str, str]:
    """SIREN of an intercommunalité → its name."""
    rows = _rows(root / "territories" / departement / "communes.csv")
    return {row["epci_siren"]: row["epci_name"] for row in rows}


def _rows(path: Path) -> Iterator[dict[str, str]]:
    if path.exists():
        with path.open(encoding="utf-8", newline="") as file:
            yield from csv.DictReader(file)


def _commune(row: dict[str, str]) -> Commune:
    return Commune(
        insee=row["insee"],
        name=row["commune"],
        postal_codes=tuple(row["postal_codes"].split()),
        epci=row["epci_siren"],
        population=int(row["population"] or 0),
        bodies={body: (row[body], row[f"{body}_certainty"]) for body in Body if row[body]},
    )
