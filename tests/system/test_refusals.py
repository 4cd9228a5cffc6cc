"""When it cannot start: one sentence that says what to do, exit code 1, never a traceback."""

import logging
import os
import signal
import socket
import sys
from collections.abc import Callable, Iterator
from pathlib import Path

import httpx2
import pytest

from gateway.commands.__main__ import main
from gateway.commands.demo import demonstration_settings
from tests.system import disk
from tests.system.disk import fill
from tests.system.machine import listening, until
from tests.system.starting import OURS, RASA, Started, one_sentence, started


def test_it_says_that_the_port_is_taken(var: Path, no_rasa: str) -> None:
    with socket.create_server(("127.0.0.1", 0)) as taken:
        port = taken.getsockname()[1]
        with started(Started(var, environment={"RASA_URL": no_rasa}, port=port)) as run:
            assert run.ended() == 1
            assert str(port) in one_sentence(run.said)


def test_it_says_that_rasas_port_is_taken(var: Path) -> None:
    with socket.socket() as taken:
        taken.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        if not listening(RASA):
            taken.bind(("127.0.0.1", RASA))
            taken.listen()
        with started(Started(var)) as run:
            assert run.ended() == 1
            assert str(RASA) in one_sentence(run.said)


# a start that stops before it starts anything


@pytest.fixture
def port_taken() -> Iterator[int]:
    with socket.create_server(("127.0.0.1", 0)) as taken:
        yield taken.getsockname()[1]


@pytest.fixture
def refusal(
    monkeypatch: pytest.MonkeyPatch,
    capfd: pytest.CaptureFixture[str],
    var: Path,
    no_rasa: str,
    port_taken: int,
) -> Iterator[Callable[..., str]]:
    """What `./run` says, in this process; its port is taken, so that it stops there at the latest."""
    for name in list(os.environ):
        if OURS.match(name):
            monkeypatch.delenv(name)
    for name, value in {"VAR": str(var), "RASA_URL": no_rasa, "PORT": str(port_taken)}.items():
        monkeypatch.setenv(name, value)
    monkeypatch.setattr(sys, "argv", ["run"])
    var.mkdir(parents=True)
    signals = {which: signal.getsignal(which) for which in (signal.SIGINT, signal.SIGTERM)}
    root = logging.getLogger()
    handlers, level = root.handlers[:], root.level

    def refused(**environment: str) -> str:
        for name, value in environment.items():
            monkeypatch.setenv(name, value)
        assert main() == 1
        return one_sentence("".join(capfd.readouterr()))

    yield refused
    for which, handler in signals.items():
        signal.signal(which, handler)
    root.handlers[:] = handlers
    root.setLevel(level)


BROKEN_SECRETS = {
    "not-json": b"{ceci n'est pas du JSON", "empty": b"", "binary": b"\xff\xfe\x00\x01", "list": b"[]", "text": b'"x"',
    "number": b"7", "null": b"null", "unknown-name": b'{"secret_of_another_time": "x"}',
    "number-for-a-key": b'{"secret_keys": 7}',
}  # fmt: skip


@pytest.mark.parametrize("content", BROKEN_SECRETS.values(), ids=list(BROKEN_SECRETS))
def test_it_says_that_the_secrets_are_broken(refusal: Callable[..., str], var: Path, content: bytes) -> None:
    (var / "secrets.json").write_bytes(content)
    assert "secrets.json" in refusal()


def test_it_says_that_a_key_is_broken(var: Path, no_rasa: str) -> None:
    var.mkdir()
    (var / "secrets.json").write_text('{"secret_keys": "trop-court", "twilio_auth_token": "x"}')
    with started(Started(var, environment={"RASA_URL": no_rasa})) as run:
        assert run.ended() == 1
        assert "secrets.json" in one_sentence(run.said)  # she wrote no SECRET_KEYS: it is that file's


def test_it_keeps_its_secrets_to_itself(refusal: Callable[..., str], var: Path) -> None:
    refusal()
    assert (var / "secrets.json").stat().st_mode & 0o077 == 0
    first, again = demonstration_settings(), demonstration_settings()
    assert first.secret_keys.get_secret_value() == again.secret_keys.get_secret_value()
    assert first.secret_keys.get_secret_value() not in repr(first)


WRONG_SETTINGS = {
    "port-word": ("PORT", "huit mille"), "port-too-high": ("PORT", "70000"), "hours": ("QUIET_HOURS", "la nuit"),
    "timezone": ("TIMEZONE", "Mars/Olympus"), "database": ("DATABASE_URL", "oracle://elsewhere/db"),
    "folder": ("VAR", "/proc/nowhere"),
}  # fmt: skip


@pytest.mark.parametrize(("name", "value"), WRONG_SETTINGS.values(), ids=list(WRONG_SETTINGS))
def test_it_names_the_setting_that_is_wrong(refusal: Callable[..., str], name: str, value: str) -> None:
    said = refusal(**{name: value})
    assert name in said or value in said


# a full disk


@pytest.fixture
def small_disk(tmp_path: Path) -> Iterator[Path]:
    """A disk of 2 MB."""
    with disk.small_disk(tmp_path / "disk", 2) as mounted:
        yield mounted


@pytest.mark.parametrize(
    "leave", [0, 16_384, 65_536], ids=["nothing-fits", "secrets-fit", "no-database-fits"]
)
def test_it_says_that_the_disk_is_full(small_disk: Path, tmp_path: Path, no_rasa: str, leave: int) -> None:
    ballast = fill(small_disk, leave)
    run = Started(small_disk / "var", environment={"RASA_URL": no_rasa})
    run.out = tmp_path / "said"
    with started(run):
        assert run.ended() == 1, run.said
        assert "plein" in one_sentence(run.said)
    # She frees some space, as she was told, and starts again.
    ballast.unlink()
    run.out = tmp_path / "said-again"
    with started(run):
        run.ready()


def test_it_loses_nothing_while_the_disk_is_full(small_disk: Path, tmp_path: Path, no_rasa: str) -> None:
    """The carrier is told to try again; once there is room, the message is answered once."""
    run = Started(small_disk / "var", environment={"RASA_URL": no_rasa})
    run.out = tmp_path / "said"
    message = {"from": "+33639980001", "body": "MENU", "sid": "SM1"}
    with started(run), httpx2.Client(base_url=f"http://127.0.0.1:{run.port}", timeout=60) as http:
        run.ready()
        ballast = fill(small_disk, 0)
        answers = [http.post("/simulator/api/messages", json=message).json() for _ in range(3)]
        assert [answer.get("status") for answer in answers] == [503] * 3
        assert http.get("/health/live").status_code == 200
        ballast.unlink()
        assert http.post("/simulator/api/messages", json=message).json()["status"] == 200

        def answered() -> list[dict[str, str]]:
            listed = http.get("/simulator/api/messages", params={"phone": "+33639980001"}).json()
            return [row for row in listed if row["direction"] == "out" and row["status"] == "delivered"]

        until(answered, "an answer")
        assert len(answered()) == 1
        assert "Traceback" not in run.said
