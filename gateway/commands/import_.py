"""Importe des personnes depuis un fichier CSV. Les lignes fausses sont dites, les bonnes gardées."""

import argparse
import asyncio
from pathlib import Path

from gateway.adapters.database.engine import migrate, open_engine
from gateway.adapters.database.store import DatabaseStore
from gateway.adapters.encryption import Cipher
from gateway.adapters.phone import e164
from gateway.commands.demo import demonstration_settings
from gateway.errors import BadRow, NotReady
from gateway.settings import Settings
from gateway.usecases.importing import Imported, import_beneficiaries, import_referents


def add_arguments(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("what", choices=["referents", "beneficiaries"], help="ce que contient le fichier")
    parser.add_argument("file", type=Path, help="fichier CSV, avec une ligne de titres")


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
    print(f"{done.kept} lignes gardées, {len(done.refused)} refusées.")
    return 1 if done.refused else 0


async def _import(settings: Settings, what: str, content: bytes) -> Imported:
    engine = open_engine(settings.database)
    try:
        await migrate(engine)
        store = DatabaseStore(engine, Cipher(settings.secret_keys.get_secret_value()))
        if what == "referents":
            return await import_referents(store, content)
        return await import_beneficiaries(store, content, e164)
    finally:
        await engine.dispose()
