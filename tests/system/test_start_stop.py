"""Starting and stopping as people do: nothing left behind, and one sentence when it cannot be done."""

import os
import re
import shutil
import signal
import socket
import subprocess
import time
from collections.abc import Iterator
from pathlib import Path

import httpx2
import pytest

from gateway.commands.demo import demonstration_settings
from gateway.settings import ROOT
from tests.running import free_port
from tests.system.machine import Machine, listening, until
from tests.system.starting import Started, one_sentence, started

RASA = 5005  # where the demonstration starts its own Rasa


@pytest.fixture
def rasa_port_free() -> None:
    if listening(RASA):
        pytest.skip(f"port {RASA} is taken by another program: the demonstration's own Rasa cannot start")


@pytest.fixture(scope="module")
def no_rasa() -> Iterator[str]:
    """An address where nobody answers: the demonstration then starts no Rasa."""
    yield f"http://127.0.0.1:{free_port()}"


# stopping


def interrupt(run: Started) -> None:
    """Ctrl-C: the terminal sends it to the whole group."""
    os.killpg(run.process.pid, signal.SIGINT)


def terminate(run: Started) -> None:
    run.process.send_signal(signal.SIGTERM)


def interrupt_twice(run: Started) -> None:
    """She is in a hurry."""
    interrupt(run)
    time.sleep(0.2)  # the second arrives in the middle of stopping, wherever that is
    interrupt(run)


@pytest.mark.usefixtures("rasa_port_free")
@pytest.mark.parametrize("stop", [interrupt, terminate], ids=["ctrl-c", "sigterm"])
def test_it_leaves_no_process_when_stopped(var: Path, stop: object) -> None:
    assert callable(stop)
    with started(Started(var)) as run:
        run.ready()
        assert httpx2.get(f"http://127.0.0.1:{run.port}/health/ready", timeout=30).status_code == 200
        assert len(run.alive) >= 2, run.alive  # the gateway and its Rasa
        stop(run)
        assert run.ended() != 0
        until(lambda: not run.alive, f"the end of {run.alive}")
        until(lambda: not listening(run.port) and not listening(RASA), "free ports")
        assert "Traceback" not in run.said
        assert "arrêté" in run.said


@pytest.mark.usefixtures("rasa_port_free")
@pytest.mark.parametrize(
    "stop", [interrupt, terminate, interrupt_twice], ids=["ctrl-c", "sigterm", "ctrl-c-twice"]
)
def test_it_leaves_no_process_when_stopped_while_starting(var: Path, stop: object) -> None:
    assert callable(stop)
    with started(Started(var)) as run:
        until(lambda: len(run.alive) >= 2, "Rasa's process")
        stop(run)
        run.ended()
        until(lambda: not run.alive, f"the end of {run.alive}")
        assert "Traceback" not in run.said
        assert "est prêt" not in run.said


@pytest.mark.usefixtures("rasa_port_free")
def test_it_takes_rasa_with_it_when_killed_for_good(var: Path) -> None:
    with started(Started(var)) as run:
        until(lambda: len(run.alive) >= 2, "Rasa's process")
        run.process.kill()
        until(lambda: not run.alive, f"the end of {run.alive}")


@pytest.mark.parametrize("when", ["import 'fastapi'", "import 'rasa_sdk.executor'"], ids=["early", "late"])
def test_it_says_nothing_wild_when_interrupted_while_loading(var: Path, no_rasa: str, when: str) -> None:
    """`python -X importtime` tells what is loaded: the moment is chosen, not guessed."""
    run = Started(var, environment={"RASA_URL": no_rasa, "PYTHONVERBOSE": "1"})
    with started(run):
        until(lambda: when in run.said or run.process.poll() is not None, when)
        interrupt(run)
        run.ended()
        assert "Traceback" not in run.said


# not starting


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


BROKEN_SECRETS = {
    "not-json": b"{ceci n'est pas du JSON", "empty": b"", "binary": b"\xff\xfe\x00\x01", "list": b"[]", "text": b'"x"',
    "number": b"7", "null": b"null", "unknown-name": b'{"secret_of_another_time": "x"}',
    "number-for-a-key": b'{"secret_keys": 7}',
}  # fmt: skip


@pytest.fixture
def only(monkeypatch: pytest.MonkeyPatch, var: Path) -> Path:
    for name in ("SECRET_KEYS", "ACTION_TOKEN", "TWILIO_AUTH_TOKEN", "TWILIO_ACCOUNT_SID", "TWILIO_SENDER"):
        monkeypatch.delenv(name, raising=False)
    monkeypatch.setenv("VAR", str(var))
    var.mkdir(parents=True)
    return var


@pytest.mark.parametrize("content", BROKEN_SECRETS.values(), ids=list(BROKEN_SECRETS))
def test_it_says_that_the_secrets_are_broken(only: Path, content: bytes) -> None:
    from gateway.errors import NotReady

    (only / "secrets.json").write_bytes(content)
    with pytest.raises(NotReady) as said:
        demonstration_settings()
    assert "secrets.json" in one_sentence(str(said.value))


def test_it_says_that_a_key_is_broken(var: Path, no_rasa: str) -> None:
    var.mkdir()
    (var / "secrets.json").write_text('{"secret_keys": "trop-court", "twilio_auth_token": "x"}')
    with started(Started(var, environment={"RASA_URL": no_rasa})) as run:
        assert run.ended() == 1
        assert "secrets.json" in one_sentence(run.said)  # she wrote no SECRET_KEYS: it is that file's


def test_it_keeps_its_secrets_to_itself(only: Path) -> None:
    first = demonstration_settings()
    assert (only / "secrets.json").stat().st_mode & 0o077 == 0
    again = demonstration_settings()
    assert again.secret_keys.get_secret_value() == first.secret_keys.get_secret_value()
    assert first.secret_keys.get_secret_value() not in repr(first)


WRONG_SETTINGS = {
    "port-word": {"PORT": "huit mille"}, "port-too-high": {"PORT": "70000"}, "hours": {"QUIET_HOURS": "la nuit"},
    "timezone": {"TIMEZONE": "Mars/Olympus"}, "database": {"DATABASE_URL": "oracle://elsewhere/db"},
}  # fmt: skip


@pytest.mark.parametrize("wrong", WRONG_SETTINGS.values(), ids=list(WRONG_SETTINGS))
def test_it_names_the_setting_that_is_wrong(var: Path, no_rasa: str, wrong: dict[str, str]) -> None:
    run = Started(var, environment={"RASA_URL": no_rasa, **wrong})
    with started(run):
        assert run.ended() == 1, run.said
        assert next(iter(wrong)) in one_sentence(run.said)


# a full disk


@pytest.fixture
def small_disk(tmp_path: Path) -> Iterator[Path]:
    """A disk of 2 MB."""
    disk = tmp_path / "disk"
    disk.mkdir()
    done = subprocess.run(
        ["mount", "-t", "tmpfs", "-o", "size=2m", "tmpfs", str(disk)],
        capture_output=True,
        text=True,
        check=False,
    )
    if done.returncode:
        pytest.skip(f"no small disk without the right to mount one: {done.stderr.strip()}")
    yield disk
    subprocess.run(["umount", "--lazy", str(disk)], check=True)


def fill(disk: Path, leave: int) -> Path:
    """Leaves this many bytes free."""
    ballast = disk / "ballast"
    free = shutil.disk_usage(disk).free
    with ballast.open("ab") as file:
        file.write(b"\0" * max(0, free - leave))
    return ballast


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


def test_it_loses_nothing_while_the_disk_is_full(small_disk: Path, tmp_path: Path, machine: Machine) -> None:
    """The carrier is told to try again; once there is room, the message is answered once."""
    rasa = machine.system.rasa.url
    run = Started(small_disk / "var", environment={"RASA_URL": rasa, "ACTION_TOKEN": "x"})
    run.out = tmp_path / "said"
    with started(run):
        run.ready()
        message = {"from": "+33639980001", "body": "MENU", "sid": "SM1"}
        with httpx2.Client(base_url=f"http://127.0.0.1:{run.port}", timeout=60) as http:
            ballast = fill(small_disk, 0)
            statuses = [
                http.post("/simulator/api/messages", json=message).json().get("status") for _ in range(3)
            ]
            assert statuses == [503] * 3
            assert http.get("/health/live").status_code == 200
            ballast.unlink()
            assert http.post("/simulator/api/messages", json=message).json()["status"] == 200

            def answered() -> list[dict[str, str]]:
                listed = http.get("/simulator/api/messages", params={"phone": "+33639980001"}).json()
                return [row for row in listed if row["direction"] == "out" and row["status"] == "delivered"]

            until(answered, "an answer")
            assert len(answered()) == 1
        assert "Traceback" not in run.said
        assert "Logging error" not in run.said


# training

_PHRASES = re.compile(r"(    examples: \|\n(?:      - .*\n){3})(?:      - .*\n)*")  # three of each are enough


@pytest.fixture
def copy_without_a_model(tmp_path: Path) -> Path:
    """The project with fewer phrases to learn, and no model."""
    copy = tmp_path / "project"
    for name in ("gateway", "bot", "locales", "demonstration"):
        shutil.copytree(ROOT / name, copy / name, ignore=shutil.ignore_patterns("__pycache__"))
    for name in ("config.yml", "domain.yml", "endpoints.yml"):
        shutil.copy(ROOT / name, copy / name)
    for name in (".venv-bot", "requirements"):
        (copy / name).symlink_to(ROOT / name)
    for phrases in copy.glob("locales/*/nlu.yml"):
        phrases.write_text("nlu: []\n")
    for theme in copy.glob("bot/data/*.yml"):
        content = theme.read_text()
        theme.write_text(_PHRASES.sub(r"\1", content))
    return copy


def test_it_trains_a_missing_model_once(copy_without_a_model: Path, var: Path) -> None:
    models = copy_without_a_model / "models"
    run = Started(var, root=copy_without_a_model)
    with started(run, "train"):
        assert run.ended() == 0, run.said
    (made,) = models.glob("*.tar.gz")
    assert made.name in run.said
    assert "Entraînement" in run.said
    before = made.stat().st_mtime_ns
    run.out = var.parent / "said-again"
    with started(run, "train"):
        assert run.ended() == 0
    assert "Entraînement" not in run.said
    assert [p.stat().st_mtime_ns for p in models.glob("*.tar.gz")] == [before]


@pytest.mark.usefixtures("rasa_port_free")
@pytest.mark.parametrize("stop", [interrupt, terminate], ids=["ctrl-c", "sigterm"])
def test_it_leaves_no_half_model_when_stopped_while_training(
    copy_without_a_model: Path, var: Path, stop: object
) -> None:
    assert callable(stop)
    with started(Started(var, root=copy_without_a_model)) as run:
        until(lambda: len(run.alive) >= 2, "the training")
        stop(run)
        assert run.ended() != 0
        until(lambda: not run.alive, f"the end of {run.alive}")
        assert "Traceback" not in run.said
    assert list((copy_without_a_model / "models").glob("*.tar.gz")) == []
