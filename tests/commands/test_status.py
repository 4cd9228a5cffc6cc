"""./run status, beside a service or without one."""

import argparse
import asyncio
from datetime import timedelta
from pathlib import Path

import pytest

from gateway.adapters.clock import SystemClock
from gateway.adapters.database.engine import migrate, open_engine
from gateway.adapters.database.store import DatabaseStore
from gateway.adapters.encryption import Cipher, new_key
from gateway.adapters.rasa import RasaAssistant
from gateway.commands import status
from gateway.domain.conversation import Channel
from gateway.settings import Settings
from tests.adapters.servers import free_port
from tests.usecases.fakes import AMINA_PHONE

LATE = timedelta(minutes=7)


@pytest.fixture
def settings(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Settings:
    found = Settings(
        database_url=f"sqlite:///{tmp_path / 'test.db'}", secret_keys=new_key(), var=tmp_path,
        port=free_port(), rasa_url=f"http://127.0.0.1:{free_port()}",
    )  # fmt: skip
    monkeypatch.setattr(status, "settings_here", lambda: found)
    monkeypatch.setattr("gateway.logs.set_up", lambda _level: None)
    return found


async def she_waits(settings: Settings) -> None:
    engine = open_engine(settings.database)
    await migrate(engine)
    then = SystemClock().now() - LATE
    async with DatabaseStore(engine, Cipher(settings.secret_keys.get_secret_value())).transaction() as tx:
        amina = await tx.conversation_at(Channel.SMS, AMINA_PHONE, then)
        await tx.add_inbound(amina, "SM1", "je cherche une creche", 0, "", then)
        await tx.arm("converse", amina, then)
        ours = await tx.add_outbound(await tx.conversation(amina, then), 1, "Bonjour", (), then)
        await tx.mark_sent(ours, "SM2", then)
    await engine.dispose()


def told(capsys: pytest.CaptureFixture[str]) -> tuple[int, str]:
    code = status.run(argparse.Namespace())
    return code, capsys.readouterr().out


def test_it_says_what_is_wrong_and_what_to_do(settings: Settings, capsys: pytest.CaptureFixture[str]) -> None:
    asyncio.run(she_waits(settings))
    code, said = told(capsys)
    assert code == 1
    assert f"✕ {settings.public} ne répond pas d'ici." in said
    assert "✕ Robot (Rasa) : en panne. Le robot (Rasa) ne répond pas.\n      Redémarrez Rasa." in said
    assert "✕ Travail à faire : en panne. Du travail attend depuis plus de 5 minutes." in said
    assert "! Messages reçus : à surveiller." in said
    assert "docs/exploitation.md, « Les pannes », ligne « tous les Rasa »" in said
    assert "✓ Base de données : en marche." in said
    assert "Messages à répondre : 1, le plus ancien depuis 7 minutes" in said
    assert "Ce mois-ci : 1 SMS, environ 0,08\u00a0€" in said
    assert AMINA_PHONE[3:] not in said
    assert "creche" not in said


def test_it_says_that_the_database_is_away_and_nothing_that_it_cannot_know(
    settings: Settings, capsys: pytest.CaptureFixture[str]
) -> None:
    code, said = told(capsys)
    assert code == 1
    assert "✕ Base de données : en panne." in said
    assert "Courriels" not in said
    assert "Ce mois-ci" not in said


def test_it_is_content_when_all_is_well(
    settings: Settings, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    async def answers(_: RasaAssistant) -> bool:
        return True

    async def empty() -> None:
        engine = open_engine(settings.database)
        await migrate(engine)
        await engine.dispose()

    asyncio.run(empty())
    monkeypatch.setattr(RasaAssistant, "ready", answers)
    code, said = told(capsys)
    assert code == 0
    assert "en panne" not in said
    assert "Dernier message reçu : jamais" in said
