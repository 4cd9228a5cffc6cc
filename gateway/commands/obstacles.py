"""Les freins partagés : ceux des personnes d'un référent (JSON), et les chiffres du département (CSV, SVG)."""

import argparse
import asyncio
import json
from collections.abc import Awaitable, Callable, Sequence
from pathlib import Path

from gateway.adapters.content_files import ContentFiles
from gateway.adapters.database.engine import migrate, open_engine
from gateway.adapters.database.store import DatabaseStore, DatabaseTransaction
from gateway.adapters.encryption import Cipher
from gateway.adapters.obstacle_files import read_obstacles
from gateway.adapters.territory_files import epci_names, read_territory
from gateway.commands.demo import demonstration_settings
from gateway.errors import NotReady
from gateway.figures import as_csv, as_svg
from gateway.ports import SharedBy
from gateway.settings import ROOT, Settings
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
    settings = Settings.read()
    if not settings.secret_keys.get_secret_value():
        settings = demonstration_settings()
    obstacles = read_obstacles(ROOT / "bot" / "obstacles.yml")
    if arguments.action == "shared":
        rows = asyncio.run(
            _read(settings, lambda tx: tx.obstacles_of_referent(arguments.referent.strip().lower()))
        )
        print(json.dumps(for_referent(rows, obstacles), ensure_ascii=False, indent=2))
        return 0
    rows = asyncio.run(_read(settings, lambda tx: tx.obstacles_of_everybody()))
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


async def _read(
    settings: Settings, ask: Callable[[DatabaseTransaction], Awaitable[Sequence[SharedBy]]]
) -> Sequence[SharedBy]:
    engine = open_engine(settings.database)
    try:
        await migrate(engine)
        store = DatabaseStore(engine, Cipher(settings.secret_keys.get_secret_value()))
        async with store.transaction() as tx:
            return await ask(tx)
    finally:
        await engine.dispose()
