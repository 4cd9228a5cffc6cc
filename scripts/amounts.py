"""Écrit bot/amounts.yml d'après les paramètres d'OpenFisca-France. À lancer après chaque 1er avril.

OpenFisca-France is AGPL-3.0: it stays out of the gateway, which reads nothing but the file. This script
imports nothing of the gateway, and runs in an environment of its own, thrown away afterwards:

    folder=$(mktemp -d)
    .tools/bin/uv venv "$folder"
    .tools/bin/uv pip install --python "$folder/bin/python" openfisca-france
    "$folder/bin/python" scripts/amounts.py
    rm -r "$folder"

The amounts, and for each its `name`, `unit` and `openfisca`, are kept; the rest is read again. To add one,
write these three under a new key, and run this. Then read `git diff` before committing.
"""

import argparse
import re
from datetime import UTC, date, datetime, timedelta
from functools import reduce
from pathlib import Path
from typing import Any

import yaml
from openfisca_france import CountryTaxBenefitSystem

FILE = Path(__file__).parent.parent / "bot" / "amounts.yml"
HEADER = """\
# Les montants que les réponses peuvent dire (docs/contenu.md, « Un montant »).
# Écrit par scripts/amounts.py d'après OpenFisca-France : on ne change pas un chiffre à la main.
"""
MONTHS = (
    "janvier", "février", "mars", "avril", "mai", "juin",
    "juillet", "août", "septembre", "octobre", "novembre", "décembre",
)  # fmt: skip


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawTextHelpFormatter)
    parser.add_argument("--checked-on", default=datetime.now(UTC).date().isoformat(), metavar="AAAA-MM-JJ")
    day = parser.parse_args().checked_on
    known = yaml.safe_load(FILE.read_text(encoding="utf-8"))
    parameters = CountryTaxBenefitSystem().parameters
    fresh = {name: read_again(about, parameters, day) for name, about in known.items()}
    text = yaml.safe_dump(fresh, allow_unicode=True, sort_keys=False, width=200)
    FILE.write_text(HEADER + text, encoding="utf-8")
    for name, about in fresh.items():
        print(
            f"{name} : {about['value']}, du {about['from']} au {about['valid_until']}, {about['reference']}"
        )


def read_again(about: dict[str, Any], parameters: Any, day: str) -> dict[str, Any]:
    """The value in force that day. Without a law behind it, no amount: KeyError."""
    parameter = reduce(getattr, about["openfisca"].split("."), parameters)
    newest = next(v for v in parameter.values_list if v.instant_str <= day)  # newest first
    if newest.value is None:
        raise SystemExit(f"{about['openfisca']} n'a plus de valeur depuis le {newest.instant_str}")
    reference = parameter.metadata["reference"][newest.instant_str]
    first = reference[0] if isinstance(reference, list) else reference
    return {
        "name": about["name"],
        "value": newest.value,
        "unit": about["unit"],
        "from": newest.instant_str,
        "valid_until": eve_of_april(newest.instant_str),
        "checked_on": day,
        "reference": brief(first["title"]),
        "url": first["href"],
        "openfisca": about["openfisca"],
    }


def eve_of_april(since: str) -> str:
    """These benefits are raised each 1 April: until then, never after, whatever else is known."""
    start = date.fromisoformat(since)
    april = date(start.year + (start >= date(start.year, 4, 1)), 4, 1)
    return (april - timedelta(days=1)).isoformat()


def brief(title: str) -> str:
    """ "Décret n° 2026-220 du 30 mars 2026, art. 1" as our sources are written, and an SMS carries it."""
    title = title.replace("n° ", "").replace("LOI", "Loi")
    return re.sub(
        rf"(\d+)(?:er)? ({'|'.join(MONTHS)}) (\d{{4}})",
        lambda m: f"{int(m[1]):02}/{MONTHS.index(m[2]) + 1:02}/{m[3]}",
        title,
    )


if __name__ == "__main__":
    main()
