"""Les rappels et les relances : joués en dernier, car l'horloge y avance de plusieurs mois."""

from pathlib import Path

import pytest

from tests.conversations.playing import FOLDER, name_of, play, scripts_in
from tests.running import System

PATHS = sorted((FOLDER / "relances").glob("*.txt"))
SCRIPTS = scripts_in(PATHS)


@pytest.mark.parametrize("path", PATHS, ids=name_of)
def test_it_holds_the_conversation(path: Path, system: System) -> None:
    """Its people arrive when it begins: of those who had waited for years, nothing would be kept."""
    play(SCRIPTS[path], system, system.cast([SCRIPTS[path]]))


def test_it_has_fifteen_of_them() -> None:
    assert len(PATHS) >= 15
