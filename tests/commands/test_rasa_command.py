"""`./run rasa`: becomes Rasa, with what it may know and nothing else."""

import os
from argparse import Namespace
from collections.abc import Callable
from pathlib import Path

import pytest

from gateway.commands import rasa
from gateway.errors import NotReady
from gateway.settings import Settings
from tests.commands.test_serve_refusals import GOOD, one_sentence

Started = tuple[list[str], dict[str, str]]


@pytest.fixture
def start(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> Callable[..., Started]:
    """The command and the environment that Rasa would get; an interpreter and a trained model are there."""
    for name in [*os.environ]:
        if name.lower() in Settings.model_fields or name.startswith(("TRACKER_", "ACTIONS_")):
            monkeypatch.delenv(name)
    python, model = tmp_path / "python", tmp_path / "abc.tar.gz"
    for file in (python, model):
        file.touch()
    monkeypatch.setattr(rasa, "RASA", python)
    monkeypatch.setattr(rasa, "MODELS", tmp_path)
    monkeypatch.setattr(rasa, "fingerprint", lambda: "abc")
    monkeypatch.chdir(tmp_path)

    class Became(Exception):
        pass

    def become(_program: Path, command: list[str], environment: dict[str, str]) -> None:
        raise Became(command, environment)

    monkeypatch.setattr(os, "execve", become)

    def started(port: int = 5005, **environment: str) -> Started:
        for name, value in environment.items():
            monkeypatch.setenv(name, value)
        with pytest.raises(Became) as became:
            rasa.run(Namespace(port=port, host="127.0.0.1"))
        return became.value.args[0], became.value.args[1]

    return started


def test_it_listens_to_this_machine_alone_with_the_model_of_this_content(
    start: Callable[..., Started],
) -> None:
    command, _ = start(5006, **GOOD)
    assert command[command.index("-p") + 1] == "5006"
    assert command[command.index("-i") + 1] == "127.0.0.1"
    assert command[command.index("--model") + 1].endswith("abc.tar.gz")


def test_it_shares_its_memory_by_redis(start: Callable[..., Started]) -> None:
    _, environment = start(**GOOD)
    assert environment["TRACKER_STORE"] == "bot.tracker_store.ForgetfulRedis"
    assert environment["TRACKER_URL"] == GOOD["REDIS_URL"]


def test_without_redis_its_memory_is_a_file(start: Callable[..., Started]) -> None:
    _, environment = start(ACTION_TOKEN="x")
    assert environment["TRACKER_STORE"] == "bot.tracker_store.ForgetfulSQLite"
    assert environment["TRACKER_URL"].endswith("rasa.db")
    assert environment["ACTIONS_URL"] == "http://127.0.0.1:8000/rasa/actions"


def test_it_calls_our_actions_where_it_is_told(start: Callable[..., Started]) -> None:
    _, environment = start(**GOOD, ACTIONS_URL="http://127.0.0.1:9/rasa/actions")
    assert environment["ACTIONS_URL"] == "http://127.0.0.1:9/rasa/actions"


def test_it_knows_no_secret_of_the_gateway(start: Callable[..., Started]) -> None:
    _, environment = start(**GOOD, PROCONNECT_CLIENT_SECRET="abc")
    hidden = {"SECRET_KEYS", "TWILIO_AUTH_TOKEN", "DATABASE_URL", "SMTP_URL", "PROCONNECT_CLIENT_SECRET"}
    assert hidden & set(environment) == set()
    assert environment["ACTION_TOKEN"] == GOOD["ACTION_TOKEN"]


@pytest.mark.parametrize("missing", ["ACTION_TOKEN", "the model", "Rasa"])
def test_it_says_what_is_missing(
    missing: str, start: Callable[..., Started], monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    if missing != "ACTION_TOKEN":
        monkeypatch.setenv("ACTION_TOKEN", "x")
    if missing == "the model":
        (tmp_path / "abc.tar.gz").unlink()
    if missing == "Rasa":
        (tmp_path / "python").unlink()
    with pytest.raises(NotReady) as why:
        rasa.run(Namespace(port=5005, host="127.0.0.1"))
    says = "ACTION_TOKEN" if missing == "ACTION_TOKEN" else "./run train"
    assert says in one_sentence(str(why.value))
