"""Entraîne le robot, seulement si ce qu'il doit apprendre a changé."""

import argparse
import fcntl
import hashlib
import json
import os
import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path

import yaml

from gateway.errors import NotReady
from gateway.settings import ROOT

RASA = ROOT / ".venv-bot" / "bin" / "python"
MODELS = ROOT / "models"
QUIET = {
    "RASA_TELEMETRY_ENABLED": "false",
    "SQLALCHEMY_SILENCE_UBER_WARNING": "1",
    "TF_CPP_MIN_LOG_LEVEL": "3",
    "PYTHONWARNINGS": "ignore",
    "PYTHONPATH": str(ROOT),
}


def add_arguments(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("--force", action="store_true", help="entraîne même si rien n'a changé")
    parser.add_argument(
        "--meanings", action="store_true",
        help="récrit locales/*/meaning.npz après beaucoup de phrases changées (10 ms la phrase nouvelle)",
    )  # fmt: skip


def run(arguments: argparse.Namespace) -> int:
    if arguments.meanings:
        keep_meanings()
    print(model(force=arguments.force).relative_to(ROOT))
    return 0


def keep_meanings() -> None:
    """The meaning of every training line, kept beside them: computing all at each training would take minutes."""
    from gateway.adapters.content_files import read_training_lines
    from gateway.domain.language import LANGUAGES

    lines = {
        language: [line for found in read_training_lines(ROOT, language).values() for line in found]
        for language in LANGUAGES
    }
    subprocess.run(
        [str(RASA), "-m", "bot.components.meaning"], cwd=ROOT, env={**os.environ, **QUIET},
        input=json.dumps(lines).encode(), check=True,
    )  # fmt: skip


def model(force: bool = False) -> Path:
    """The trained model of this very content; trained now when it is missing."""
    path = MODELS / f"{fingerprint()}.tar.gz"
    if force or not path.exists():
        MODELS.mkdir(exist_ok=True)
        with (MODELS / ".lock").open("w") as lock:
            fcntl.flock(lock, fcntl.LOCK_EX)  # two commands at once train once
            if force or not path.exists():
                _train(path)
    return path


def fingerprint() -> str:
    """A hash of what training reads: lines, rules, code. Not the sentences we say, nor metadata."""
    seen = hashlib.sha256()
    for part in _learned():
        seen.update(part)
        seen.update(b"\0")
    return seen.hexdigest()[:16]


def _learned() -> Iterator[bytes]:
    for name in ("config.yml", "domain.yml", "requirements/bot.txt"):
        yield (ROOT / name).read_bytes()
    for path in sorted((ROOT / "bot" / "components").glob("*.py")):
        yield path.read_bytes()
    for path in sorted((ROOT / "bot" / "data").glob("*.yml")):
        content = yaml.safe_load(path.read_text(encoding="utf-8")) or {}
        kept = {
            "nlu": content.get("nlu"),
            "rules": content.get("rules"),
            "responses": sorted(content.get("responses") or {}),
        }
        yield json.dumps(kept, ensure_ascii=False, sort_keys=True).encode()
    yield (ROOT / "bot" / "training_files.py").read_bytes()
    for name in ("meaning_axes.npz", "meaning_layers.npz"):
        yield (ROOT / "bot" / "components" / name).read_bytes()
    for path in sorted((ROOT / "locales").glob("*/nlu.yml")):
        yield path.read_bytes()


def _train(path: Path) -> None:
    fresh = MODELS / f"en-cours-{path.name}"  # a half-written model must never look like one
    log = ROOT / "var" / "train.log"
    log.parent.mkdir(exist_ok=True)
    data = ["bot/data", *(str(p.relative_to(ROOT)) for p in sorted((ROOT / "locales").glob("*/nlu.yml")))]
    command = [
        str(RASA), "-m", "rasa", "train", "--config", "config.yml", "--domain", "domain.yml",
        "--data", *data, "--out", "models", "--fixed-model-name", fresh.name.removesuffix(".tar.gz"),
        "--skip-validation", "--force",
    ]  # fmt: skip
    with log.open("w") as out:
        training = subprocess.Popen(
            command, cwd=ROOT, env={**os.environ, **QUIET}, stdout=out, stderr=subprocess.STDOUT
        )
        try:
            code = _wait(training, "Entraînement du robot")
        except BaseException:
            training.terminate()
            training.wait()
            fresh.unlink(missing_ok=True)
            raise
    if code or not fresh.exists():
        full = "No space left" in log.read_text(errors="replace")
        raise NotReady(
            "Le disque est plein : libérez de la place, puis relancez."
            if full
            else f"L'entraînement a échoué : le détail est dans {log.relative_to(ROOT)}."
        )
    fresh.replace(path)
    for old in sorted(MODELS.glob("*.tar.gz"), key=lambda p: p.stat().st_mtime)[:-4]:
        old.unlink()


def _wait(process: "subprocess.Popen[bytes]", what: str) -> int:
    started = time.monotonic()
    live, shown = sys.stderr.isatty(), 0
    print(f"{what} ", end="", file=sys.stderr, flush=True)
    while (code := process.poll()) is None:
        time.sleep(0.5)
        elapsed = int(time.monotonic() - started)
        if live:
            print(f"\r{what} {elapsed} s ", end="", file=sys.stderr, flush=True)
        elif elapsed >= shown + 5:
            shown = elapsed
            print(".", end="", file=sys.stderr, flush=True)
    print(
        f"{'' if live else f' {int(time.monotonic() - started)} s '}{'fait' if code == 0 else 'échec'}",
        file=sys.stderr,
    )
    return code
