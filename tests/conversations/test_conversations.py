"""Chaque fichier .txt de ce dossier est une conversation, jouée à travers le vrai système."""

import os
from pathlib import Path

import pytest

from tests.conversations.player import Mismatch, Player, Script, rewritten
from tests.running import System

FOLDER = Path(__file__).parent
PATHS = sorted(FOLDER.rglob("*.txt"))
SCRIPTS = {path: Script.read(path) for path in PATHS}


@pytest.fixture(scope="module")
def cast(system: System) -> dict[Path, dict[str, str]]:
    """Each script has its own people: nothing passes from one to another but the hour."""
    return system.cast(list(SCRIPTS.values()))


@pytest.mark.parametrize("path", PATHS, ids=lambda p: str(p.relative_to(FOLDER).with_suffix("")))
def test_it_holds_the_conversation(path: Path, system: System, cast: dict[Path, dict[str, str]]) -> None:
    script, updating = SCRIPTS[path], os.environ.get("UPDATE") == "1"
    player = Player(system.url, cast[path], system.robot, system.referents[path], system.import_, updating)
    try:
        player.play(script)
    except Mismatch:
        if not updating:
            raise
    finally:
        system.calm()
    if updating:
        path.write_text(rewritten(script, player.heard), encoding="utf-8")


def test_it_has_stories_for_every_kind_of_trouble() -> None:
    kinds = {path.parent.name for path in PATHS}
    assert len(PATHS) >= 32
    assert kinds >= {
        "ordinaire", "corrections", "changements", "digressions", "incompris",
        "danger", "stop", "transporteur", "langues", "panne",
    }  # fmt: skip


@pytest.mark.parametrize("path", PATHS, ids=lambda p: str(p.relative_to(FOLDER).with_suffix("")))
def test_it_begins_with_a_title_and_what_it_proves(path: Path) -> None:
    title, why = path.read_text(encoding="utf-8").splitlines()[:2]
    assert title.strip() == title != ""
    assert why.startswith("  ")
    assert why.strip()
