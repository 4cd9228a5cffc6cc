"""Rechiffre toute la base avec la première clé de SECRET_KEYS, pendant que le service tourne."""

import argparse
import asyncio

from gateway.adapters.database.engine import Database, open_engine
from gateway.adapters.database.rekeying import keys_fit, reseal
from gateway.adapters.encryption import Cipher
from gateway.commands.database import settings_here
from gateway.errors import NotReady

WRONG_KEYS = (
    "SECRET_KEYS n'ouvre pas cette base : redonnez toutes ses clés, la plus ancienne en dernier (ou index:…)."
)
UNREADABLE = "{count} valeurs ne s'ouvrent avec aucune clé : rajoutez dans SECRET_KEYS la clé qui manque."
LEFT = (
    "{count} valeurs sont sous une ancienne clé : relancez ./run rekey une fois tous les programmes "
    "redémarrés avec la première clé."
)
DONE = (
    "Tout est sous la première clé : les anciennes peuvent être retirées (gardez celle de l'index : index:…)."
)


def add_arguments(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("--check", action="store_true", help="compte seulement, ne change rien")


def run(arguments: argparse.Namespace) -> int:
    settings = settings_here()
    cipher = Cipher(settings.secret_keys.get_secret_value())
    unreadable, left = asyncio.run(_rekey(open_engine(settings.database), cipher, not arguments.check))
    if unreadable:
        raise NotReady(UNREADABLE.format(count=unreadable))
    if left:
        raise NotReady(LEFT.format(count=left))
    print(DONE)
    return 0


async def _rekey(engine: Database, cipher: Cipher, change: bool) -> tuple[int, int]:
    """(values that no key opens, values under an older key)"""
    unreadable = left = 0
    try:
        if not await keys_fit(engine, cipher):
            raise NotReady(WRONG_KEYS)
        async for table in reseal(engine, cipher, change):
            print(f"{table.table:<16} {table.cells} valeurs, {table.resealed} rechiffrées", flush=True)
            unreadable += table.unreadable
            left += table.left
    finally:
        await engine.dispose()
    return unreadable, left
