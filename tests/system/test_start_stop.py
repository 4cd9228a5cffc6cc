"""Starting and stopping as people do: nothing is left behind, whenever it happens."""

import os
import re
import shutil
import signal
import time
from pathlib import Path

import httpx2
import pytest

from gateway.settings import ROOT
from tests.system.machine import listening, until
from tests.system.starting import RASA, Started, started


@pytest.fixture
def rasa_port_free() -> None:
    if listening(RASA):
        pytest.skip(f"port {RASA} is taken by another program: the demonstration's own Rasa cannot start")


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
    """PYTHONVERBOSE tells what has been loaded: the moment is chosen, not guessed."""
    run = Started(var, environment={"RASA_URL": no_rasa, "PYTHONVERBOSE": "1"})
    with started(run):
        until(lambda: when in run.said or run.process.poll() is not None, when)
        interrupt(run)
        run.ended()
        assert "Traceback" not in run.said


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
