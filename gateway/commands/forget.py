"""Efface tout ce qui est gardé sur une personne, à sa demande. Demande une confirmation. Marche aussi à côté du service."""

import argparse
import sys

from gateway.adapters.clock import MovableClock, SystemClock
from gateway.adapters.database.store import DatabaseTransaction
from gateway.adapters.phone import e164
from gateway.commands.database import asked, settings_here
from gateway.errors import NotReady
from gateway.ports import Clock
from gateway.settings import Settings
from gateway.usecases.privacy import Forgotten, forget_number

NOTHING = "Rien n'est gardé sur ce numéro."


def add_arguments(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("phone", metavar="NUMÉRO", help="son téléphone, par exemple 06 39 98 00 01")
    parser.add_argument("--yes", action="store_true", help="sans demander de confirmation")


def run(arguments: argparse.Namespace) -> int:
    settings, phone = settings_here(), number(arguments.phone)
    now = clock(settings).now()

    async def is_known(tx: DatabaseTransaction) -> bool:
        return await tx.known_at(phone, now) is not None

    async def forgotten(tx: DatabaseTransaction) -> Forgotten | None:
        return await forget_number(tx, phone, now)

    if not asked(settings, is_known):
        print(NOTHING)
        return 0
    if not (arguments.yes or _confirmed()):
        print("Rien n'est effacé.")
        return 1
    done = asked(settings, forgotten)
    print("\n".join(_told(done)) if done else NOTHING)
    return 0


def number(typed: str) -> str:
    """Raises NotReady, without the number."""
    phone = e164(typed)
    if phone is None:
        raise NotReady("Ce numéro est illisible. Exemple : 06 39 98 00 01.")
    return phone


def clock(settings: Settings) -> Clock:
    return MovableClock(settings.var / "clock.json") if settings.simulator else SystemClock()


def _confirmed() -> bool:
    print(
        "Messages, accords, difficultés partagées, rendez-vous, fiche importée : tout sera effacé, pour toujours."
    )
    if not sys.stdin.isatty():
        raise NotReady("Confirmez avec --yes.")
    return input("Effacer ? Écrivez oui : ").strip().lower() == "oui"


def _told(done: Forgotten) -> list[str]:
    told = [
        "C'est effacé."
        if done.gone
        else "C'est effacé. Un message est en train de partir : le numéro s'efface après lui."
    ]
    if done.cancelled:
        told.append(
            f"Rendez-vous à venir annulés : {done.cancelled}. Les référents sont prévenus par e-mail."
        )
    if done.elsewhere:
        told.append("Un rendez-vous à venir est dans RDV Service Public : il est à annuler là-bas.")
    told.append(
        "L'opérateur et le robot sont priés d'oublier aussi : le service s'en charge quand il tourne."
    )
    told.append("Un import qui contient ce numéro le remettra dans le service ; un STOP reste respecté.")
    return told
