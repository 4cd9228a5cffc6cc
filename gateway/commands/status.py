"""Est-ce que ça marche ? Ce qui attend, ce qui ne va pas et quoi faire, le coût du mois. Marche aussi quand le service est arrêté."""

import argparse
import asyncio
from collections.abc import Iterator, Sequence
from zoneinfo import ZoneInfo

import httpx2

from gateway import logs
from gateway.adapters.database.engine import open_engine
from gateway.adapters.database.standing import room
from gateway.adapters.database.store import DatabaseStore
from gateway.adapters.encryption import Cipher
from gateway.adapters.holidays import french_holidays
from gateway.adapters.rasa import RasaAssistant
from gateway.commands.database import settings_here
from gateway.commands.forget import clock
from gateway.domain.quiet import QuietHours
from gateway.domain.running import Fault, Look, Spent
from gateway.settings import Settings
from gateway.usecases.watching import Watch
from gateway.web.workspace import wording
from gateway.web.workspace.service import check, concerns, cost, seen, waits


def add_arguments(parser: argparse.ArgumentParser) -> None:
    del parser


def run(arguments: argparse.Namespace) -> int:
    """1 when something that people need is missing."""
    del arguments
    logs.set_up("ERROR")
    settings = settings_here()
    look, spent = asyncio.run(_looked(settings))
    print("\n".join((*_heading(look, settings), *_lines(look, spent, ZoneInfo(settings.timezone)))))
    return 0 if look.ready else 1


async def _looked(settings: Settings) -> tuple[Look, Sequence[Spent]]:
    engine, assistant = open_engine(settings.database), RasaAssistant(settings.rasa_urls)
    quiet = QuietHours.read(
        settings.quiet_hours, ZoneInfo(settings.timezone),
        lambda day: day in french_holidays((day.year,), settings.departement),
    )  # fmt: skip
    store = DatabaseStore(engine, Cipher(settings.secret_keys.get_secret_value()))
    watch = Watch(store, assistant.ready, lambda: room(settings.database), clock(settings), quiet)
    try:
        look = await watch.look()
        return look, await watch.spent() if look.standing else ()
    finally:
        await assistant.close()
        await engine.dispose()


def _heading(look: Look, settings: Settings) -> Iterator[str]:
    """The gateways, as the carrier reaches them."""
    yield f"Coup de pouce, {wording.when(look.at, ZoneInfo(settings.timezone))}"
    try:
        answers = httpx2.get(f"{settings.public}/", timeout=5).status_code == 200
    except httpx2.HTTPError:
        answers = False
    sign, state = ("✓", "répond") if answers else ("✕", "ne répond pas d'ici")
    yield f"  {sign} {settings.public} {state}."


def _lines(look: Look, spent: Sequence[Spent], zone: ZoneInfo) -> Iterator[str]:
    for fault in (*look.faults, *(one for one in Fault if one not in look.faults and concerns(one, look))):
        told = check(fault, look)
        yield f"  {told['sign']} {told['name']} : {told['state'].lower()}. {told['says']}"
        if fault in look.faults:
            yield f"      {told['do']}"
            yield f"      En détail : docs/exploitation.md, « Les pannes », ligne « {told['see']} »."
    if look.standing is None:
        return
    yield ""
    for name, value in (*list(seen(look, zone))[1:], *waits(look.standing, look.at)):
        yield f"  {name} : {value}"
    total = cost(sum(one.messages for one in spent), sum(one.segments for one in spent))
    yield f"  Ce mois-ci : {total['segments']} SMS, environ {total['euros']}"
