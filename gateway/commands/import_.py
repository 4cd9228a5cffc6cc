"""Importe des personnes (CSV) ou des services (JSON). Les lignes fausses sont dites, les bonnes gardées."""

import argparse
import asyncio
import sys
from pathlib import Path

from gateway.adapters.database.engine import migrate, open_engine
from gateway.adapters.database.store import DatabaseStore
from gateway.adapters.encryption import Cipher
from gateway.adapters.phone import e164
from gateway.adapters.services_file import read_services
from gateway.commands.demo import demonstration_settings
from gateway.errors import BadRow, NotReady
from gateway.settings import Settings
from gateway.usecases.importing import Imported, import_beneficiaries, import_referents


def add_arguments(parser: argparse.ArgumentParser) -> None:
    parser.add_argument(
        "what", choices=["referents", "beneficiaries", "services"], help="ce que contient le fichier"
    )
    parser.add_argument(
        "file",
        type=Path,
        help="fichier CSV, avec une ligne de titres ; pour services : JSON data·inclusion v1",
    )


def run(arguments: argparse.Namespace) -> int:
    try:
        content = arguments.file.read_bytes()
    except OSError as failure:
        raise NotReady(f"{arguments.file} : {failure.strerror}") from None
    settings = Settings.read()
    if not settings.secret_keys.get_secret_value():
        settings = demonstration_settings()
    try:
        done = asyncio.run(_import(settings, arguments.what, content))
    except BadRow as wrong:
        raise NotReady(f"{arguments.file}, {wrong}") from None
    for row in done.refused:
        print(f"{arguments.file}, {row}")
    if arguments.what == "services" and not done.kept:
        raise NotReady(f"{arguments.file} : aucun service à garder, l'import précédent reste en place.")
    print(f"{done.kept} lignes gardées, {len(done.refused)} refusées.")
    return 1 if done.refused else 0


async def _import(settings: Settings, what: str, content: bytes) -> Imported:
    engine = open_engine(settings.database)
    try:
        await migrate(engine)
        store = DatabaseStore(engine, Cipher(settings.secret_keys.get_secret_value()))
        if what == "services":
            return await _import_services(store, content)
        if what == "referents":
            return await import_referents(store, content)
        return await import_beneficiaries(store, content, e164)
    finally:
        await engine.dispose()


async def _import_services(store: DatabaseStore, content: bytes) -> Imported:
    """They replace those of the former import, unless there is none to keep."""
    services, refused = read_services(content, _progress)
    if services:
        async with store.transaction() as tx:
            await tx.replace_services(services)
    return Imported(len(services), tuple(refused))


def _progress(read: int, rows: int) -> None:
    print(f"{read} services lus sur {rows}", file=sys.stderr, flush=True)
