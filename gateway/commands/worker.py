"""Production : un travailleur. Fait le travail dû, avec les autres, sans jamais le faire deux fois."""

import argparse
import asyncio
import signal

from gateway import logs
from gateway.app import Wiring, build, running
from gateway.commands.serve import production_settings
from gateway.errors import NotReady


def add_arguments(parser: argparse.ArgumentParser) -> None:
    del parser


def run(arguments: argparse.Namespace) -> int:
    del arguments
    settings = production_settings()
    if not settings.redis_url:
        raise NotReady("REDIS_URL manque : sans Redis, ./run serve fait le travail lui-même.")
    logs.set_up()
    asyncio.run(_work(build(settings)))
    return 0


async def _work(wiring: Wiring) -> None:
    stop = asyncio.Event()
    for sign in (signal.SIGINT, signal.SIGTERM):
        asyncio.get_running_loop().add_signal_handler(sign, stop.set)
    async with running(wiring, work=True):
        await stop.wait()
