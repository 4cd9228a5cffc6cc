"""Production : la passerelle. Refuse de démarrer sans ses secrets, ou avec le simulateur."""

import argparse

import uvicorn

from gateway import logs
from gateway.app import build, create_app
from gateway.errors import NotReady
from gateway.settings import Settings

REQUIRED = (
    "database_url", "rasa_url", "public_url", "twilio_account_sid", "twilio_auth_token", "twilio_sender",
    "secret_keys", "action_token", "smtp_url", "callback_email",
)  # fmt: skip


def add_arguments(parser: argparse.ArgumentParser) -> None:
    del parser


def run(arguments: argparse.Namespace) -> int:
    del arguments
    settings = production_settings()
    logs.set_up()
    uvicorn.run(
        create_app(build(settings)), host=settings.host, port=settings.port, log_config=None,
        access_log=False, timeout_graceful_shutdown=10,
    )  # fmt: skip
    return 0


def production_settings() -> Settings:
    """The environment, complete. Raises NotReady naming what is missing."""
    settings = Settings.read()
    missing = [name.upper() for name in REQUIRED if name not in settings.model_fields_set]
    if missing:
        raise NotReady(f"Réglages manquants : {', '.join(missing)}. Donnez-les dans l'environnement.")
    if settings.simulator:
        raise NotReady("Le simulateur est réservé à la démonstration : retirez SIMULATOR.")
    return settings
