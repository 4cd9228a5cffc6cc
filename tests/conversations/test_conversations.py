"""Chaque fichier .txt de ce dossier est une conversation, jouée à travers le vrai système."""

from pathlib import Path

import pytest

from tests.conversations.playing import FOLDER, name_of, play, scripts_in
from tests.running import System

ALL = sorted(FOLDER.rglob("*.txt"))
PATHS = [path for path in ALL if path.parent.name != "relances"]  # those are in test_nudges.py
SCRIPTS = scripts_in(PATHS)


@pytest.fixture(scope="module")
def cast(system: System) -> dict[Path, dict[str, str]]:
    """Each script has its own people: nothing passes from one to another but the hour."""
    return system.cast(list(SCRIPTS.values()))


@pytest.mark.parametrize("path", PATHS, ids=name_of)
def test_it_holds_the_conversation(path: Path, system: System, cast: dict[Path, dict[str, str]]) -> None:
    play(SCRIPTS[path], system, cast)


def test_it_has_stories_for_every_kind_of_trouble() -> None:
    kinds = {path.parent.name for path in PATHS}
    assert len(PATHS) >= 32
    assert kinds >= {
        "ordinaire", "corrections", "changements", "digressions", "incompris",
        "danger", "stop", "transporteur", "langues", "panne",
    }  # fmt: skip


@pytest.mark.parametrize("path", ALL, ids=name_of)
def test_it_begins_with_a_title_and_what_it_proves(path: Path) -> None:
    title, why = path.read_text(encoding="utf-8").splitlines()[:2]
    assert title.strip() == title != ""
    assert why.startswith("  ")
    assert why.strip()
