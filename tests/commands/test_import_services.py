"""`./run import services FILE.json`: what it says, and what it leaves alone."""

import asyncio
import json
import time
from argparse import ArgumentParser
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from gateway.adapters.database import tables as t
from gateway.adapters.database.engine import open_engine
from gateway.adapters.database.store import DatabaseStore
from gateway.adapters.encryption import Cipher, new_key
from gateway.commands import import_
from gateway.errors import NotReady
from gateway.settings import ROOT, Settings

SERVICE: dict[str, Any] = {
    "id": "exemple--1", "source": "exemple", "structure_id": "exemple--1", "nom": "Réparer (exemple)",
    "description": "Réparer sa voiture.", "date_maj": "2026-06-01", "telephone": "+33536490001",
    "thematiques": ["mobilite--entretenir-reparer-son-vehicule"], "mobilisable_par": ["usagers"],
}  # fmt: skip


@pytest.fixture
def settings(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Settings:
    made = Settings(database_url=f"sqlite:///{tmp_path / 'test.db'}", secret_keys=new_key(), var=tmp_path)
    monkeypatch.setattr(Settings, "read", lambda: made)
    return made


@pytest.fixture
def run(settings: Settings, tmp_path: Path) -> Callable[[Any], int]:
    def done(content: Any) -> int:
        file = tmp_path / "services.json"
        file.write_bytes(content if isinstance(content, bytes) else json.dumps(content).encode())
        return imported(file)

    return done


def imported(file: Path) -> int:
    parser = ArgumentParser()
    import_.add_arguments(parser)
    return import_.run(parser.parse_args(["services", str(file)]))


def names(settings: Settings) -> list[str]:
    async def kept() -> list[str]:
        engine = open_engine(settings.database)
        rows = await DatabaseStore(engine, Cipher(settings.secret_keys.get_secret_value())).rows(t.service)
        await engine.dispose()
        return [row["name"] for row in rows]

    return asyncio.run(kept())


def test_it_keeps_the_good_rows_and_tells_the_bad_ones(
    run: Callable[[Any], int], settings: Settings, capsys: pytest.CaptureFixture[str]
) -> None:
    assert run([SERVICE, {**SERVICE, "id": "exemple--2", "date_maj": "hier"}]) == 1
    first, last = capsys.readouterr().out.splitlines()
    assert first.endswith("services.json, service 2 : date_maj : valeur illisible (exemple--2)")
    assert last == "1 lignes gardées, 1 refusées."
    assert names(settings) == ["Réparer (exemple)"]


def test_it_replaces_the_former_import(run: Callable[[Any], int], settings: Settings) -> None:
    assert run([SERVICE, {**SERVICE, "id": "exemple--2"}]) == 0
    assert run({"services": [{**SERVICE, "nom": "Louer (exemple)"}]}) == 0
    assert names(settings) == ["Louer (exemple)"]


@pytest.mark.parametrize(
    ("content", "told"),
    [
        pytest.param(b"{", r"services\.json, ligne 1 : ce n'est pas du JSON$", id="no JSON"),
        pytest.param(b"phone\n", r"services\.json, ligne 1 : ce n'est pas du JSON$", id="a CSV"),
        pytest.param({}, r"services\.json, ligne 1 : il faut une liste de services", id="no services"),
        pytest.param([], "aucun service à garder, l'import précédent reste en place", id="empty"),
        pytest.param([{**SERVICE, "nom": None}], "aucun service à garder", id="no good row"),
    ],
)
def test_it_replaces_nothing_by_nothing(
    run: Callable[[Any], int], settings: Settings, content: Any, told: str
) -> None:
    run([SERVICE])
    with pytest.raises(NotReady, match=told):
        run(content)
    assert names(settings) == ["Réparer (exemple)"]


def test_it_says_that_there_is_no_such_file(settings: Settings, tmp_path: Path) -> None:
    with pytest.raises(NotReady, match=r"nowhere\.json"):
        imported(tmp_path / "nowhere.json")


def test_it_imports_what_the_demonstration_ships(
    settings: Settings, capsys: pytest.CaptureFixture[str]
) -> None:
    assert imported(ROOT / "demonstration" / "services.json") == 0
    assert capsys.readouterr().out == "16 lignes gardées, 0 refusées.\n"
    assert all("(exemple)" in name for name in names(settings))


def test_it_imports_ten_thousand_rows_and_says_where_it_is(
    run: Callable[[Any], int], settings: Settings, capsys: pytest.CaptureFixture[str]
) -> None:
    begun = time.monotonic()
    assert run([{**SERVICE, "id": f"exemple--{n}"} for n in range(10_000)]) == 0
    assert time.monotonic() - begun < 20  # a few seconds; the machine of the tests may be busy
    assert "5000 services lus sur 10000" in capsys.readouterr().err
    assert len(names(settings)) == 10_000
