"""What production refuses to start with: each time one French sentence that says what to do."""

import asyncio
import json
import os
import re
from collections.abc import Callable
from pathlib import Path

import pytest

from gateway.adapters.database.engine import open_engine
from gateway.adapters.database.store import DatabaseStore
from gateway.adapters.encryption import Cipher, new_key
from gateway.commands.demo import demonstration_settings
from gateway.commands.production import (
    REQUIRED,
    SIMULATED_NUMBER,
    alone_with,
    production_settings,
    ready_database,
)
from gateway.domain.conversation import Channel
from gateway.errors import NotReady
from gateway.settings import Settings
from tests.adapters.servers import free_port
from tests.usecases.fakes import NOW

KEY, OTHER = new_key(), new_key()
SID = "0123456789abcdef" * 2
GOOD = {
    "DATABASE_URL": "postgresql://coup_de_pouce@/coup_de_pouce", "REDIS_URL": "redis://127.0.0.1:6379/0",
    "RASA_URL": "http://127.0.0.1:5005,http://127.0.0.1:5006", "PUBLIC_URL": "https://sms.departement.fr",
    "TWILIO_ACCOUNT_SID": f"AC{SID}", "TWILIO_AUTH_TOKEN": "9f86d081884c7d659a2feaa0c55ad015",
    "TWILIO_SENDER": "+33939981234", "SECRET_KEYS": f"{KEY},index:{OTHER}",
    "ACTION_TOKEN": "60303ae22b998861bce3b28f33eec1be758a213c86c93c07", "SMTP_URL": "smtp://127.0.0.1:25",
    "MAIL_FROM": "coup-de-pouce@departement.fr", "CALLBACK_EMAIL": "equipe@departement.fr",
}  # fmt: skip


@pytest.fixture(autouse=True)
def production(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    """An environment with all that production wants, and nothing else."""
    for name in list(os.environ):
        if name.lower() in Settings.model_fields:
            monkeypatch.delenv(name)
    for name, value in GOOD.items():
        monkeypatch.setenv(name, value)
    monkeypatch.setenv("VAR", str(tmp_path / "var"))


@pytest.fixture
def refusal(monkeypatch: pytest.MonkeyPatch) -> Callable[..., str]:
    def refused(worker: bool = False, **environment: str) -> str:
        for name, value in environment.items():
            monkeypatch.setenv(name, value)
        with pytest.raises(NotReady) as why:
            production_settings(worker)
        return one_sentence(str(why.value))

    return refused


def one_sentence(said: str) -> str:
    """A French sentence on one line, without anything that is secret."""
    assert re.fullmatch(r"[^\n]+[.)]", said), said
    assert not [name for name in ("SECRET_KEYS", "ACTION_TOKEN", "TWILIO_AUTH_TOKEN") if GOOD[name] in said]
    return said


@pytest.mark.parametrize("worker", [False, True])
def test_it_starts_with_all_that_it_wants(worker: bool) -> None:
    assert production_settings(worker).rasa_urls == ["http://127.0.0.1:5005", "http://127.0.0.1:5006"]


@pytest.mark.parametrize("name", sorted(REQUIRED))
def test_it_names_what_is_empty(name: str, refusal: Callable[..., str]) -> None:
    assert f"manquants : {name.upper()}." in refusal(**{name.upper(): ""})


def test_it_names_all_that_is_missing(monkeypatch: pytest.MonkeyPatch) -> None:
    for name in GOOD:
        monkeypatch.delenv(name)
    with pytest.raises(NotReady) as why:
        production_settings()
    assert [name for name in REQUIRED if name.upper() not in str(why.value)] == []


WRONG = {
    "the simulator": ("SIMULATOR", "true", "retirez SIMULATOR"),
    "a key that is none": ("SECRET_KEYS", "abc", "Fernet"),
    "two index keys": ("SECRET_KEYS", f"{KEY},index:{KEY},index:{OTHER}", "Fernet"),
    "a key of zeros": ("SECRET_KEYS", "A" * 43 + "=", "exemple"),
    "a key of zeros behind a good one": ("SECRET_KEYS", f"{KEY},{'A' * 43}=", "exemple"),
    "a short token": ("TWILIO_AUTH_TOKEN", "12345", "console Twilio"),
    "Twilio's own example": ("TWILIO_AUTH_TOKEN", "XXXXXXXXXXXXXXXXXXXXXXXXXXXXXXXX", "console Twilio"),
    "a token to be changed": ("ACTION_TOKEN", "changez-moi-avant-de-demarrer", "openssl"),
    "the token of the tests": ("ACTION_TOKEN", "test-action-token", "openssl"),
    "one letter": ("ACTION_TOKEN", "a" * 48, "openssl"),
    "an account that is none": ("TWILIO_ACCOUNT_SID", "ACXXXXXXXXXXXXXXXXXXXXXXXXXXXXXXXX", "console Twilio"),
    "the simulator's number": ("TWILIO_SENDER", SIMULATED_NUMBER, "simulateur"),
    "a sender that gets no answer": ("TWILIO_SENDER", "DEUXSEVRES", "TWILIO_SENDER"),
    "a service without a number": ("TWILIO_SENDER", f"MG{SID}", "SMS_NUMBER"),
    "a mailbox that nobody reads": ("CALLBACK_EMAIL", "quelquun@example.org", "CALLBACK_EMAIL"),
    "a sender of mails that is none": ("MAIL_FROM", "coup de pouce", "MAIL_FROM"),
    "no mail server": ("SMTP_URL", "mail.departement.fr:587", "SMTP_URL"),
    "words in clear": ("PUBLIC_URL", "http://sms.departement.fr", "https://"),
    "no scheme": ("PUBLIC_URL", "sms.departement.fr", "https://"),
    "almost this machine": ("PUBLIC_URL", "http://127.0.0.1.departement.fr", "https://"),
    "a path": ("PUBLIC_URL", "https://departement.fr/sms", "https://"),
    "a carrier in clear": ("TWILIO_API_URL", "http://proxy.departement.fr", "TWILIO_API_URL"),
    "a carrier waited for too long": ("TWILIO_TIMEOUT", "15", "deux fois"),
    "a carrier never waited for": ("TWILIO_TIMEOUT", "0", "TWILIO_TIMEOUT"),
    "a Rasa without http": ("RASA_URL", "127.0.0.1:5005", "RASA_URL"),
    "one Rasa twice": ("RASA_URL", "http://127.0.0.1:5005,http://127.0.0.1:5005/", "deux fois"),
    "SQLite for several": ("DATABASE_URL", "sqlite:///x.db", "PostgreSQL"),
    "no Redis": ("REDIS_URL", "127.0.0.1:6379", "redis://"),
}  # fmt: skip


@pytest.mark.parametrize(("name", "value", "says"), WRONG.values(), ids=list(WRONG))
def test_it_says_what_to_do(name: str, value: str, says: str, refusal: Callable[..., str]) -> None:
    assert says in refusal(**{name: value})


@pytest.mark.parametrize("worker", [True, False])
def test_only_a_worker_needs_redis(worker: bool, refusal: Callable[..., str]) -> None:
    if worker:
        assert "./run serve" in refusal(worker=True, REDIS_URL="")
    else:
        os.environ["REDIS_URL"] = ""
        assert production_settings().redis_url == ""


@pytest.mark.parametrize("url", ["http://127.0.0.1:8000", "http://localhost:8000", "http://[::1]:8000/"])
def test_it_may_be_tried_on_one_machine(url: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("PUBLIC_URL", url)
    assert production_settings().public_url == url


def test_it_takes_sqlite_alone(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("DATABASE_URL", "sqlite:///x.db")
    monkeypatch.setenv("REDIS_URL", "")
    assert production_settings().database == "sqlite:///x.db"


def test_it_takes_a_messaging_service_with_a_number(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("TWILIO_SENDER", f"MG{SID}")
    monkeypatch.setenv("SMS_NUMBER", "+33939981234")
    assert production_settings().number == "+33939981234"


@pytest.mark.parametrize("name", ["SECRET_KEYS", "ACTION_TOKEN", "TWILIO_AUTH_TOKEN"])
def test_it_refuses_the_secrets_of_the_demonstration(
    name: str, refusal: Callable[..., str], monkeypatch: pytest.MonkeyPatch
) -> None:
    for secret in ("SECRET_KEYS", "ACTION_TOKEN", "TWILIO_AUTH_TOKEN"):
        monkeypatch.delenv(secret)
    var = demonstration_settings().var
    made = json.loads((var / "secrets.json").read_text())
    for secret, value in GOOD.items():
        monkeypatch.setenv(secret, value)
    said = refusal(**{name: made[name.lower()]})
    assert name in said
    assert "démonstration" in said
    assert made[name.lower()] not in said


def test_it_refuses_the_demonstrations_key_anywhere_in_the_list(refusal: Callable[..., str]) -> None:
    var = Path(os.environ["VAR"])
    var.mkdir()
    (var / "secrets.json").write_text(json.dumps({"secret_keys": KEY}))
    for keys in (f"{OTHER},{KEY}", f"{OTHER},index:{KEY}"):
        assert "démonstration" in refusal(SECRET_KEYS=keys)


def test_it_says_nothing_of_a_broken_file_of_the_demonstration() -> None:
    var = Path(os.environ["VAR"])
    var.mkdir()
    (var / "secrets.json").write_text("[]")
    assert production_settings()


# what only the database can tell


async def refused_by(url: str) -> str:
    engine = open_engine(Settings(database_url=url).database)
    try:
        with pytest.raises(NotReady) as why:
            await ready_database(engine, production_settings())
    finally:
        await engine.dispose()
    return one_sentence(str(why.value))


async def test_it_says_that_the_database_does_not_answer() -> None:
    assert "DATABASE_URL" in await refused_by(f"postgresql://nobody:x@127.0.0.1:{free_port()}/none")


async def test_it_refuses_keys_of_another_base(tmp_path: Path) -> None:
    """Started so, it would find nobody again, and write to people whom it does not know."""
    url = f"sqlite:///{tmp_path / 'base.db'}"
    engine = open_engine(url)
    await ready_database(engine, production_settings())
    async with DatabaseStore(engine, Cipher(new_key())).transaction() as tx:
        await tx.conversation_at(Channel.SMS, "+33639980001", NOW)
    await engine.dispose()
    assert "SECRET_KEYS" in await refused_by(url)


def test_it_refuses_a_second_gateway_on_one_sqlite_file(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("DATABASE_URL", f"sqlite:///{tmp_path / 'new' / 'base.db'}")
    monkeypatch.setenv("REDIS_URL", "")
    settings = production_settings()
    with alone_with(settings):
        with pytest.raises(NotReady) as why, alone_with(settings):
            pass
        assert "PostgreSQL" in one_sentence(str(why.value))
    with alone_with(settings):
        pass  # the first one was stopped


async def test_two_that_start_at_once_shape_an_empty_database(bare_postgresql: str) -> None:
    engines = [open_engine(bare_postgresql) for _ in range(4)]
    await asyncio.gather(*(ready_database(engine, production_settings()) for engine in engines))
    for engine in engines:
        await engine.dispose()
