"""Production : la passerelle. Refuse de démarrer sans ses secrets, ou avec le simulateur."""

import argparse
import asyncio

import uvicorn

from gateway import logs
from gateway.app import Wiring, build, create_app, running
from gateway.commands.demo import free_port
from gateway.commands.production import alone_with, production_settings, ready_database

STOP = 10  # seconds for the requests that were begun


def add_arguments(parser: argparse.ArgumentParser) -> None:
    del parser


def run(arguments: argparse.Namespace) -> int:
    del arguments
    settings = production_settings()
    free_port(settings.port, "un autre port dans PORT")
    logs.set_up()
    with alone_with(settings):
        asyncio.run(_serve(build(settings)))
    return 0


async def _serve(wiring: Wiring) -> None:
    settings = wiring.settings
    await ready_database(wiring.store.engine, settings)
    config = uvicorn.Config(
        create_app(wiring), host=settings.host, port=settings.port, log_config=None, access_log=False,
        timeout_graceful_shutdown=STOP, lifespan="off",
    )  # fmt: skip
    # Opened here and not by the server, which would only log why it cannot be opened.
    async with running(wiring):
        await uvicorn.Server(config).serve()
