"""Les freins partagés : ceux des personnes d'un référent (JSON), et les chiffres du département (CSV, SVG)."""

import argparse
import json
from pathlib import Path

from gateway.adapters.content_files import ContentFiles
from gateway.adapters.obstacle_files import read_obstacles
from gateway.adapters.territory_files import epci_names, read_territory
from gateway.commands.database import asked, settings_here
from gateway.errors import NotReady
from gateway.figures import as_csv, as_svg
from gateway.settings import ROOT
from gateway.usecases.sharing import PERSONAL, counts, for_referent, totals


def add_arguments(parser: argparse.ArgumentParser) -> None:
    actions = parser.add_subparsers(dest="action", title="actions", metavar="shared | figures", required=True)
    shared = actions.add_parser("shared", help="ce que les personnes d'un référent lui ont dit, en JSON")
    shared.add_argument("referent", metavar="courriel", help="le courriel du référent")
    figures = actions.add_parser(
        "figures", help="personnes par frein, gravité, intercommunalité et mois ; jamais moins de cinq"
    )
    figures.add_argument("--csv", type=Path, help="écrit le tableau dans ce fichier")
    figures.add_argument("--svg", type=Path, help="écrit l'image dans ce fichier")


def run(arguments: argparse.Namespace) -> int:
    settings = settings_here()
    obstacles = read_obstacles(ROOT / "bot" / "obstacles.yml")
    if arguments.action == "shared":
        rows = asked(settings, lambda tx: tx.obstacles_of_referent(arguments.referent.strip().lower()))
        print(json.dumps(for_referent(rows, obstacles), ensure_ascii=False, indent=2))
        return 0
    rows = asked(settings, lambda tx: tx.obstacles_of_everybody())
    found = counts(rows, obstacles, read_territory(ROOT, settings.departement))
    words = ContentFiles(ROOT)
    names = {k.id: words.name(k.says, "fr") for k in obstacles.kinds.values()}
    names[PERSONAL] = "Santé, justice"
    table = as_csv(found, names, epci_names(ROOT, settings.departement))
    _write(arguments.csv, table)
    _write(arguments.svg, as_svg(totals(found), names, "Ce qui bloque, en nombre de personnes"))
    if not arguments.csv:
        print(table, end="")
    return 0


def _write(path: Path | None, content: str) -> None:
    if path is None:
        return
    try:
        path.write_text(content, encoding="utf-8")
    except OSError as failure:
        raise NotReady(f"{path} : {failure.strerror}") from None
    print(f"Écrit : {path}")
