"""Chaque fichier .txt de ce dossier est une conversation, jouée à travers le vrai système."""

import os
from pathlib import Path

import pytest

from tests.conversations.player import Mismatch, Player, Script, rewritten
from tests.running import System

FOLDER = Path(__file__).parent
SCRIPTS = sorted(FOLDER.rglob("*.txt"))


@pytest.mark.parametrize("path", SCRIPTS, ids=lambda p: str(p.relative_to(FOLDER).with_suffix("")))
def test_it_holds_the_conversation(path: Path, system: System) -> None:
    script = Script.read(path)
    updating = os.environ.get("UPDATE") == "1"
    player = Player(system.url, system.phones_of(script), system.robot, updating)
    try:
        player.play(script)
    except Mismatch:
        if not updating:
            raise
    finally:
        system.calm()
    if updating:
        path.write_text(rewritten(script, player.heard), encoding="utf-8")


def test_it_has_at_least_25_scripts() -> None:
    assert len(SCRIPTS) >= 25
