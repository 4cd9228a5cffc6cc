"""Lance tous les tests, ou ceux des chemins donnés."""

import argparse
import os
import subprocess
import sys
from pathlib import Path

from gateway.commands.train import RASA, model
from gateway.settings import ROOT


def add_arguments(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("paths", nargs=argparse.REMAINDER, help="fichiers, dossiers ou options de pytest")


def run(arguments: argparse.Namespace) -> int:
    model()  # first, so that its progress shows
    chosen = arguments.paths
    code = 0
    if not chosen or any("tests/bot" in path for path in chosen):
        # The parts that live in Rasa are tested with Rasa's Python.
        code = _pytest(RASA, ["tests/bot", "-q", "-p", "no:cacheprovider", "-c", "tests/bot/pytest.ini"])
    others = [path for path in chosen if "tests/bot" not in path]
    if code == 0 and (others or not chosen):
        code = _pytest(Path(sys.executable), others or ["tests", "--ignore=tests/bot"])
    return code


def _pytest(python: Path, arguments: list[str]) -> int:
    environment = {**os.environ, "PYTHONPATH": str(ROOT), "RASA_TELEMETRY_ENABLED": "false", "TF_CPP_MIN_LOG_LEVEL": "3", "SQLALCHEMY_SILENCE_UBER_WARNING": "1"}  # fmt: skip
    return subprocess.run(
        [str(python), "-m", "pytest", *arguments], cwd=ROOT, env=environment, check=False
    ).returncode
