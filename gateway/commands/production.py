"""What production refuses to start with. Each refusal is one sentence that says what to do."""

import fcntl
import ipaddress
import json
import re
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from urllib.parse import urlsplit

from pydantic import SecretStr
from sqlalchemy.engine import make_url
from sqlalchemy.exc import DBAPIError

from gateway.adapters.database.engine import Database, migrate
from gateway.adapters.database.jobs import SENDING
from gateway.adapters.database.rekeying import keys_fit
from gateway.adapters.encryption import INDEX, Cipher
from gateway.errors import NotReady
from gateway.settings import Settings

REQUIRED = (
    "database_url", "rasa_url", "public_url", "twilio_account_sid", "twilio_auth_token", "twilio_sender",
    "secret_keys", "action_token", "smtp_url", "mail_from", "callback_email",
)  # fmt: skip
SIMULATED_NUMBER = "+33939980079"  # the demonstration's sender
MAKE_ONE = "faites-en un avec : openssl rand -hex 24"
MAKE_A_KEY = "faites-en une avec : openssl rand -base64 32 | tr '+/' '-_'"

_EXAMPLE = re.compile(
    r"example|exemple|change|password|motdepasse|mot-de-passe|secret|demonstration|test-action-token|x{8}",
    re.IGNORECASE,
)
_SHORTEST = 16  # letters of a token
_LETTERS = 8  # different ones
LONGEST = int(SENDING) - 1  # seconds for the carrier's answer: our right to send lasts no longer


def production_settings(worker: bool = False) -> Settings:
    """The environment, fit for real people. Raises NotReady with the first thing that is not."""
    settings = Settings.read()
    if settings.simulator:
        raise NotReady("Le simulateur est réservé à la démonstration : retirez SIMULATOR.")
    missing = [name.upper() for name in REQUIRED if not _plain(settings, name) or _is_default(settings, name)]
    if missing:
        raise NotReady(f"Réglages manquants : {', '.join(missing)}. Donnez-les dans l'environnement.")
    if worker and not settings.redis_url:
        raise NotReady("REDIS_URL manque : sans Redis, ./run serve fait le travail lui-même.")
    for refusal in _REFUSALS:
        if sentence := refusal(settings):
            raise NotReady(sentence)
    return settings


def _plain(settings: Settings, name: str) -> str:
    value = getattr(settings, name)
    return (value.get_secret_value() if isinstance(value, SecretStr) else str(value)).strip()


def _is_default(settings: Settings, name: str) -> bool:
    return bool(getattr(settings, name) == Settings.model_fields[name].default)


# one refusal, one function: a sentence, or "" when all is well


def _keys(settings: Settings) -> str:
    keys = _plain(settings, "secret_keys")
    Cipher(keys)
    if any(len(set(key.strip().removeprefix(INDEX))) < _LETTERS for key in keys.split(",")):
        return f"SECRET_KEYS contient une clé d'exemple : {MAKE_A_KEY}."
    return ""


def _tokens(settings: Settings) -> str:
    for name in ("twilio_auth_token", "action_token"):
        token = _plain(settings, name)
        if len(token) < _SHORTEST or len(set(token)) < _LETTERS or _EXAMPLE.search(token):
            how = "copiez celui de la console Twilio" if name.startswith("twilio") else MAKE_ONE
            return f"{name.upper()} est trop court, ou c'est un exemple : {how}."
    return ""


def _demonstration(settings: Settings) -> str:
    try:
        kept = json.loads((settings.var / "secrets.json").read_text(encoding="utf-8"))
        made = {str(value) for value in kept.values()}
    except (OSError, ValueError, AttributeError):
        return ""  # no demonstration was ever started here
    keys = {key.strip().removeprefix(INDEX) for key in _plain(settings, "secret_keys").split(",")}
    for name in ("action_token", "twilio_auth_token"):
        if _plain(settings, name) in made:
            return f"{name.upper()} est celui de la démonstration : donnez-en un autre."
    return f"SECRET_KEYS est celle de la démonstration : {MAKE_A_KEY}." if keys & made else ""


def _account(settings: Settings) -> str:
    if not re.fullmatch(r"AC[0-9a-f]{32}", settings.twilio_account_sid):
        return "TWILIO_ACCOUNT_SID est faux : copiez celui de la console Twilio (AC et 32 caractères)."
    return ""


def _sender(settings: Settings) -> str:
    sender = settings.twilio_sender
    if sender == SIMULATED_NUMBER:
        return "TWILIO_SENDER est le numéro du simulateur : donnez celui que Twilio vous loue."
    if re.fullmatch(r"MG[0-9a-f]{32}", sender):
        wants = "TWILIO_SENDER est un service de messages : donnez aussi SMS_NUMBER, le numéro à qui écrire."
        return "" if settings.sms_number else wants
    if not re.fullmatch(r"\+?[0-9]{4,15}", sender):
        return "TWILIO_SENDER est faux : donnez un numéro (+33…) ou un service de messages (MG…)."
    return ""


def _mails(settings: Settings) -> str:
    for name in ("callback_email", "mail_from"):
        domain = _plain(settings, name).rpartition("@")[2]
        if "@" not in _plain(settings, name) or re.search(r"(^|\.)example\.\w+$", domain):
            return f"{name.upper()} est un exemple : donnez une adresse que quelqu'un lit."
    address = urlsplit(settings.smtp_url)
    if address.scheme not in ("smtp", "smtps") or not address.hostname:
        return "SMTP_URL est faux : attendu smtp://nom:motdepasse@machine:port (ou smtps://)."
    return ""


def _public(settings: Settings) -> str:
    if _is_private(settings.public_url) and urlsplit(settings.public_url).path in ("", "/"):
        return ""
    return "PUBLIC_URL doit être l'adresse https:// que l'opérateur appelle, sans rien après le nom (https://sms.departement.fr)."


def _carrier(settings: Settings) -> str:
    if not 0 < settings.twilio_timeout <= LONGEST:
        return f"TWILIO_TIMEOUT est faux : attendu 1 à {LONGEST} secondes, sinon un message peut partir deux fois."
    if not settings.twilio_api_url or _is_private(settings.twilio_api_url):
        return ""
    return "TWILIO_API_URL doit être en https:// : sinon les messages voyagent en clair."


def _rasas(settings: Settings) -> str:
    urls = settings.rasa_urls
    if any(urlsplit(url).scheme not in ("http", "https") or not urlsplit(url).hostname for url in urls):
        return "RASA_URL est faux : attendu http://127.0.0.1:5005, ou plusieurs adresses séparées par des virgules."
    if len(set(urls)) < len(urls):
        return "RASA_URL nomme deux fois le même Rasa : donnez une adresse par programme."
    return ""


def _several(settings: Settings) -> str:
    if settings.redis_url and not settings.redis_url.startswith(("redis://", "rediss://", "unix://")):
        return "REDIS_URL est faux : attendu redis://machine:6379/0."
    if settings.redis_url and settings.database.startswith("sqlite"):
        return (
            "SQLite ne sert qu'un seul programme : donnez une base PostgreSQL dans DATABASE_URL, ou retirez REDIS_URL "
            "(la passerelle fait alors tout, seule)."
        )
    return ""


_REFUSALS: tuple[Callable[[Settings], str], ...] = (
    _keys, _tokens, _demonstration, _account, _sender, _mails, _public, _carrier, _rasas, _several,
)  # fmt: skip


def _is_private(url: str) -> bool:
    """Nobody can read along: TLS, or this very machine."""
    address = urlsplit(url)
    if address.scheme == "https":
        return bool(address.hostname)
    if address.scheme != "http" or not address.hostname:
        return False
    try:
        return ipaddress.ip_address(address.hostname).is_loopback
    except ValueError:
        return address.hostname == "localhost"


# what only the database can tell


async def ready_database(engine: Database, settings: Settings) -> None:
    """Its newest shape. Raises NotReady when it does not answer, or when the keys are not its own."""
    try:
        await migrate(engine)
        fit = await keys_fit(engine, Cipher(_plain(settings, "secret_keys")))
    except (DBAPIError, OSError) as failure:
        why = type(getattr(failure, "orig", failure)).__name__
        raise NotReady(
            f"La base de données ne répond pas ou refuse ({why}) : vérifiez qu'elle tourne, et DATABASE_URL."
        ) from None
    if not fit:
        raise NotReady(
            "SECRET_KEYS n'ouvre pas cette base : redonnez toutes ses clés, la plus ancienne en dernier (ou index:…)."
        )


@contextmanager
def alone_with(settings: Settings) -> Iterator[None]:
    """With SQLite, a second gateway on the same file is refused. Raises NotReady."""
    if not settings.database.startswith("sqlite"):
        yield
        return
    file = Path(str(make_url(settings.database).database))
    try:
        file.parent.mkdir(parents=True, exist_ok=True)
        lock = file.with_name(f"{file.name}.lock").open("w")
    except OSError as failure:
        raise NotReady(f"Impossible d'écrire dans {file.parent} : {failure.strerror}.") from None
    with lock:
        try:
            fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except OSError:
            raise NotReady(
                "Une autre passerelle se sert de cette base SQLite : arrêtez-la, ou passez à PostgreSQL (DATABASE_URL)."
            ) from None
        yield
