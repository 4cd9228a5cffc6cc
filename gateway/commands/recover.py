"""Rattrape les SMS que l'opérateur a reçus pendant une panne et n'a pas pu nous remettre. Sans risque à relancer."""

import argparse
import asyncio
from datetime import timedelta

from gateway.adapters.clock import SystemClock
from gateway.adapters.database.engine import open_engine
from gateway.adapters.database.store import DatabaseStore
from gateway.adapters.encryption import Cipher
from gateway.adapters.twilio import Inbound, TwilioCarrier
from gateway.commands.production import production_settings, ready_database
from gateway.domain.conversation import Channel
from gateway.errors import NotReady, SendLater
from gateway.settings import Settings
from gateway.usecases.conversation import receive

ALL = 1_000_000


def add_arguments(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("--hours", type=int, default=2, help="depuis combien d'heures (2)")


def run(arguments: argparse.Namespace) -> int:
    settings = production_settings()
    try:
        found, missed = asyncio.run(_recovered(settings, timedelta(hours=arguments.hours)))
    except SendLater:
        raise NotReady(
            "L'opérateur ne répond pas, ou refuse TWILIO_AUTH_TOKEN : relancez plus tard."
        ) from None
    print(f"{found} SMS reçus par l'opérateur en {arguments.hours} h, {missed} rattrapés.")
    return 0


async def _recovered(settings: Settings, over: timedelta) -> tuple[int, int]:
    """(messages at the carrier, those we did not have). A running service answers them within seconds."""
    now = SystemClock().now()
    engine = open_engine(settings.database)
    carrier = TwilioCarrier(
        settings.twilio_account_sid, settings.twilio_auth_token.get_secret_value(), settings.twilio_sender, "",
        settings.twilio_api_url, settings.twilio_timeout,
    )  # fmt: skip
    try:
        await ready_database(engine, settings)
        store = DatabaseStore(engine, Cipher(settings.secret_keys.get_secret_value()))
        found = await carrier.received(settings.number, now - over)
        forgotten = await _to_be_forgotten(store)
        new = [await _stored(store, one) for one in found if one.sid not in forgotten]
    finally:
        await carrier.close()
        await engine.dispose()
    return len(found), sum(new)


async def _to_be_forgotten(store: DatabaseStore) -> set[str]:
    """Of people who were forgotten: the carrier still has them, and must not bring them back."""
    async with store.transaction() as tx:
        return {one.name for one in await tx.leftovers(ALL)}


async def _stored(store: DatabaseStore, one: Inbound) -> bool:
    """True when we did not have it."""
    if not one.text and not one.media:
        return False  # emptied at the carrier
    received = await receive(
        store, channel=Channel.SMS, address=one.sender[:40], sid=one.sid[:64], text=one.text, media=one.media,
        now=SystemClock().now(),
    )  # fmt: skip
    return received.new
