"""./run forget and ./run export, as somebody at the keyboard, beside a service or not."""

import argparse
import asyncio
import json
import logging
from collections.abc import Awaitable, Callable
from pathlib import Path

import pytest

from gateway.adapters.database import tables as t
from gateway.adapters.database.engine import migrate, open_engine
from gateway.adapters.database.store import DatabaseStore
from gateway.adapters.encryption import Cipher, new_key
from gateway.commands import export, forget
from gateway.errors import NotReady
from gateway.settings import Settings
from tests.adapters.held import everything, held_of
from tests.usecases.fakes import AMINA_PHONE, KARIM_PHONE

SPOKEN = "06 39 98 00 01"
Done = Callable[[Callable[[DatabaseStore], Awaitable[object]]], object]


@pytest.fixture
def settings(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Settings:
    found = Settings(database_url=f"sqlite:///{tmp_path / 'test.db'}", secret_keys=new_key(), var=tmp_path)
    for command in (forget, export):
        monkeypatch.setattr(command, "settings_here", lambda: found)
    return found


@pytest.fixture
def beside(settings: Settings) -> Done:
    """Work done by another process on the same database."""

    async def done(work: Callable[[DatabaseStore], Awaitable[object]]) -> object:
        engine = open_engine(settings.database)
        await migrate(engine)
        try:
            return await work(DatabaseStore(engine, Cipher(settings.secret_keys.get_secret_value())))
        finally:
            await engine.dispose()

    return lambda work: asyncio.run(done(work))


@pytest.fixture
def amina(beside: Done) -> None:
    beside(lambda store: held_of(store, AMINA_PHONE, "Amina"))


def run(command: object, *arguments: str) -> int:
    parser = argparse.ArgumentParser()
    command.add_arguments(parser)  # type: ignore[attr-defined]
    return int(command.run(parser.parse_args(arguments)) or 0)  # type: ignore[attr-defined]


def people(beside: Done) -> list[str]:
    async def names(store: DatabaseStore) -> list[str]:
        return [row["first_name_sealed"] for row in (await everything(store))["beneficiary"]]

    return beside(names)  # type: ignore[return-value]


def test_it_erases_at_once_with_yes(amina: None, beside: Done, capsys: pytest.CaptureFixture[str]) -> None:
    assert run(forget, SPOKEN, "--yes") == 0
    told = capsys.readouterr()
    assert "C'est effacé" in told.out
    assert "Rendez-vous à venir annulés : 1" in told.out
    assert people(beside) == []
    assert AMINA_PHONE not in told.out + told.err
    assert SPOKEN not in told.out + told.err


def test_it_leaves_the_rest_to_the_service(amina: None, beside: Done) -> None:
    run(forget, SPOKEN, "--yes")

    async def left(store: DatabaseStore) -> set[str]:
        return {row["kind"] for row in await store.rows(t.job) if row["state"] == "ready"}

    assert {"elsewhere", "vanish", "mail", "calendar"} <= beside(left)  # type: ignore[operator]


def test_it_asks_before_it_erases(
    amina: None, beside: Done, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setattr("sys.stdin.isatty", lambda: True)
    monkeypatch.setattr("builtins.input", lambda _question: "non")
    assert run(forget, SPOKEN) == 1
    assert "Rien n'est effacé." in capsys.readouterr().out
    assert people(beside) == ["Amina"]
    monkeypatch.setattr("builtins.input", lambda _question: "OUI")
    assert run(forget, SPOKEN) == 0
    assert people(beside) == []


def test_it_erases_nothing_when_nobody_can_answer(
    amina: None, beside: Done, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("sys.stdin.isatty", lambda: False)
    with pytest.raises(NotReady, match="--yes"):
        run(forget, SPOKEN)
    assert people(beside) == ["Amina"]


def test_it_says_that_nothing_is_held(settings: Settings, capsys: pytest.CaptureFixture[str]) -> None:
    assert run(forget, KARIM_PHONE, "--yes") == 0
    assert "Rien n'est gardé" in capsys.readouterr().out
    with pytest.raises(NotReady, match="Rien n'est gardé"):
        run(export, KARIM_PHONE)


@pytest.mark.parametrize("command", [forget, export])
@pytest.mark.parametrize("typed", ["", "bonjour", "0639", "+33"])
def test_it_does_not_repeat_a_number_that_it_cannot_read(
    settings: Settings, command: object, typed: str
) -> None:
    with pytest.raises(NotReady) as told:
        run(command, typed)
    assert not typed or typed not in str(told.value)


def test_it_copies_what_is_held_as_json(amina: None, capsys: pytest.CaptureFixture[str]) -> None:
    assert run(export, SPOKEN) == 0
    copy = json.loads(capsys.readouterr().out)
    assert copy["personne"][0]["prenom"] == "Amina"
    assert len(copy["messages"]) == 4
    assert set(copy) >= {
        "messages", "rendez_vous", "difficultes_partagees", "accords", "desinscriptions", "rappels_et_relances",
        "suivis", "demandes_de_rappel", "consultations_de_la_page",
    }  # fmt: skip


def test_it_logs_no_number(amina: None, caplog: pytest.LogCaptureFixture) -> None:
    with caplog.at_level(logging.DEBUG):
        run(export, SPOKEN)
        run(forget, SPOKEN, "--yes")
    assert AMINA_PHONE[1:] not in caplog.text
    assert "Amina" not in caplog.text
