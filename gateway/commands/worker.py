"""Production : un travailleur. Fait le travail dû, avec les autres, sans jamais le faire deux fois."""

import argparse
import asyncio
import signal

from gateway import logs
from gateway.app import Wiring, build, running
from gateway.commands.production import production_settings, ready_database


def add_arguments(parser: argparse.ArgumentParser) -> None:
    del parser


def run(arguments: argparse.Namespace) -> int:
    del arguments
    settings = production_settings(worker=True)
    logs.set_up()
    asyncio.run(_work(build(settings)))
    return 0


async def _work(wiring: Wiring) -> None:
    stop = asyncio.Event()
    for sign in (signal.SIGINT, signal.SIGTERM):
        asyncio.get_running_loop().add_signal_handler(sign, stop.set)
    await ready_database(wiring.store.engine, wiring.settings)
    async with running(wiring, work=True):
        await stop.wait()
