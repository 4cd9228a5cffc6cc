"""Health told by a person: looked for everywhere once the conversation is over, and found nowhere in clear."""

import json
import sqlite3
import subprocess
import sys
from collections.abc import Iterator
from contextlib import closing
from pathlib import Path

import httpx2
import pytest

from gateway.settings import ROOT
from tests.conversations.player import Player, Script
from tests.running import System, running_system

STORY = ROOT / "tests" / "conversations" / "freins" / "sante_accord.txt"
# Her words, what we asked, what she answered, and the names that the code gives to them.
NEVER = ("malade", "maladie", "médecin", "medecin", "health", "doctor", "santé", "sante_accord")


@pytest.fixture(scope="module")
def told(tmp_path_factory: pytest.TempPathFactory) -> Iterator[System]:
    """A system in which one person told of her health, an hour ago."""
    with running_system(tmp_path_factory.mktemp("personal")) as system:
        script = Script.read(STORY)
        player = Player(system.url, system.cast([script])[STORY], system.robot)
        player.play(script)
        httpx2.post(f"{system.url}/simulator/api/clock", json={"advance": "PT1H"}, timeout=60)
        yield system


def spoken_of(text: str) -> set[str]:
    return {word for word in NEVER if word in text.lower()}


def content(database: Path) -> dict[str, str]:
    """table → every value of every row, as text; what is sealed shows as its sealed bytes."""
    with closing(sqlite3.connect(database)) as db:
        tables = [r[0] for r in db.execute("SELECT name FROM sqlite_master WHERE type = 'table'")]
        return {t: repr(db.execute(f'SELECT * FROM "{t}"').fetchall()) for t in tables}  # noqa: S608 their own names


def test_it_is_nowhere_in_the_database_in_clear(told: System) -> None:
    tables = content(told.var / "coup-de-pouce.db")
    assert {"message", "obstacle", "consent", "job", "mail", "question"} <= set(tables)
    tables.pop("service")  # what exists near her is said of nobody
    assert {name: found for name, rows in tables.items() if (found := spoken_of(rows))} == {}


def test_it_leaves_the_tracker_with_the_end_of_the_conversation(told: System) -> None:
    databases = [p for p in (told.var / "rasa").rglob("*") if p.is_file() and p.suffix == ".db"]
    assert databases
    for database in databases:
        assert {t: f for t, rows in content(database).items() if (f := spoken_of(rows))} == {}


def test_it_is_in_no_log_and_no_mail(told: System) -> None:
    files = [p for p in told.var.rglob("*") if p.is_file() and p.suffix in (".log", ".out", ".jsonl", ".csv")]
    written = [
        p for p in files if p.name not in ("carrier.jsonl", "beneficiaries.csv")
    ]  # the carrier's own record
    assert written
    assert {p.name: f for p in written if (f := spoken_of(p.read_text(errors="replace")))} == {}


@pytest.mark.parametrize("what", [["figures"], ["shared", "claire.moreau@example.org"]])
def test_it_is_told_to_her_referent_alone(told: System, what: list[str]) -> None:
    done = subprocess.run(
        [sys.executable, "-m", "gateway.commands", "obstacles", *what], cwd=ROOT, capture_output=True,
        text=True, check=True, env={"PATH": "", "PYTHONPATH": str(ROOT), "VAR": str(told.var)},
    )  # fmt: skip
    if what == ["figures"]:
        assert "doctor" not in done.stdout
        assert "<5" in done.stdout
    else:
        (entry,) = json.loads(done.stdout)
        assert (entry["obstacle"], entry["answers"]) == ("health", {"doctor": "no"})
