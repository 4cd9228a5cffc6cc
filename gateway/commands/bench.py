"""Mesure les temps : accusé de réception et réponse, à 1, 4 et 16 personnes à la fois, puis à 20 textes par seconde.

À côté, dans la même mesure : Rasa derrière son propre canal Twilio, avec le même modèle, puis avec ce que `rasa init` propose
(DIET et TED). Sept textes sur dix sont libres, les autres répondent à un menu ; les réponses sont les mêmes. Le transporteur est
une doublure en mémoire, sur les mêmes processeurs. La mémoire est celle de chaque processus (PSS).
"""

import argparse
import asyncio
import json
import tempfile
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from bench import speed
from bench.default_model import default_model
from gateway.commands import bench_nudges
from gateway.commands.train import model


def add_arguments(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("--turns", type=int, default=20, help="messages par personne et par niveau (20)")
    parser.add_argument(
        "--rate",
        type=float,
        nargs="+",
        default=[20],
        help="textes par seconde du flux régulier (20) ; plusieurs : l'un après l'autre",
    )
    parser.add_argument("--seconds", type=float, default=30, help="durée du flux régulier (30)")
    parser.add_argument("--only", nargs="+", choices=speed.SYSTEMS, help="quelques systèmes seulement")
    parser.add_argument("--json", action="store_true", help="une ligne JSON par mesure")
    others = parser.add_subparsers(dest="what", title="autre mesure", metavar="")
    nudges = others.add_parser(
        "nudges", help="rappels et relances : débit, processus tués", description=bench_nudges.__doc__
    )
    bench_nudges.add_arguments(nudges)


def run(arguments: argparse.Namespace) -> int:
    if arguments.what == "nudges":
        return bench_nudges.run(arguments)
    wanted = [name for name in speed.SYSTEMS if name in (arguments.only or speed.SYSTEMS)]
    model()  # trained now if it must be: that takes all processors
    if "default" in wanted:
        default_model()
    with tempfile.TemporaryDirectory() as var:
        asyncio.run(_measured(Path(var), wanted, arguments))
    return 0


async def _measured(var: Path, wanted: Sequence[str], arguments: argparse.Namespace) -> None:
    """Each row as soon as it is known."""
    async for row in speed.measure(var, wanted, arguments.turns, arguments.rate, arguments.seconds):
        print(json.dumps(row, ensure_ascii=False) if arguments.json else _line(row), flush=True)


def _line(row: dict[str, Any]) -> str:
    if "memory_mib" in row:
        parts = ", ".join(f"{part} {size} Mio" for part, size in row["memory_mib"].items())
        return f"{'mémoire':<16} {row['system']:<28} {parts}"
    what = f"{row['people']:>3} à la fois" if "people" in row else f"{row['rate']:g} par seconde"
    return (
        f"{what:<16} {row['system']:<28}"
        f" accusé p50 {row['ack_p50_ms']:>7} p95 {row['ack_p95_ms']:>7} p99 {row['ack_p99_ms']:>7} ms"
        f"   réponse p50 {row['reply_p50_ms']:>7} p95 {row['reply_p95_ms']:>7} p99 {row['reply_p99_ms']:>7} ms"
        f"   {row['messages_a_second']:>5} messages/s   {row['messages']} mesurés, {row['lost']} perdus"
    )
