"""Importe des personnes et des plages (CSV) ou des services (JSON). Les lignes fausses sont dites, les bonnes gardées."""

import argparse
import asyncio
import sys
from pathlib import Path
from zoneinfo import ZoneInfo

from gateway.adapters.clock import MovableClock, SystemClock
from gateway.adapters.database.engine import migrate, open_engine
from gateway.adapters.database.store import DatabaseStore
from gateway.adapters.encryption import Cipher
from gateway.adapters.phone import e164
from gateway.adapters.rdv_insertion_file import read_layout
from gateway.adapters.services_file import read_services
from gateway.adapters.territory_files import read_territory
from gateway.commands.demo import demonstration_settings
from gateway.errors import BadRow, NotReady
from gateway.settings import ROOT, Settings
from gateway.usecases.importing import Imported, import_beneficiaries, import_referents
from gateway.usecases.importing_openings import import_openings
from gateway.usecases.importing_rdv_insertion import RdvInsertion

LARGEST = 500_000_000  # bytes: all the services of France are half of it
PACKED = {
    b"PK": "un classeur ou une archive : enregistrez-le en CSV (ou en JSON), puis recommencez",
    b"\xd0\xcf\x11\xe0": "un classeur Excel : enregistrez-le en CSV, puis recommencez",
    b"\x1f\x8b": "compressé : décompressez-le, puis recommencez",
}


def add_arguments(parser: argparse.ArgumentParser) -> None:
    parser.add_argument(
        "what",
        choices=["referents", "beneficiaries", "openings", "services", "rdv-insertion"],
        help="ce que contient le fichier",
    )
    parser.add_argument(
        "file",
        type=Path,
        help="fichier CSV, avec une ligne de titres ; pour services : JSON data·inclusion v1",
    )


def run(arguments: argparse.Namespace) -> int:
    try:
        content = _read(arguments.file)
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


def _read(file: Path) -> bytes:
    """Raises NotReady when it is no text, or without end: what is packed is not unpacked here."""
    with file.open("rb") as opened:
        content = opened.read(LARGEST + 1)
    if len(content) > LARGEST:
        raise NotReady(
            f"{file} est trop gros : {LARGEST // 1_000_000} Mo au plus. Coupez-le en plusieurs fichiers."
        )
    for begins, what in PACKED.items():
        if content.startswith(begins):
            raise NotReady(f"{file} est {what}.")
    return content


async def _import(settings: Settings, what: str, content: bytes) -> Imported:
    clock = MovableClock(settings.var / "clock.json") if settings.simulator else SystemClock()
    engine = open_engine(settings.database)
    try:
        await migrate(engine)
        store = DatabaseStore(engine, Cipher(settings.secret_keys.get_secret_value()))
        match what:
            case "services":
                return await _import_services(store, content)
            case "referents":
                return await import_referents(store, content, clock.now())
            case "openings":
                return await import_openings(store, content, ZoneInfo(settings.timezone), clock.now())
            case "rdv-insertion":
                people = _rdv_insertion(settings.departement)
                return await people.import_people(store, content, clock.now())
        return await import_beneficiaries(store, content, e164, clock.now())
    finally:
        await engine.dispose()


def _rdv_insertion(departement: str) -> RdvInsertion:
    return RdvInsertion(read_layout(ROOT, departement), read_territory(ROOT, departement), e164)


async def _import_services(store: DatabaseStore, content: bytes) -> Imported:
    """They replace those of the former import, unless there is none to keep."""
    services, refused = read_services(content, _progress)
    if services:
        async with store.transaction() as tx:
            await tx.replace_services(services)
    return Imported(len(services), tuple(refused))


def _progress(read: int, rows: int) -> None:
    print(f"{read} services lus sur {rows}", file=sys.stderr, flush=True)
