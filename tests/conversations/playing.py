"""One script, played to its end, and rewritten with what was heard when UPDATE=1 asks for it."""

import os
from collections.abc import Mapping
from pathlib import Path

from tests.conversations.player import Mismatch, Player, Script, rewritten
from tests.running import System

FOLDER = Path(__file__).parent


def scripts_in(paths: list[Path]) -> dict[Path, Script]:
    return {path: Script.read(path) for path in paths}


def name_of(path: Path) -> str:
    return str(path.relative_to(FOLDER).with_suffix(""))


def play(script: Script, system: System, cast: Mapping[Path, dict[str, str]]) -> None:
    __tracebackhide__ = True
    path, updating = script.path, os.environ.get("UPDATE") == "1"
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
