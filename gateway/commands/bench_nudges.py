"""Mesure les rappels et relances dus à la même minute : deux travailleurs, un PostgreSQL et un Valkey réels.

Le transporteur est une doublure rapide, dans un processus à elle. Tout partage les processeurs de cette machine :
PostgreSQL, Valkey, la doublure, les travailleurs et, pour les conversations, la passerelle et Rasa.
"""

import argparse
import asyncio
import json
import sys
import tempfile
import time
from collections.abc import Awaitable, Callable, Mapping
from datetime import UTC, datetime
from pathlib import Path
from statistics import quantiles
from typing import Any

from bench import people
from bench.machine import SENDER, TOKEN, Servers, Service, started
from bench.talking import Talkers
from gateway.commands.rasa_process import RasaProcess
from gateway.commands.train import model
from gateway.errors import NotReady
from tests.adapters.servers import free_port

PATIENCE = 120.0  # seconds without any progress: something is broken
TALKERS = [f"+33639980{n:03d}" for n in range(101, 113)]
AT_REST = 20.0  # seconds of conversations before the campaign, to compare

Row = dict[str, Any]


def add_arguments(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("--nudges", type=int, default=31_000, help="messages dus à la même minute (31000)")
    parser.add_argument("--rate", type=float, default=2000, help="SEND_RATE, messages par seconde (2000)")
    parser.add_argument("--texts", type=float, default=2, help="textes reçus par seconde (2)")
    parser.add_argument("--without-rasa", action="store_true", help="sans les conversations")
    parser.add_argument("--only", nargs="+", choices=MEASURES, help="quelques mesures seulement")
    parser.add_argument("--json", action="store_true", help="une ligne JSON par mesure")


def run(arguments: argparse.Namespace) -> int:
    wanted = [name for name in MEASURES if name in (arguments.only or MEASURES)]
    if arguments.without_rasa:
        wanted = [name for name in wanted if name != "conversations"]
    if "conversations" in wanted:
        model()  # trained now if it must be: that takes all processors
    with (
        tempfile.TemporaryDirectory() as var,
        started(arguments.nudges, arguments.rate, Path(var)) as machine,
    ):
        asyncio.run(_measure(machine, wanted, arguments))
    return 0


async def _measure(machine: Servers, wanted: list[str], arguments: argparse.Namespace) -> None:
    _say(f"{machine.nudges} personnes inventées…")
    await machine.prepare()
    for name in wanted:
        row = {"measure": name, "nudges": machine.nudges, **await MEASURES[name](machine, arguments)}
        _say("")
        print(json.dumps(row) if arguments.json else LINES[name](row), flush=True)


async def _all_leave(machine: Servers, _arguments: argparse.Namespace) -> Row:
    async with machine.service() as service:
        began = await _begin(service)
        counts = await _until(service, machine.nudges)
        return _pace(counts, began)


async def _killed(machine: Servers, _arguments: argparse.Namespace) -> Row:
    async with machine.service() as service:
        began = await _begin(service)
        before = await _until(service, machine.nudges // 2)
        while not await people.in_doubt(service.store):  # noqa: ASYNC110 a wave is on its way, in another process
            await asyncio.sleep(0.01)
        service.kill_workers()
        in_doubt = await people.in_doubt(service.store)
        service.start_workers()
        await _until(service, machine.nudges)
        counts = await _settled(service)
        return {
            **_pace(counts, began), "killed_after": before["people"], "in_doubt": in_doubt,
            "sent": counts["people"], "twice": counts["told"] + counts["not_asked"],
            "twice_not_asked": counts["not_asked"],
        }  # fmt: skip


async def _reported(machine: Servers, _arguments: argparse.Namespace) -> Row:
    async with machine.service(reports=True) as service:
        await service.start_gateway()
        began = await _begin(service)
        row = _pace(await _until(service, machine.nudges), began)
        end = time.perf_counter() + PATIENCE
        while (counts := await service.counts())["reports_waiting"] and time.perf_counter() < end:
            _say(f"{counts['reports_waiting']:.0f} rapports de livraison à remettre")
            await asyncio.sleep(0.5)
        taken, seconds = counts["reports_taken"], counts["reported_last"] - began
        return {
            **row, "reports": taken, "reports_refused": counts["reports_refused"],
            "reports_seconds": round(seconds, 1), "reports_a_second": round(taken / seconds),
        }  # fmt: skip


async def _conversations(machine: Servers, arguments: argparse.Namespace) -> Row:
    async with machine.service() as service:
        token = service.environment["ACTION_TOKEN"]
        rasa = RasaProcess(
            model(), free_port(), f"{service.gateway}/rasa/actions", token, machine.var / "rasa"
        )
        service.environment["RASA_URL"] = rasa.url
        try:
            rasa.start()
            await service.start_gateway()
            service.start_workers()
            rasa.wait()
            await service.workers_listen()
            return await _talked(service, machine.nudges, arguments.texts)
        finally:
            rasa.stop()


async def _talked(service: Service, nudges: int, rate: float) -> Row:
    talkers = Talkers(service.http, service.gateway, service.carrier, TOKEN, SENDER, TALKERS, rate)
    await talkers.meet()
    over = asyncio.Event()
    asyncio.get_running_loop().call_later(AT_REST, over.set)
    _say("conversations, sans campagne…")
    await talkers.talk(over)
    at_rest, talkers.waits = talkers.waits, []
    began = await service.due()
    await asyncio.sleep(began - time.perf_counter())
    over = asyncio.Event()
    talking = asyncio.create_task(talkers.talk(over))
    counts = await _until(service, nudges + len(TALKERS))
    over.set()
    row = _pace({**counts, "people": nudges}, began)
    await talking
    return {**row, **_waits("rest", at_rest), **_waits("campaign", talkers.waits)}


async def _begin(service: Service) -> float:
    service.start_workers()
    _say("démarrage des travailleurs…")
    await service.workers_listen()
    return await service.due()


async def _until(service: Service, wanted: int) -> Row:
    """Until so many people have been written to. What the carrier counted."""
    known, since, shown = 0, time.monotonic(), 0.0
    while True:
        counts = await service.counts()
        if counts["people"] >= wanted:
            return counts
        now = time.monotonic()
        if counts["people"] > known:
            known, since = counts["people"], now
        if now - since > PATIENCE:
            raise NotReady(service.failed(f"Plus rien ne part, à {known} sur {wanted}"))
        if now - shown > 1:
            _say(f"{known} messages partis sur {wanted}")
            shown = now
        await asyncio.sleep(0.1)


async def _settled(service: Service) -> Row:
    """Until nothing is left to send or to look for. What the carrier counted."""
    end = time.monotonic() + PATIENCE
    while left := await people.unsettled(service.store, datetime.now(UTC)):
        if time.monotonic() > end:
            raise NotReady(service.failed(f"{left} messages restent en suspens"))
        _say(f"{left} messages cherchés chez le transporteur")
        await asyncio.sleep(0.5)
    return await service.counts()


def _pace(counts: Mapping[str, Any], began: float) -> Row:
    seconds = counts["last"] - began
    return {"seconds": round(seconds, 1), "a_second": round(counts["people"] / seconds)}


def _waits(when: str, waits: list[float | None]) -> Row:
    known = [wait * 1000 for wait in waits if wait is not None]
    cuts = quantiles(known, n=100, method="inclusive") if len(known) > 1 else [0.0] * 99
    return {
        f"{when}_p50_ms": round(cuts[49]), f"{when}_p95_ms": round(cuts[94]),
        f"{when}_texts": len(waits), f"{when}_lost": len(waits) - len(known),
    }  # fmt: skip


def _say(what: str) -> None:
    """Progress, on one line where somebody looks."""
    if sys.stderr.isatty():
        print(f"\r\033[K{what}", end="", file=sys.stderr, flush=True)
    elif what:
        print(what, file=sys.stderr, flush=True)


def _line(row: Row) -> str:
    return f"{row['nudges']} messages dus ensemble : {row['seconds']} s, {row['a_second']} par seconde"


def _killed_line(row: Row) -> str:
    return (
        f"les deux travailleurs tués (kill -9) après {row['killed_after']}, puis relancés : {row['sent']} personnes "
        f"ont leur message, en {row['seconds']} s ; {row['in_doubt']} étaient peut-être partis, {row['twice']} "
        f"partis deux fois, dont {row['twice_not_asked']} sans que le transporteur ait pu être interrogé"
    )


def _reported_line(row: Row) -> str:
    return (
        f"{_line(row)}, avec rapports de livraison à une passerelle : {row['reports']} reçus en "
        f"{row['reports_seconds']} s ({row['reports_a_second']} par seconde), {row['reports_refused']} refusés"
    )


def _talked_line(row: Row) -> str:
    return (
        f"{_line(row)}, et pendant ce temps une réponse en p50 {row['campaign_p50_ms']} ms p95 {row['campaign_p95_ms']} ms "
        f"({row['campaign_texts']} textes, {row['campaign_lost']} sans réponse) ; sans campagne "
        f"p50 {row['rest_p50_ms']} ms p95 {row['rest_p95_ms']} ms ({row['rest_texts']} textes)"
    )


MEASURES: Mapping[str, Callable[[Servers, argparse.Namespace], Awaitable[Row]]] = {
    "sent": _all_leave,
    "killed": _killed,
    "conversations": _conversations,
    "reports": _reported,
}
LINES: Mapping[str, Callable[[Row], str]] = {
    "sent": _line,
    "killed": _killed_line,
    "conversations": _talked_line,
    "reports": _reported_line,
}
