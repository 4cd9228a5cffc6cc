"""Démarre la démonstration : le robot, la passerelle, le simulateur. Ctrl-C arrête tout."""

import argparse
import asyncio
import json
import secrets
import socket
import sys
from pathlib import Path

import uvicorn
from fastapi import FastAPI
from pydantic import SecretStr

from gateway import logs
from gateway.adapters.database.engine import is_full
from gateway.adapters.encryption import Cipher, new_key
from gateway.adapters.phone import e164
from gateway.adapters.services_file import read_services
from gateway.app import Wiring, build, create_app, running
from gateway.commands.rasa_process import RasaProcess
from gateway.commands.train import model
from gateway.errors import NotReady
from gateway.settings import ROOT, Settings
from gateway.usecases.importing import import_beneficiaries, import_referents
from gateway.usecases.importing_openings import import_openings

DEMONSTRATION = ROOT / "demonstration"
FULL = "Le disque est plein : libérez de la place, puis relancez ./run."


def add_arguments(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("--quiet", action="store_true", help="n'écrit que les adresses")


def run(arguments: argparse.Namespace) -> int:
    settings = demonstration_settings()
    log = settings.var / "gateway.log"
    try:
        with log.open("a", encoding="utf-8") as stream:
            logs.set_up(stream=stream)
            return _demonstrate(settings)
    except Exception as failure:
        if is_full(failure):
            raise NotReady(FULL) from None
        raise


# Unasked messages a second: nobody waits when the clock jumps by weeks. Scripts write faster than thumbs, all day long.
DEMONSTRATION_RATES = {"send_rate": 50.0, "messages_a_minute": 120, "messages_a_day": 5000}


def demonstration_settings() -> Settings:
    """The environment, with secrets made at first start and kept in var/."""
    asked = Settings.read()
    file = asked.var / "secrets.json"
    try:
        asked.var.mkdir(parents=True, exist_ok=True)
        if not file.exists():
            made = {
                "secret_keys": new_key(),
                "action_token": secrets.token_urlsafe(24),
                "twilio_auth_token": secrets.token_hex(16),
                "twilio_account_sid": f"AC{secrets.token_hex(16)}",
                "twilio_sender": "+33939980079",
            }
            _keep(file, json.dumps(made, indent=1))
        kept = json.loads(file.read_text())
        known = isinstance(kept, dict) and all(
            name in Settings.model_fields and isinstance(value, str) for name, value in kept.items()
        )
        if not known:
            raise ValueError("other names or values than ours")
        if not asked.secret_keys.get_secret_value():
            Cipher(kept["secret_keys"])
    except OSError as failure:
        raise _unwritable(asked.var, failure) from None
    except (ValueError, KeyError, NotReady):
        raise NotReady(f"{file} est abîmé : effacez-le, puis relancez ./run.") from None
    missing = {name: value for name, value in kept.items() if not _plain(getattr(asked, name))}
    rates = {name: rate for name, rate in DEMONSTRATION_RATES.items() if name not in asked.model_fields_set}
    return asked.model_copy(update={**_secret(missing), **rates, "simulator": True})


def _keep(file: Path, text: str) -> None:
    """For its owner alone, whole or not at all: a disk may be full."""
    half = file.with_suffix(".half")
    try:
        half.touch(mode=0o600)
        half.write_text(text)
        half.rename(file)
    finally:
        half.unlink(missing_ok=True)


def _unwritable(folder: Path, failure: OSError) -> NotReady:
    if is_full(failure):
        return NotReady(FULL)
    return NotReady(f"Impossible d'écrire dans {folder} : {failure.strerror}.")


def _plain(value: object) -> str:
    return value.get_secret_value() if isinstance(value, SecretStr) else str(value)


def _secret(values: dict[str, str]) -> dict[str, object]:
    """As the settings hold them: those that are secret there stay so."""
    hidden = {name for name, about in Settings.model_fields.items() if about.annotation is SecretStr}
    return {name: SecretStr(value) if name in hidden else value for name, value in values.items()}


def free_port(port: int, setting: str) -> None:
    """Raises NotReady, with what to do, when somebody listens there already."""
    with socket.socket() as probe:
        probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            probe.bind(("127.0.0.1", port))
        except OSError:
            raise NotReady(
                f"Le port {port} est déjà pris : arrêtez l'autre programme, ou choisissez {setting}."
            ) from None


def _demonstrate(settings: Settings) -> int:
    free_port(settings.port, f"un autre port : PORT={settings.port + 1} ./run")
    rasa = None
    if not settings.rasa_url:
        free_port(5005, "RASA_URL pour un Rasa qui tourne déjà")
        trained = model()
        token = settings.action_token.get_secret_value()
        rasa = RasaProcess(
            trained, 5005, f"http://127.0.0.1:{settings.port}/rasa/actions", token, settings.var
        )
    try:
        if rasa:
            rasa.start()
        wiring = build(settings)
        wiring.demonstration_phones = json.loads((DEMONSTRATION / "phones.json").read_text())
        if rasa:
            _progress("Démarrage du robot")
            rasa.wait()
            print("fait", file=sys.stderr)
        asyncio.run(_serve(create_app(wiring), wiring, settings))
    finally:
        if rasa:
            rasa.stop()
        print("Tout est arrêté.", file=sys.stderr)
    return 0


async def _serve(app: FastAPI, wiring: Wiring, settings: Settings) -> None:
    config = uvicorn.Config(
        app, host=settings.host, port=settings.port, log_config=None, access_log=False,
        timeout_graceful_shutdown=3, lifespan="off",
    )  # fmt: skip
    server = uvicorn.Server(config)
    # Opened here and not by the server, which would only log why the database cannot be opened.
    async with running(wiring):
        telling = asyncio.create_task(_tell_when_started(server, wiring, settings))
        await server.serve()
        telling.cancel()


async def _tell_when_started(server: uvicorn.Server, wiring: Wiring, settings: Settings) -> None:
    while not server.started:  # noqa: ASYNC110 uvicorn has no event to wait for
        await asyncio.sleep(0.05)
    store, now = wiring.store, wiring.clock.now()
    await import_referents(store, (DEMONSTRATION / "referents.csv").read_bytes(), now)
    await import_beneficiaries(store, (DEMONSTRATION / "beneficiaries.csv").read_bytes(), e164, now)
    if not await store.rows(store.tables.opening):  # afterwards they are the referents' to change
        await import_openings(store, (DEMONSTRATION / "openings.csv").read_bytes(), wiring.timezone, now)
    if not await store.rows(store.tables.service):  # the examples, until real ones are imported
        services, _ = read_services((DEMONSTRATION / "services.json").read_bytes())
        async with store.transaction() as tx:
            await tx.replace_services(services)
    here = f"http://127.0.0.1:{settings.port}"
    print(
        f"\nCoup de pouce est prêt.\n  Le simulateur (téléphones)  {here}/simulator\n"
        f"  La conversation sur le web  {here}/chat\n  L'espace des référents      {here}/workspace\n"
        f"  L'accueil                   {here}/\n"
        "Ctrl-C pour tout arrêter.",
        flush=True,
    )


def _progress(what: str) -> None:
    print(f"{what}… ", end="", file=sys.stderr, flush=True)
