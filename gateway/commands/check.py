"""Vérifie le code, les règles d'import, les traductions et les textes."""

import argparse
import subprocess
import sys
import time
from collections.abc import Callable, Iterator, Sequence
from pathlib import Path

from gateway.commands import content_rules, known_holes, nudge_rules
from gateway.commands.known_holes import NobodyToAsk
from gateway.settings import ROOT

Step = tuple[str, Callable[[], Sequence[str]]]


def add_arguments(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("--content", action="store_true", help="seulement les textes et les traductions")


def run(arguments: argparse.Namespace) -> int:
    steps = list(_content()) if arguments.content else [*_code(), *_content()]
    failed = 0
    for name, step in steps:
        started = time.monotonic()
        print(f"{name:<24}", end="", flush=True)
        try:
            problems, said = step(), ""
        except NobodyToAsk as why:
            problems, said = [], f"passé : {why}"
        said = said or ("À CORRIGER" if problems else "bon")
        print(f"{said}  {time.monotonic() - started:.1f} s")
        for problem in problems:
            print(f"  {problem}")
        failed += bool(problems)
    return 1 if failed else 0


def _code() -> Iterator[Step]:
    def tool(*command: str) -> Callable[[], list[str]]:
        def step() -> list[str]:
            done = subprocess.run(
                [sys.executable, "-m", *command], cwd=ROOT, capture_output=True, text=True, check=False
            )
            return [] if done.returncode == 0 else (done.stdout + done.stderr).strip().splitlines()

        return step

    yield "forme du code", tool("ruff", "format", "--check", "--quiet", ".")
    yield "règles du code", tool("ruff", "check", "--quiet", ".")
    yield "types", tool("mypy", "gateway", "bot/actions")
    # Moderate and graver: the rest is ruff's, letter S.
    yield "sécurité du code", tool("bandit", "-q", "-ll", "-r", "gateway", "bot", "scripts")
    yield "failles connues", known_holes.found
    yield "règles d'import", _imports


def _imports() -> list[str]:
    lint = Path(sys.executable).with_name("lint-imports")
    done = subprocess.run([str(lint)], cwd=ROOT, capture_output=True, text=True, check=False)
    kept = done.returncode == 0 and "0 broken" in done.stdout
    return [] if kept else (done.stdout + done.stderr).strip().splitlines()


def _content() -> Iterator[Step]:
    yield "fichiers des textes", content_rules.files
    yield "rappels et relances", nudge_rules.kinds
    yield "traductions", content_rules.translations
    yield "budget des textes", content_rules.budget
    yield "mots à écrire", content_rules.capital_words
    yield "thèmes", content_rules.topics
    yield "phrases d'exemple", content_rules.training_lines
