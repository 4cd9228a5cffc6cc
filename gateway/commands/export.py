"""La copie de tout ce qui est gardé sur une personne, en JSON, pour la lui remettre. Marche aussi à côté du service."""

import argparse
import json

from gateway.adapters.database.store import DatabaseTransaction
from gateway.commands.database import asked, settings_here
from gateway.commands.forget import NOTHING, clock, number
from gateway.errors import NotReady
from gateway.usecases.privacy import copy_of


def add_arguments(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("phone", metavar="NUMÉRO", help="son téléphone, par exemple 06 39 98 00 01")


def run(arguments: argparse.Namespace) -> int:
    settings, phone = settings_here(), number(arguments.phone)
    now = clock(settings).now()

    async def copied(tx: DatabaseTransaction) -> dict[str, object] | None:
        return await copy_of(tx, phone, now)

    found = asked(settings, copied)
    if found is None:
        raise NotReady(NOTHING)
    print(json.dumps(found, ensure_ascii=False, indent=2))
    return 0
