"""Production : un Rasa, tel que la passerelle l'attend. Il écoute cette machine seule, et n'entraîne rien."""

import argparse
import os

from gateway.commands.rasa_process import command, environment, in_file
from gateway.commands.train import MODELS, RASA, fingerprint
from gateway.errors import NotReady
from gateway.settings import ROOT, Settings


def add_arguments(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("--port", type=int, default=5005, help="port d'écoute (5005)")
    parser.add_argument(
        "--host", default="127.0.0.1", help="adresse d'écoute ; Rasa ne demande de mot de passe à personne"
    )


def run(arguments: argparse.Namespace) -> int:
    settings = Settings.read()
    token = settings.action_token.get_secret_value()
    if not token:
        raise NotReady("ACTION_TOKEN manque : donnez à Rasa le même qu'à la passerelle.")
    if not RASA.exists():
        raise NotReady("Rasa n'est pas installé : lancez ./run train.")
    trained = MODELS / f"{fingerprint()}.tar.gz"
    if not trained.exists():
        raise NotReady("Le robot n'a pas appris ces textes : lancez ./run train, puis recommencez.")
    redis = ("bot.tracker_store.ForgetfulRedis", settings.redis_url)
    tracker = redis if settings.redis_url else in_file(settings.var)
    actions = os.environ.get("ACTIONS_URL") or f"http://127.0.0.1:{settings.port}/rasa/actions"
    os.chdir(ROOT)
    os.execve(  # noqa: S606 it becomes Rasa: signals, memory and logs are its own
        RASA, command(trained, arguments.port, arguments.host), environment(actions, token, tracker)
    )
